"""NSS key log: the TLS secrets of connections, one line each, found again by client random.

    LABEL <client random, 64 hex digits> <secret, hex>

draft-ietf-tls-keylogfile: comment lines begin with `#`; an unknown label is not an error. Older tools write three more
forms, all for TLS 1.2 and before (Wireshark reads them as well):

    RSA <first 8 bytes of the encrypted pre-master secret> <pre-master secret>
    RSA Session-ID:<session id> Master-Key:<master secret>
    PMS_CLIENT_RANDOM <client random> <pre-master secret>
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable, Iterator, Mapping
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

PRE_MASTER = "PMS_CLIENT_RANDOM"
"""A pre-master secret by client random; the master secret must be derived from it."""
MASTER = "CLIENT_RANDOM"
_PREFIX_SIZE = 8
_MAX_DERIVED = 1 << 16
"""Sessions whose derived master secret is kept for their resumption; the oldest go first."""

_MAX_OTHERS = 8
"""Further secrets of one label that are kept."""
_NO_OTHERS: Mapping[str, tuple[bytes, ...]] = MappingProxyType({})
_WANTED = {label.encode("ascii"): label for label in (*LABELS, PRE_MASTER)}
_LINE = re.compile(rb"^(\S+) ([0-9A-Fa-f]{64}) ([0-9A-Fa-f]+)$", re.MULTILINE)
"""Pairs of digits are counted apart: to look for them takes three times as long."""
_CHUNK = 1 << 20
"""Bytes whose lines are looked at together."""

_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class Secrets:
    """A store of secrets by client random.

    The first secret of a label counts. Others belong to sessions that began with the same ClientHello, sent again.
    """

    __slots__ = (
        "_by_random",
        "_computed",
        "_derived",
        "_later",
        "_limit",
        "_masters",
        "_others",
        "_pre_masters",
        "change_count",
        "needs_key_exchange",
        "open_pre_master",
    )

    def __init__(self, *, limit: int | None = None) -> None:
        """Make an empty store, for the secrets of so many client randoms: then the oldest go (None: it only grows)."""
        self._limit = limit
        self._by_random: dict[bytes, dict[str, bytes]] = {}
        self._others: dict[bytes, dict[str, tuple[bytes, ...]]] = {}
        self._masters: dict[bytes, bytes] = {}
        """By session id."""
        self._pre_masters: dict[bytes, bytes] = {}
        """By the first bytes of their encrypted form."""
        self._derived: dict[bytes, bytes] = {}
        """Master secrets that were computed from others, by session id or ticket."""
        self._computed: dict[bytes, bytes] = {}
        """The same by client random; what the key log says goes first."""
        self.change_count = 0
        """How many times something was taken in."""
        self.needs_key_exchange = False
        """A master secret may have to be derived from what the handshake shows."""
        self.open_pre_master: Callable[[bytes, bytes | None], bytes | None] | None = None
        """Decrypts a pre-master secret with the private key of a certificate (DER; None: it was not seen)."""
        self._later: Callable[[], None] | None = None

    def __len__(self) -> int:
        """How many client randoms have at least one secret."""
        return len(self._by_random)

    def add(self, data: bytes) -> int:
        """Take in the lines of a key log (LF or CRLF) and say how many new secrets they gave; never raises."""
        self.change_count += 1
        return sum(map(self._add_chunk, _cut(data)))

    def _add_chunk(self, data: bytes) -> int:
        """Some lines."""
        lines = data.split(b"\n")
        found = _LINE.findall(data)
        if len(found) == len(lines) - lines.count(b""):
            # All lines are as every TLS library writes them.
            return self._add_lines(found)
        added = 0
        for line in data.splitlines():
            fields = line.split()
            # A byte order mark before the first label makes it unknown, as everywhere else.
            if len(fields) == 3 and fields[0] == b"RSA":
                added += self._add_rsa(fields[1], fields[2])
            elif len(fields) == 3 and _LINE.fullmatch(b" ".join(fields)):
                added += self._add_lines([(fields[0], fields[1], fields[2])])
        return added

    def _add_lines(self, lines: list[tuple[bytes, bytes, bytes]]) -> int:
        """Label, client random and secret of each."""
        added = 0
        by_random = self._by_random
        for written, random_digits, digits in lines:
            label = _WANTED.get(written)
            if label is None or len(digits) & 1:
                continue
            client_random, secret = unhexlify(random_digits), unhexlify(digits)
            labels = by_random.get(client_random)
            if labels is None:
                if self._limit is not None and len(by_random) >= self._limit:
                    oldest = next(iter(by_random))
                    del by_random[oldest]
                    self._others.pop(oldest, None)
                labels = by_random[client_random] = {}
            known = labels.setdefault(label, secret)
            if known is secret:
                added += 1
                self.needs_key_exchange |= label == PRE_MASTER
            elif known != secret:
                self._add_other(client_random, label, secret)
        return added

    def _add_other(self, name: bytes, label: str, secret: bytes) -> None:
        others = self._others.setdefault(name, {})
        known = others.get(label, ())
        if secret not in known and len(known) < _MAX_OTHERS:
            others[label] = (*known, secret)

    def _add_rsa(self, key: bytes, value: bytes) -> int:
        """A line of RSA key exchange, in one of its two forms."""
        store = self._pre_masters
        if key.startswith(b"Session-ID:") and value.startswith(b"Master-Key:"):
            store = self._masters
            key, value = key.removeprefix(b"Session-ID:"), value.removeprefix(b"Master-Key:")
        try:
            name, secret = bytes.fromhex(key.decode("ascii")), bytes.fromhex(value.decode("ascii"))
        except ValueError:
            return 0
        if not name or (store is self._pre_masters and len(name) != _PREFIX_SIZE):
            return 0
        self.needs_key_exchange = True
        before = len(store)
        store.setdefault(name, secret)
        return len(store) - before

    def use_private_keys(self, opener: Callable[[bytes, bytes | None], bytes | None]) -> None:
        """Take what opens pre-master secrets (see `open_pre_master`)."""
        self.open_pre_master = opener
        self.needs_key_exchange = True

    def find_master(self, name: bytes) -> bytes | None:
        """The master secret of a session by its id or ticket: from the key log, or derived before."""
        return (self._masters.get(name) or self._derived.get(name)) if name else None

    def find_pre_master(self, encrypted: bytes, certificate: bytes | None) -> bytes | None:
        """The pre-master secret of an RSA key exchange."""
        known = self._pre_masters.get(encrypted[:_PREFIX_SIZE])
        if known is None and self.open_pre_master is not None:
            known = self.open_pre_master(encrypted, certificate)
        return known

    def keep_master(self, client_random: bytes, master: bytes) -> None:
        """Note the derived master secret of a connection."""
        _put(self._computed, client_random, master)

    def keep_session(self, name: bytes, master: bytes) -> None:
        """Note under which session id or ticket a master secret may be resumed."""
        if name:
            _put(self._derived, name, master)

    def limit(self, count: int) -> None:
        """Keep those of so many client randoms from now on."""
        self._limit = count

    def use_later(self, read: Callable[[], None]) -> None:
        """There may be more: `read` adds all of them, and is called when one is missing."""
        self._later = read

    def complete(self) -> None:
        """Take in what there may be."""
        read, self._later = self._later, None
        if read is not None:
            read()

    def find_others(self, client_random: bytes) -> Mapping[str, tuple[bytes, ...]]:
        """Further secrets of one client random by label; empty when there are none."""
        if not self._others:
            return _NO_OTHERS
        return self._others.get(client_random, _NO_OTHERS)

    def find(self, client_random: bytes) -> Mapping[str, bytes]:
        """The secrets of one connection by label; empty when none is known."""
        if client_random not in self._by_random and self._later is not None:
            self.complete()
        labels = self._by_random.get(client_random, _NOTHING)
        computed = self._computed.get(client_random)
        if computed is None or MASTER in labels:
            return labels
        return {**labels, MASTER: computed}

    def find_sole(self, client_random: bytes) -> Mapping[str, bytes] | None:
        """The same where they are sure; None: only who reads the handshake, or tries them, can tell which they are."""
        known = self.find(client_random)
        # Not before: there may be more of them now.
        if self.needs_key_exchange or self.find_others(client_random):
            return None
        return known


def _cut(data: bytes) -> Iterator[bytes]:
    """Chunks of whole lines."""
    begin = 0
    while begin < len(data):
        end = data.find(b"\n", begin + _CHUNK) + 1 or len(data)
        yield data[begin:end]
        begin = end


def _put(store: dict[bytes, bytes], name: bytes, master: bytes) -> None:
    """Note the newest, and forget the oldest where there are too many."""
    store.pop(name, None)
    store[name] = master
    if len(store) > _MAX_DERIVED:
        del store[next(iter(store))]


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
