"""The secrets of one run: every endpoint reports them here, and the capture file carries them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.net.address import Endpoint


@dataclass(slots=True)
class SessionSecrets:
    """The secrets of one TLS session, and the connections that carried it."""

    client_random: bytes
    secrets: dict[str, bytes] = field(default_factory=dict)
    """Label of the NSS key log format to secret."""
    further: list[tuple[str, bytes]] = field(default_factory=list)
    """Other secrets of labels that have one: a ClientHello that was sent again begins another session."""
    carriers: set[frozenset[Endpoint]] = field(default_factory=set)
    """The two ends of each connection whose end reported it; a tunnel's carrier for TLS in a tunnel."""


class KeyLog:
    """A KeyTap that keeps everything; both ends of a session report the same secrets once."""

    def __init__(self) -> None:
        """Start empty."""
        self._sessions: dict[bytes, SessionSecrets] = {}

    def secret(
        self, *, local: Endpoint, peer: Endpoint, client_random: bytes, label: str, secret: bytes
    ) -> None:
        """Keep one secret."""
        session = self._sessions.get(client_random)
        if session is None:
            session = self._sessions[client_random] = SessionSecrets(client_random)
        known = session.secrets.setdefault(label, secret)
        if known != secret and (label, secret) not in session.further:
            session.further.append((label, secret))
        session.carriers.add(frozenset((local, peer)))

    def __iter__(self) -> Iterator[SessionSecrets]:
        """The sessions, in order of their first secret."""
        return iter(self._sessions.values())
