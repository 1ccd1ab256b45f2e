"""Tests of options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.option import (
    build_options,
    decode_comments,
    decode_options,
    decode_text,
    find_value,
)

OPTIONS = st.lists(st.tuples(st.integers(1, 0xFFFF), st.binary(max_size=40)), max_size=6)


@given(OPTIONS)
def test_options_come_back(options: list[tuple[int, bytes]]) -> None:
    """Codes, values and their order survive; the size is whole words."""
    data = build_options(options)

    assert decode_options(data, "<") == tuple(options)
    assert len(data) % 4 == 0


@given(OPTIONS, st.integers(0, 100))
def test_cut_options_are_a_prefix(options: list[tuple[int, bytes]], size: int) -> None:
    """An option that is not whole is left out, and nothing raises."""
    found = decode_options(build_options(options)[:size], "<")

    assert found == tuple(options)[: len(found)]


def test_big_endian_options_are_read() -> None:
    """Files of another machine have the other byte order."""
    assert decode_options(b"\0\x01\0\x02hi\0\0\0\0\0\0", ">") == ((1, b"hi"),)


def test_a_long_value_is_refused() -> None:
    """Its length does not fit the field."""
    with pytest.raises(ValueError, match="65536 bytes"):
        build_options([(1, bytes(65536))])


def test_texts_are_read_leniently() -> None:
    """A final NUL goes, bad bytes show as such, several comments are kept."""
    options = ((1, b"a\0"), (2, b"x"), (1, b"\xff"))

    assert decode_comments(options) == ("a", "\ufffd")
    assert find_value(options, 2) == b"x"
    assert find_value(options, 3) is None
    assert decode_text(b"") == ""
