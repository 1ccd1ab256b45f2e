"""Text for a terminal: nothing that came off the wire may steer it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise


def printable(text: str) -> str:
    r"""The text with every character that a terminal could obey written as its escape (`\x1b`)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_bytes(data: bytes, *, limit: int = 200) -> str:
    r"""Wire bytes as text: ASCII as it is, everything else as `\xNN`, at most `limit` characters."""
    text = printable(data[: limit + 1].decode("ascii", "backslashreplace"))
    return text if len(text) <= limit else f"{text[:limit]}... ({len(data)} bytes)"


def fold_numbers(numbers: Iterable[int]) -> str:
    """Ascending numbers, three or more in a row as `12-14`: what `harness show` reads."""
    ordered = sorted(set(numbers))
    starts = [i for i in range(len(ordered)) if i == 0 or ordered[i] != ordered[i - 1] + 1]
    parts: list[str] = []
    for start, end in pairwise((*starts, len(ordered))):
        row = ordered[start:end]
        parts += [f"{row[0]}-{row[-1]}"] if len(row) > 2 else [str(number) for number in row]
    return " ".join(parts)


def align(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces between; no blanks at line ends."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
