"""PEM text: the blocks of a file with their lines, and everything about its tags that is wrong (RFC 7468 section 3).

One table of states: outside a block, or inside one. A tag that is nearly right counts as the tag it was meant to be, so
that one slip of the pen is told once.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from harness.certificate.rule import Flaw, Rule

_TAG = re.compile(r"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----")
_NEARLY = re.compile(
    r"[\s\-\u2010-\u2015\u2212]*(BEGIN|END)\b[\s_]*((?:.*\b)?(?:CERTIFICATE|KEY|REQUEST|PKCS7)\b)?"
    r"[\s\-\u2010-\u2015\u2212]*",
    re.IGNORECASE,
)
"""Other numbers of dashes, other dashes (word processors), blanks around; only where a dash is at either end."""
_HEADER = re.compile(r"[A-Za-z][A-Za-z-]*: ?.*")
"""RFC 1421 section 4.6: of encrypted keys in the old form."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_DASHES = re.compile(r"[-\u2010-\u2015\u2212]")
_LINE_SIZE = 60
"""Characters of a line that a message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block between its tags."""

    label: str
    """`CERTIFICATE`, `RSA PRIVATE KEY`."""
    line: int
    """1-based line of its BEGIN tag."""
    der: bytes
    headers: tuple[str, ...] = ()
    """`Proc-Type: 4,ENCRYPTED` and the like."""


@dataclass(slots=True)
class _Open:
    """A block whose END is still to come."""

    label: str
    line: int
    is_sound: bool
    body: list[tuple[int, str]]


def read_blocks(name: str, data: bytes) -> tuple[tuple[Block, ...], tuple[Flaw, ...]]:
    """The sound blocks of a file in order, and what is wrong with the rest; never raises.

    Args:
        name: of the file, for messages.
        data: its bytes; CR LF, LF and a UTF-8 mark at its start are fine.
    """
    text, flaw = _read_text(name, data)
    if flaw is not None:
        return (), (flaw,)
    reader = _Reader(name)
    for number, line in enumerate(text.splitlines(), start=1):
        reader.feed(number, line.rstrip())
    reader.end()
    return tuple(reader.blocks), tuple(reader.flaws)


def _read_text(name: str, data: bytes) -> tuple[str, Flaw | None]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        found = "text in UTF-16"
    elif data[:1] == b"\x30" and b"-----" not in data[:100]:
        found = "binary DER (or PFX)"
    elif b"\x00" in data:
        found = "binary data"
    else:
        return data.decode("utf-8-sig", errors="replace"), None
    expected = (
        "PEM text with -----BEGIN CERTIFICATE----- (for DER: openssl x509 -inform der -in FILE; "
        "a PFX is imported as one file, with its password)"
    )
    return "", Flaw(rule=Rule.BINARY, place=name, found=found, expected=expected)


class _Reader:
    """Line by line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: _Open | None = None
        self._is_text_told = False
        self.blocks: list[Block] = []
        self.flaws: list[Flaw] = []

    def feed(self, number: int, line: str) -> None:
        match = _TAG.fullmatch(line)
        is_exact = match is not None
        if match is None and _DASHES.search(line):
            match = _NEARLY.fullmatch(line)
        if match is None:
            self._feed_text(number, line)
            return
        kind, label = match[1].upper(), " ".join((match[2] or "").upper().split())
        if not is_exact:
            expected = f"-----{kind} {label or 'CERTIFICATE'}----- with five hyphens on both sides"
            self._tell(Rule.BAD_TAG, number, _show(line), expected)
        if kind == "BEGIN":
            self._begin(number, label, is_exact=is_exact)
        else:
            self._end(number, label, is_exact=is_exact)

    def end(self) -> None:
        """No more lines."""
        if self._open is not None:
            self._tell_unended("the end of the file")

    def _feed_text(self, number: int, line: str) -> None:
        if self._open is not None:
            self._open.body.append((number, line))
        elif line.strip() and not self._is_text_told:
            # RFC 7468 section 2 allows it (OpenSSL writes subject= lines); other readers stumble over it.
            self._is_text_told = True
            expected = (
                "nothing outside the tags: it is left out here, other programs may stop there"
            )
            self._tell(Rule.TEXT_OUTSIDE, number, _show(line), expected)

    def _begin(self, number: int, label: str, *, is_exact: bool) -> None:
        if self._open is not None:
            self._tell_unended(f"the next BEGIN in line {number}")
        self._open = _Open(label=label, line=number, is_sound=is_exact, body=[])

    def _end(self, number: int, label: str, *, is_exact: bool) -> None:
        opened, self._open = self._open, None
        if opened is None:
            expected = f"-----BEGIN {label}----- before it"
            self._tell(Rule.BEGIN_MISSING, number, f"-----END {label}-----", expected)
            return
        if is_exact and opened.is_sound and label != opened.label:
            expected = f"-----END {opened.label}-----, as line {opened.line} begins"
            self._tell(Rule.BAD_TAG, number, f"-----END {label}-----", expected)
        elif is_exact and opened.is_sound:
            self._add(opened)

    def _add(self, opened: _Open) -> None:
        headers = tuple(line for _, line in opened.body if _HEADER.fullmatch(line))
        body = [(n, line.strip()) for n, line in opened.body if line not in headers]
        for number, line in body:
            if not _BASE64.fullmatch(line):
                self._tell(Rule.BAD_BASE64, number, _show(line), "base64 (A-Z a-z 0-9 + / =) alone")
                return
        try:
            der = base64.b64decode("".join(line for _, line in body), validate=True)
        except binascii.Error as error:
            self._tell(Rule.BAD_BASE64, opened.line, str(error), "whole base64: was a line lost?")
            return
        self.blocks.append(Block(label=opened.label, line=opened.line, der=der, headers=headers))

    def _tell_unended(self, where: str) -> None:
        assert self._open is not None
        expected = f"-----END {self._open.label}----- before {where}"
        found = f"-----BEGIN {self._open.label}----- that does not end"
        if self._open.is_sound:
            self._tell(Rule.END_MISSING, self._open.line, found, expected)

    def _tell(self, rule: Rule, line: int, found: str, expected: str) -> None:
        place = f"{self._name}:{line}"
        self.flaws.append(Flaw(rule=rule, place=place, found=found, expected=expected))


def _show(line: str) -> str:
    text = line.strip()
    return f'"{text[:_LINE_SIZE]}{"..." if len(text) > _LINE_SIZE else ""}"'
