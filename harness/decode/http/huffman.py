"""Huffman: the code of HPACK for strings (RFC 7541 section 5.2 and Appendix B).

The code is canonical: of symbols with codes of the same length the smaller has the smaller code, so the lengths say it
all.
"""

from __future__ import annotations

from types import MappingProxyType

_LENGTHS = (
    "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28"
    " 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28"
    " 6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6"
    " 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10"
    " 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7"
    " 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6"
    " 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5"
    " 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28"
    " 20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23"
    " 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24"
    " 22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23"
    " 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23"
    " 26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25"
    " 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27"
    " 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23"
    " 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26"
    " 30"
)
"""Bits of the code of each byte, and of the end of a string (EOS)."""
_EOS = 256
_LONGEST = 30


class HuffmanError(ValueError):
    """The bytes are no string in this code."""


def _build_codes() -> dict[tuple[int, int], int]:
    """Length and code of each symbol, to the symbol."""
    lengths = [int(length) for length in _LENGTHS.split()]
    found: dict[tuple[int, int], int] = {}
    code = 0
    for length in range(1, _LONGEST + 1):
        code <<= 1
        for symbol in (s for s, own in enumerate(lengths) if own == length):
            found[length, code] = symbol
            code += 1
    return found


_CODES = MappingProxyType(_build_codes())


def decode_huffman(data: bytes) -> bytes:
    """The string that the bytes stand for.

    Raises:
        HuffmanError: a code that is none, EOS, or padding of a byte or more, or with a 0 in it.
    """
    out = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code, length = code << 1 | byte >> shift & 1, length + 1
            symbol = _CODES.get((length, code))
            if symbol is not None:
                if symbol == _EOS:
                    raise HuffmanError("EOS in a string")
                out.append(symbol)
                code = length = 0
            elif length > _LONGEST:
                raise HuffmanError("no code of the table")
    if length > 7 or code != (1 << length) - 1:
        raise HuffmanError("a string ends within a code")
    return bytes(out)
