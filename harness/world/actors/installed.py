"""The installed server certificates: what is saved for each place, and what a service shows from its last start on.

Two books are kept: what the import page made of the files, which is served, and what the scenario says of them, which
the judge is told. Where the page errs, the packets differ from what the judge expects.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.world.tls.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """From when on which chain has to be shown where."""

    at: str
    """The listener, `node1:5263`."""
    sha256: tuple[str, ...]
    """Fingerprints of the chain, leaf first."""
    since_ns: int


class Installed:
    """The certificates of one run that somebody imported."""

    def __init__(self) -> None:
        """Nobody has imported any."""
        self._saved: dict[str, Identity] = {}
        self._expected: dict[str, tuple[str, ...]] = {}
        self._first: dict[str, Identity | None] = {}
        self._in_force: list[InForce] = []

    @property
    def in_force(self) -> tuple[InForce, ...]:
        """What was to be shown, in the order of the services' starts."""
        return tuple(self._in_force)

    def save(
        self, place: str, *, identity: Identity | None, expected: tuple[str, ...] | None
    ) -> None:
        """Keep the outcome of an import; None: refused, the old one stays."""
        if identity is not None:
            self._saved[place] = identity
        if expected is not None:
            self._expected[place] = expected

    def show(
        self, listener: str, place: str, *, now_ns: int, is_stale: bool = False
    ) -> Identity | None:
        """What a service that starts now shows on a listener; None: nothing was imported for its place.

        Args:
            listener: `node1:5263`.
            place: whose certificate it shows, `node1:443` for a passthrough port.
            now_ns: since the epoch.
            is_stale: it goes on with what it showed at its first start (B09).
        """
        expected = self._expected.get(place)
        if expected is not None:
            self._in_force.append(InForce(at=listener, sha256=expected, since_ns=now_ns))
        identity = self._saved.get(place)
        first = self._first.setdefault(listener, identity)
        return first if is_stale else identity
