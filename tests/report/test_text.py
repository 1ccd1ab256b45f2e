"""Text for a terminal."""

from __future__ import annotations

import pytest

from harness.report.text import align, fold_numbers, printable, printable_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("node1 10.20.1.1:443", "node1 10.20.1.1:443", id="plain"),
        pytest.param("grüße", "grüße", id="letters of any language"),
        pytest.param("\x1b[2J", "\\x1b[2J", id="escape sequence"),
        pytest.param("a\r\nb", "a\\r\\nb", id="line ends"),
        pytest.param("\u202egnp", "\\u202egnp", id="right-to-left override"),
        pytest.param("\x9b1m", "\\x9b1m", id="eight-bit control"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    """Whatever could steer a terminal is written out."""
    assert printable(text) == expected


def test_printable_bytes_keeps_bytes_apart() -> None:
    """Bytes that are not ASCII stay visible as bytes."""
    assert printable_bytes(b"a\xff\x00\x1b") == "a\\xff\\x00\\x1b"


def test_printable_bytes_is_bounded() -> None:
    """A long value is cut and says how long it was."""
    assert printable_bytes(b"a" * 300, limit=10) == "aaaaaaaaaa... (300 bytes)"


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        pytest.param((), "", id="none"),
        pytest.param((7,), "7", id="one"),
        pytest.param((12, 13), "12 13", id="two in a row"),
        pytest.param((12, 13, 14), "12-14", id="three in a row"),
        pytest.param((20, 1, 3, 2, 2, 21), "1-3 20 21", id="unordered and twice"),
        pytest.param((1, 3, 5), "1 3 5", id="no row"),
    ],
)
def test_fold_numbers(numbers: tuple[int, ...], expected: str) -> None:
    """Rows of three and more are folded."""
    assert fold_numbers(numbers) == expected


def test_align() -> None:
    """Columns start at the same place, and no line ends in blanks."""
    assert align([("a", "b", ""), ("long", "c", "d")]) == "a     b\nlong  c  d"
