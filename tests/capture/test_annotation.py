"""Tests of annotations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.annotation import (
    MAX_PIECE_SIZE,
    build_annotations,
    decode_annotations,
    parse_annotations,
)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_text_comes_back(text: str) -> None:
    """Any text without NUL survives, line breaks included."""
    assert parse_annotations(build_annotations("site/1", text)) == {"site/1": text}


@pytest.mark.parametrize(
    "unit", ["a", "ü", "€", "😀"], ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"]
)
def test_a_long_text_is_cut_between_characters(unit: str) -> None:
    """Each piece fits its limit, and together they are the text, in any order."""
    text = "x" + unit * 50_000

    comments = build_annotations("scenario/1", text)

    assert max(len(comment.encode()) for comment in comments) < MAX_PIECE_SIZE
    assert parse_annotations(reversed(comments)) == {"scenario/1": text}


def test_other_comments_and_unknown_tags_do_no_harm() -> None:
    """A comment of somebody else is passed over, a tag of another version kept."""
    comments = ("made by tcpdump", "certproxy-harness", *build_annotations("site/9", "{}"))

    assert parse_annotations(comments) == {"site/9": "{}"}


def test_a_missing_piece_is_told_and_the_text_left_out() -> None:
    """Half a site must not pass for a site."""
    comments = build_annotations("site/1", "x" * 100_000)

    found = decode_annotations(comments[1:])

    assert found.texts == {}
    assert found.problems == ("annotation site/1: got 1 pieces; expected 2",)


def test_a_contradicting_copy_is_told_and_the_first_kept() -> None:
    """A file merged of two runs does not silently mix them."""
    found = decode_annotations((*build_annotations("run/1", "a"), *build_annotations("run/1", "b")))

    assert found.texts == {"run/1": "a"}
    assert found.problems == ("annotation run/1: two different pieces 1/1; the first is kept",)


@pytest.mark.parametrize(
    ("tag", "text"), [("a b", ""), ("", ""), ("a", "x\0")], ids=["space", "empty", "NUL"]
)
def test_what_would_not_come_back_is_refused(tag: str, text: str) -> None:
    """Tags are one word; some readers end a comment at NUL."""
    with pytest.raises(ValueError, match="annotation"):
        build_annotations(tag, text)
