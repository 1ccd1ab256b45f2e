"""NSS key log: the TLS secrets of connections, one line each, found again by client random.

    LABEL <client random, 64 hex digits> <secret, hex>

draft-ietf-tls-keylogfile: comment lines begin with `#`; an unknown label is not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LABELS = frozenset(
    {
        "CLIENT_RANDOM",
        "CLIENT_EARLY_TRAFFIC_SECRET",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    }
)
"""What opens a connection; every other label (EXPORTER_SECRET, CLIENT_TRAFFIC_SECRET_1, ...) is passed over."""

RANDOM_SIZE = 32
"""Bytes of ClientHello.random (RFC 8446 section 4.1.2)."""

_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class Secrets:
    """A store of secrets by client random. It only grows, and the first secret of a label stays."""

    __slots__ = ("_by_random",)

    def __init__(self) -> None:
        """Make an empty store."""
        self._by_random: dict[bytes, dict[str, bytes]] = {}

    def __len__(self) -> int:
        """How many client randoms have at least one secret."""
        return len(self._by_random)

    def add(self, data: bytes) -> int:
        """Take in the lines of a key log (LF or CRLF) and say how many new secrets they gave; never raises."""
        added = 0
        for line in data.splitlines():
            fields = line.split()
            # A byte order mark before the first label makes it unknown, as everywhere else.
            if len(fields) != 3 or len(fields[1]) != 2 * RANDOM_SIZE:
                continue
            try:
                label = fields[0].decode("ascii")
                client_random = bytes.fromhex(fields[1].decode("ascii"))
                secret = bytes.fromhex(fields[2].decode("ascii"))
            except ValueError:
                continue
            if label not in LABELS:
                continue
            labels = self._by_random.setdefault(client_random, {})
            if label not in labels:
                labels[label] = secret
                added += 1
        return added

    def find(self, client_random: bytes) -> Mapping[str, bytes]:
        """The secrets of one connection by label; empty when none is known."""
        return self._by_random.get(client_random, _NOTHING)


def parse_keylog(data: bytes) -> Secrets:
    """Make a store from one key log file; lines that are not secrets are passed over, so nothing raises."""
    secrets = Secrets()
    secrets.add(data)
    return secrets


def build_keylog_line(label: str, client_random: bytes, secret: bytes) -> bytes:
    """One line with its LF.

    Raises:
        ValueError: the label is none of LABELS, the client random is not 32 bytes, or the secret is empty.
    """
    if label not in LABELS:
        raise ValueError(
            f"key log label: got {label!r}; expected one of {', '.join(sorted(LABELS))}"
        )
    if len(client_random) != RANDOM_SIZE:
        raise ValueError(f"client random: got {len(client_random)} bytes; expected {RANDOM_SIZE}")
    if not secret:
        raise ValueError(f"secret of {label}: got no bytes")
    return f"{label} {client_random.hex()} {secret.hex()}\n".encode("ascii")
