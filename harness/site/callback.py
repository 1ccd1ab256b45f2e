"""The certificate call-back (leg L5). The vendor does not document its form; this contract is ours, here alone.

    GET /certificate/<port> HTTP/1.1
    Certproxy-Nonce: <32 hex digits>
    Certproxy-Time: <seconds since the epoch>
    Certproxy-Proof: <hex of HMAC-SHA256(certificate-proxy key, nonce LF time LF port)>

Answers: 200 with the PEM chain, leaf first, once; then 404. 403 where the proof does not hold.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

NONCE_HEADER = "Certproxy-Nonce"
TIME_HEADER = "Certproxy-Time"
PROOF_HEADER = "Certproxy-Proof"
CONTENT_TYPE = "application/x-pem-file"
CLOCK_TOLERANCE_S = 300
"""A proof older or newer than this is refused."""

_TARGET = re.compile(rb"/certificate/([0-9]{1,9})", re.ASCII)


def build_target(port: int) -> str:
    """The request target that asks for the certificate stored under `port`."""
    return f"/certificate/{port}"


def find_port(target: bytes) -> int | None:
    """The port a request target asks for; None when it is no call-back."""
    match = _TARGET.fullmatch(target)
    return int(match[1]) if match else None


def build_proof(key: bytes, *, nonce: str, time_s: int, port: int) -> str:
    """The proof of the shared key."""
    return hmac.new(key, f"{nonce}\n{time_s}\n{port}".encode(), hashlib.sha256).hexdigest()


def is_proof(
    key: bytes,
    *,
    nonce: str,
    time_s: int,
    port: int,
    proof: str,
    now_s: int,
    is_new: Callable[[str], bool],
) -> bool:
    """Whether the proof holds, is recent, and its nonce is new (`is_new` remembers it)."""
    expected = build_proof(key, nonce=nonce, time_s=time_s, port=port)
    if not hmac.compare_digest(expected, proof) or abs(now_s - time_s) > CLOCK_TOLERANCE_S:
        return False
    return is_new(nonce)
