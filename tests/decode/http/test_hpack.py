"""HPACK, on the examples of RFC 7541 Appendix C."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.http.hpack import MAX_LIST_SIZE, MAX_TABLE_SIZE, HpackDecoder, HpackError

REQUESTS = (
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
)
CODED_REQUESTS = (
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
)
HOST = (b":authority", b"www.example.com")


@pytest.mark.parametrize("blocks", [REQUESTS, CODED_REQUESTS], ids=["C.3", "C.4"])
def test_requests_of_the_standard(blocks: tuple[str, ...]) -> None:
    """The table grows from one to the next."""
    table = HpackDecoder()

    first, second, third = (table.decode(bytes.fromhex(block)) for block in blocks)
    assert first == ((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), HOST)
    assert second == (*first, (b"cache-control", b"no-cache"))
    assert third[1:] == (
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        HOST,
        (b"custom-key", b"custom-value"),
    )


def test_old_entries_leave_a_small_table() -> None:
    """C.5: 256 bytes; :status 307 drives :status 302 out."""
    table = HpackDecoder()
    first = table.decode(
        bytes.fromhex(
            "3fe101"  # A table of 256 bytes.
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
            "6e1768747470733a2f2f7777772e6578616d706c652e636f6d"
        )
    )
    second = table.decode(bytes.fromhex("4803333037c1c0bf"))

    assert first[0] == (b":status", b"302")
    assert second == ((b":status", b"307"), *first[1:])
    with pytest.raises(HpackError, match="index 66"):
        table.decode(b"\xc2")


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        ("040c2f73616d706c652f70617468", ((b":path", b"/sample/path"),)),
        ("100870617373776f726406736563726574", ((b"password", b"secret"),)),
        ("200082", ((b"", b""), (b":method", b"GET"))),
    ],
    ids=["C.2.2", "C.2.3", "an empty name"],
)
def test_fields_that_no_table_keeps(block: str, fields: tuple[tuple[bytes, bytes], ...]) -> None:
    """Without indexing, and never indexed."""
    table = HpackDecoder()
    data = bytes.fromhex(block) if block != "200082" else bytes.fromhex("20000000") + b"\x82"

    assert table.decode(data) == fields
    with pytest.raises(HpackError):
        table.decode(b"\xbe")


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xbe",
        b"\x00",
        b"\x00\x05abc",
        b"\x00\x01a\x85\xff\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\x0f",
        b"\xff\x80\x80",
        b"\x3f" + b"\xe2\xff\x3f\xff\x0f",
    ],
    ids=[
        *("index 0", "an empty table", "no name", "half a string", "EOS"),
        *("a large number", "half a number", "a large table"),
    ],
)
def test_what_is_no_block(block: bytes) -> None:
    """Each is an error of the peer, and the end of what can be known."""
    with pytest.raises(HpackError):
        HpackDecoder().decode(block)


def test_a_few_bytes_that_stand_for_a_lot() -> None:
    """What is kept and what is given out is bounded."""
    table = HpackDecoder()
    table.decode(b"\x40\x01a\x7f\x80\x1e" + b"b" * 3967)

    with pytest.raises(HpackError, match=str(MAX_LIST_SIZE)):
        table.decode(b"\xbe" * 300)
    with pytest.raises(HpackError, match="a table of"):
        table.decode(b"\x3f" + _rest(MAX_TABLE_SIZE + 1 - 31))


def _rest(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_fields_or_an_error(blocks: list[bytes]) -> None:
    """Nothing else is raised."""
    table = HpackDecoder()
    for block in blocks:
        try:
            table.decode(block)
        except HpackError:
            return
