"""One problem of a description: where, what stands there, what should."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and list indexes from the root, as in the file (`5262`, not `proxy`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something the user must change."""

    path: Path
    found: str
    """The value as JSON (`"10.20.1"`), or words such as `nothing`."""
    expected: str
    """What would be right, and a remedy where there is one."""
    at_key: bool = False
    """The key is wrong, not its value."""
    looked_in: Path | None = None
    """The table in which a name was not found; if that cannot be read, nothing is wrong with the name."""

    def __str__(self) -> str:
        """`$.site.nodes.node2: got "10.20.1"; expected an IPv4 address such as 10.20.1.2`."""
        return f"{show_path(self.path)}: got {self.found}; expected {self.expected}"


def show_path(path: Path) -> str:
    """`$.steps[0].device`."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def show(value: object) -> str:
    """A value as JSON on one line, at most 100 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else text[:97] + "..."


def choose(known: Iterable[str], got: str) -> str:
    """The names near to what was typed, or all of them: `one of a, b`."""
    names = sorted(known)
    near = difflib.get_close_matches(got, names, n=1, cutoff=0.85)
    near = near or difflib.get_close_matches(got, names, n=2, cutoff=0.6)
    if near:
        return f"{' or '.join(near)} (did you mean that?)"
    return f"one of {', '.join(names)}" if names else "none is defined here"
