"""The contract of a deployment: names of the headers, and the form of the certificate call-back.

The vendor documents neither the call-back nor every balancer's habits. The defaults are this project's own contract
(callback.py); a site file for a capture of others says what stands there instead.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Literal
from urllib.parse import parse_qsl, unquote_to_bytes

from harness.net.forwarding import FORWARDED_FOR, REMOTE_PORT
from harness.site.callback import PROOF_HEADER
from harness.site.model import Model

PORT = "{port}"
"""Where the port stands in a pattern."""
_DIGITS = rb"([0-9]{1,9})"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_SEQUENCE = 0x30

Lines = tuple[tuple[bytes, bytes], ...]
"""Field lines: name and value."""


class HeaderNames(Model):
    """How a terminating balancer names the connection that it got."""

    remote_port: str = REMOTE_PORT
    """Header with the source port; "" where the port stands in `forwarded_for` as `ADDRESS:PORT`."""
    forwarded_for: str = FORWARDED_FOR
    """Header with the source addresses; "" where the deployment has none and a port alone names the certificate."""

    @property
    def all(self) -> tuple[str, ...]:
        """The names in use."""
        return tuple(name for name in (self.remote_port, self.forwarded_for) if name)


class CallBackForm(Model):
    """What a certificate call-back looks like; the port stands in exactly one of path, query, header and body."""

    path: str = f"/certificate/{PORT}"
    """Path of the request; `{port}` where the port stands in it, `*` for any text without a slash, "" for any path."""
    query: str = ""
    """Query parameter that holds the port; "" where none does."""
    header: str = ""
    """Header that holds the port; "" where none does."""
    body: str = ""
    """Text of the body around the port, `{port}` in its place; "" where the port stands elsewhere."""
    certificate_in: Literal["pem", "der", "json", "header"] = "pem"
    """Where the answer holds the certificate: PEM or DER as the body, a member of a JSON object, or a header."""
    certificate_name: str = ""
    """Name of the JSON member (`data.certificate` looks inside) or of the header."""
    proof_header: str = PROOF_HEADER
    """Header by which the caller proves who it is; "", or not given beside another form: it is not known."""

    @property
    def has_known_proof(self) -> bool:
        """Whether a request without a proof can be told: our own form says how one looks, others only when asked."""
        is_told = "proof_header" in self.model_fields_set or self == CallBackForm()
        return is_told and bool(self.proof_header)


def find_call_back_port(
    form: CallBackForm, *, target: bytes, headers: Lines, body: bytes
) -> int | None:
    """The port that a request asks for; None when it is no call-back."""
    path, _, query = target.partition(b"?")
    if b"://" in path:  # RFC 9112 section 3.2.2: the absolute form.
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    match = compile_pattern(form.path).fullmatch(path) if form.path else None
    if form.path and match is None:
        return None
    if PORT in form.path:
        return int(match[1]) if match is not None and not query else None
    if form.query:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
        return _only_port(
            [value.encode("latin-1", "replace") for name, value in pairs if name == form.query]
        )
    if form.header:
        return _only_port(values(headers, form.header))
    found = compile_pattern(form.body).search(body)
    return int(found[1]) if found else None


def find_certificate(form: CallBackForm, *, headers: Lines, body: bytes) -> bytes | None:
    """The DER of the first certificate in an answer; None where there is none in the place for it."""
    match form.certificate_in:
        case "pem":
            return _from_pem(body)
        case "der":
            return _first_der(body)
        case "json":
            text = find_member(body, form.certificate_name)
            return _from_text(text.encode()) if text is not None else None
        case "header":
            found = values(headers, form.certificate_name)
            return _from_text(found[0]) if len(found) == 1 else None


def values(headers: Lines, name: str) -> list[bytes]:
    """All values of one field name, in any case."""
    wanted = name.lower().encode()
    return [value for line, value in headers if line.lower() == wanted]


def compile_pattern(pattern: str) -> re.Pattern[bytes]:
    """A pattern with `{port}` and `*`: literal text, one run of digits, runs without a slash; it never takes long."""
    escaped = re.escape(pattern.encode()).replace(re.escape(PORT.encode()), _DIGITS)
    return re.compile(escaped.replace(rb"\*", rb"[^/]*"))


def _only_port(found: list[bytes]) -> int | None:
    match = re.fullmatch(_DIGITS, found[0].strip()) if len(found) == 1 else None
    return int(match[1]) if match else None


def _from_pem(text: bytes) -> bytes | None:
    match = _PEM.search(text)
    return _decode(match[1]) if match else None


def _from_text(text: bytes) -> bytes | None:
    """PEM, also percent-encoded or with its line breaks written out; base64, also between colons (RFC 9440)."""
    for plain in (text, unquote_to_bytes(text), text.replace(b"\\n", b"\n")):
        if (der := _from_pem(plain)) is not None:
            return der
    der = _decode(text.strip().strip(b":"))
    return _first_der(der) if der is not None else None


def _decode(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return None


def _first_der(data: bytes) -> bytes | None:
    """The first SEQUENCE of some DER (X.690 section 8.1.3); None for anything else."""
    if len(data) < 2 or data[0] != _SEQUENCE:
        return None
    size, start = data[1], 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or len(data) < start + count:
            return None
        size, start = int.from_bytes(data[start : start + count], "big"), start + count
    return data[: start + size] if len(data) >= start + size else None


def find_member(body: bytes, name: str) -> str | None:
    """The text of a member of a JSON object, `a.b` of the one inside; None where there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for key in name.split("."):
        if isinstance(value, list) and value:
            value = value[0]
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else None
