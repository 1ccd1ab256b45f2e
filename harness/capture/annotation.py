"""Annotation: a text that travels in the section comments of a capture, under a tag, in pieces.

    certproxy-harness TAG PART/COUNT
    TEXT

One comment may hold 65,535 bytes; pieces stay below 60,000. Tags in use: `site/1` (JSON), `scenario/1` (YAML),
`expectation/1` (JSON), `run/1` (JSON). A tag that nobody here knows is kept as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

MAX_PIECE_SIZE = 60_000
"""Bytes of UTF-8, head line included; strictly less is written."""
_HEAD = re.compile(r"certproxy-harness ([!-~]+) ([1-9][0-9]{0,5})/([1-9][0-9]{0,5})\n")
_HEAD_SIZE = 400
"""Bytes kept free for the head line; a tag is at most half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What the comments of a file hold."""

    texts: Mapping[str, str]
    """By tag, whole texts only."""
    problems: tuple[str, ...] = ()
    """Tags whose pieces are not all there, or contradict each other."""


def build_annotations(tag: str, text: str) -> tuple[str, ...]:
    """The section comments for one text, in the order to write them.

    Raises:
        ValueError: the tag has white space or is not ASCII, or the text has a NUL (some readers stop there).
    """
    if not re.fullmatch(r"[!-~]{1,200}", tag):
        raise ValueError(
            f"annotation tag: got {tag!r}; expected 1 to 200 printable ASCII characters without space"
        )
    if "\0" in text:
        raise ValueError(
            f"annotation {tag}: the text has a NUL at character {text.index(chr(0))}; remove it"
        )
    pieces = _split(text, MAX_PIECE_SIZE - _HEAD_SIZE)
    return tuple(
        f"certproxy-harness {tag} {part}/{len(pieces)}\n{piece}"
        for part, piece in enumerate(pieces, 1)
    )


def _split(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` bytes of UTF-8, cut between characters; one empty piece for an empty text."""
    data = text.encode()
    pieces: list[str] = []
    begin = 0
    while begin < len(data) or not pieces:
        end = min(begin + limit, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[begin:end].decode())
        begin = end
    return pieces


def decode_annotations(comments: Iterable[str]) -> Annotations:
    """Put the pieces together; comments without our head line are passed over, and the first of two copies counts."""
    found: dict[str, dict[tuple[int, int], str]] = {}
    problems: list[str] = []
    for comment in comments:
        head = _HEAD.match(comment)
        if head is None:
            continue
        tag, place = head[1], (int(head[2]), int(head[3]))
        pieces = found.setdefault(tag, {})
        if pieces.setdefault(place, comment[head.end() :]) != comment[head.end() :]:
            problems.append(
                f"annotation {tag}: two different pieces {place[0]}/{place[1]}; the first is kept"
            )
    texts: dict[str, str] = {}
    for tag, pieces in found.items():
        counts = {count for _, count in pieces}
        count = next(iter(pieces))[1]
        missing = [part for part in range(1, count + 1) if (part, count) not in pieces]
        if len(counts) > 1 or missing:
            problems.append(f"annotation {tag}: got {len(pieces)} pieces; expected {count}")
        else:
            texts[tag] = "".join(pieces[part, count] for part in range(1, count + 1))
    return Annotations(texts=MappingProxyType(texts), problems=tuple(problems))


def parse_annotations(comments: Iterable[str]) -> Mapping[str, str]:
    """The whole texts by tag; what is not whole is left out (decode_annotations says why)."""
    return decode_annotations(comments).texts
