"""The Huffman code of HPACK, on the strings of RFC 7541 Appendix C."""

from __future__ import annotations

import pytest

from harness.decode.http.huffman import HuffmanError, decode_huffman


@pytest.mark.parametrize(
    ("coded", "text"),
    [
        ("f1e3c2e5f23a6ba0ab90f4ff", b"www.example.com"),
        ("a8eb10649cbf", b"no-cache"),
        ("25a849e95ba97d7f", b"custom-key"),
        ("d07abe941054d444a8200595040b8166e082a62d1bff", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        ("9d29ad171863c78f0b97c8e9ae82ae43d3", b"https://www.example.com"),
        (
            "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ),
        ("", b""),
    ],
)
def test_strings_of_the_standard(coded: str, text: bytes) -> None:
    """Sections C.4 and C.6."""
    assert decode_huffman(bytes.fromhex(coded)) == text


def test_the_longest_codes() -> None:
    """Appendix B: LF has 30 bits, and two of padding."""
    assert decode_huffman((0x3FFFFFFC << 2 | 3).to_bytes(4)) == b"\n"


@pytest.mark.parametrize(
    "coded",
    [b"\xff\xff\xff\xff", b"\xff", b"\x18", b"\xa8\xeb\x10\x64\x9c\xbf\xff"],
    ids=["EOS", "a byte of padding", "a zero in the padding", "a byte too many"],
)
def test_what_is_no_string(coded: bytes) -> None:
    """RFC 7541 section 5.2."""
    with pytest.raises(HuffmanError):
        decode_huffman(coded)
