"""Record: what the records of an ordinary TLS connection may be, one by one. Columns of them are in record_table.py.

What is not ordinary raises OddError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.decode.swift.odd import OddError
from harness.decode.tls.cipher import BadRecordError, Opener
from harness.decode.tls.message import HandshakeType
from harness.decode.tls.record import ALERT, FRAGMENT_LIMIT, HANDSHAKE, HEADER_SIZE

Record = tuple[bytes, int, int]
"""What was in a record of application data; where it begins and ends, in whatever its reader counts."""
MAX_TRIES = 16
"""Records that are tried for the first one of application data."""
_TICKET = int(HandshakeType.new_session_ticket)
_USUAL = (b"\x17\3\3", b"\x16\3\3")
"""How most records begin: type and version."""


def find_record_end(data: bytes, at: int, size: int) -> int | None:
    """Where the record ends that begins there (RFC 8446 section 5.1); None: not within so many bytes."""
    if at + HEADER_SIZE > size:
        return None
    length = data[at + 3] << 8 | data[at + 4]
    if length > FRAGMENT_LIMIT or not (
        data.startswith(_USUAL, at)
        or (20 <= data[at] <= 23 and data[at + 1] == 3 and data[at + 2] <= 4)
    ):
        raise OddError
    end = at + HEADER_SIZE + length
    return end if end <= size else None


def open_first(
    opener: Opener, data: bytes, begins: Sequence[int], ends: Sequence[int], tried: Iterable[int]
) -> tuple[int, int, bytes] | None:
    """Index, type and content of the first record that the keys of application data open as their first one.

    A tag proves it, so nothing is guessed. What came before it belongs to the handshake of TLS 1.3, and is not read.

    Args:
        opener: Has the keys of application data.
        data: Holds the records.
        begins: Where each record begins.
        ends: Where it ends.
        tried: Indexes of those that may be the one.

    Returns:
        None where none of them is the one.
    """
    for count, index in enumerate(tried, 1):
        begin = begins[index]
        content = begin + HEADER_SIZE
        try:
            return index, *opener.open(0, data[begin:content], data[content : ends[index]])
        except BadRecordError:
            if count == MAX_TRIES:
                raise OddError from None
    return None


def pass_over(kind: int, content: bytes, *, is_tls13: bool) -> None:
    """Of what is opened beside application data: alerts, and in TLS 1.3 whole NewSessionTickets and nothing else."""
    if kind == ALERT:
        return
    if kind != HANDSHAKE or not is_tls13:
        raise OddError
    at, size = 0, len(content)
    while at + 4 <= size and content[at] == _TICKET:
        at += 4 + int.from_bytes(content[at + 1 : at + 4], "big")
    if at != size:
        raise OddError
