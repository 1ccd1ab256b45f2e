"""TapNames: how the interfaces of a file are called, and which of them are one tap."""

from __future__ import annotations

from collections import defaultdict

from harness.capture.block import Interface


class TapNames:
    """Interfaces in order of the file.

    An interface has its own name; a number where it has none, or that of another of its section. Files put one behind
    the other give a file of several sections: what has the same place, name and link type in each is one tap, so that
    a connection may begin in one section and go on in the next.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[tuple[int, str, int], str] = {}
        self._counts: dict[int, int] = defaultdict(int)
        """Interfaces of each section."""

    def find(self, interface: Interface) -> str:
        """The name of the next interface's tap; the same as before where it is the same tap."""
        place = self._counts[interface.section]
        self._counts[interface.section] += 1
        key = (place, interface.name, interface.link_type)
        name = self._known.get(key)
        if name is None:
            name = interface.name or f"interface {interface.index}"
            if name in self._known.values():
                name = f"{name} ({interface.index})"
            self._known[key] = name
        return name
