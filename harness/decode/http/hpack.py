"""HPACK: header blocks of one side of an HTTP/2 connection to fields (RFC 7541)."""

from __future__ import annotations

from collections import deque

from harness.decode.http.huffman import HuffmanError, decode_huffman

Field = tuple[bytes, bytes]

_STATIC_NAMES = (
    b":authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status"
    b" :status accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin"
    b" age allow authorization cache-control content-disposition content-encoding content-language"
    b" content-length content-location content-range content-type cookie date etag expect expires from host"
    b" if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location"
    b" max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server"
    b" set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
).split()
_STATIC_VALUES = {
    2: b"GET",
    3: b"POST",
    4: b"/",
    5: b"/index.html",
    6: b"http",
    7: b"https",
    8: b"200",
    9: b"204",
    10: b"206",
    11: b"304",
    12: b"400",
    13: b"404",
    14: b"500",
    16: b"gzip, deflate",
}
"""By index; the others are empty (Appendix A)."""
_ENTRY_SIZE = 32
"""Counted for each entry beside its bytes (section 4.1)."""
_DEFAULT_SIZE = 4096
MAX_TABLE_SIZE = 1 << 20
"""Bytes that a sender may ask a table to hold; no more is kept here."""
MAX_LIST_SIZE = 1 << 20
"""Bytes of the fields of one block: a few bytes can stand for a lot."""
_MAX_INTEGER = 1 << 32


class HpackError(ValueError):
    """The block cannot be read, nor any later one of this side: the table is no longer known."""


class HpackDecoder:
    """The table of one side, which grows from block to block."""

    def __init__(self) -> None:
        """Begin with an empty table of the size that both sides start with."""
        self._table: deque[Field] = deque()
        """The newest first."""
        self._size = 0
        self._limit = _DEFAULT_SIZE

    def decode(self, block: bytes) -> tuple[Field, ...]:
        """The fields of a whole block, in order.

        Raises:
            HpackError: it is none, or larger than anybody needs.
        """
        fields: list[Field] = []
        at = size = 0
        while at < len(block):
            first = block[at]
            if first & 0xE0 == 0x20:  # section 6.3
                limit, at = _integer(block, at, 5)
                self._resize(limit)
                continue
            if first & 0x80:  # section 6.1
                index, at = _integer(block, at, 7)
                field = self._find(index)
            else:  # section 6.2
                is_kept = bool(first & 0x40)
                index, at = _integer(block, at, 6 if is_kept else 4)
                if index:
                    name = self._find(index)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                field = name, value
                if is_kept:
                    self._add(field)
            size += len(field[0]) + len(field[1]) + _ENTRY_SIZE
            if size > MAX_LIST_SIZE:
                raise HpackError(f"fields over {MAX_LIST_SIZE} bytes")
            fields.append(field)
        return tuple(fields)

    def _find(self, index: int) -> Field:
        if 1 <= index <= len(_STATIC_NAMES):
            return _STATIC_NAMES[index - 1], _STATIC_VALUES.get(index, b"")
        own = index - len(_STATIC_NAMES) - 1
        if not 0 <= own < len(self._table):
            raise HpackError(f"index {index} of a table of {len(self._table)} entries")
        return self._table[own]

    def _add(self, field: Field) -> None:
        # Section 4.4: what does not fit empties the table.
        self._table.appendleft(field)
        self._size += _entry_size(field)
        self._evict()

    def _resize(self, limit: int) -> None:
        if limit > MAX_TABLE_SIZE:
            raise HpackError(f"a table of {limit} bytes")
        self._limit = limit
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            self._size -= _entry_size(self._table.pop())


def _entry_size(field: Field) -> int:
    return len(field[0]) + len(field[1]) + _ENTRY_SIZE


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """Section 5.1: a number that begins in the low bits of a byte, and where the next thing begins."""
    limit = (1 << bits) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return value, at
    shift = 0
    while at < len(block):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if value > _MAX_INTEGER:
            raise HpackError("a number beyond all use")
        if not byte & 0x80:
            return value, at
    raise HpackError("the block ends within a number")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """Section 5.2: a string as it is, or in the Huffman code."""
    if at >= len(block):
        raise HpackError("the block ends before a string")
    is_coded = bool(block[at] & 0x80)
    size, at = _integer(block, at, 7)
    data = block[at : at + size]
    if len(data) < size:
        raise HpackError("the block ends within a string")
    try:
        return (decode_huffman(data) if is_coded else data), at + size
    except HuffmanError as error:
        raise HpackError(str(error)) from error
