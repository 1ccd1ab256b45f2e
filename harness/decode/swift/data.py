"""SwiftData: the application data of ordinary TLS connections, and nothing of their handshakes but the hellos.

Nothing is guessed: the first record of application data is the one that the keys of application data open as their
first. What came before it belongs to the handshake, and is not read. After it every record must open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from harness.capture.keylog import Secrets
from harness.decode.swift.hello_table import HelloTable, read_hellos
from harness.decode.swift.odd import OddError
from harness.decode.swift.record import Record, open_first, pass_over
from harness.decode.swift.record_table import Ints, RecordTable, find_records, read_number
from harness.decode.tcp.segment_table import Bools
from harness.decode.tcp.talk_table import TalkTable
from harness.decode.tls.cipher import BadRecordError, Opener
from harness.decode.tls.keys import build_tls13_opener, derive_key_block
from harness.decode.tls.message import TLS_1_3
from harness.decode.tls.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE
from harness.decode.tls.suite import Suite

Records = Sequence[Record]
"""Places are those in the bytes of all talks."""
_FINISHED_SIZE = {"sha256": 58, "sha384": 74}
"""Bytes of a record with a Finished alone: two headers, hash, content type, tag (RFC 8446 sections 4.4.4 and 5.2)."""


def read_application_data(
    talks: TalkTable, secrets: Secrets
) -> list[tuple[Records, Records] | None]:
    """Of each connection what the client sent, and what the server; None: something is odd."""
    records = find_records(talks)
    hellos = read_hellos(talks, records)
    reader = _Reader(talks, records, hellos, secrets)
    return [
        reader.read(row) if is_ordinary else None
        for row, is_ordinary in enumerate(hellos.is_ordinary.tolist())
    ]


class _Reader:
    """Connection by connection: here bytes are decrypted."""

    def __init__(
        self, talks: TalkTable, records: RecordTable, hellos: HelloTable, secrets: Secrets
    ) -> None:
        self._data = talks.data
        self._secrets = secrets
        self._suites = hellos.suites
        columns = (
            hellos.begin + 11,
            hellos.answer + 11,
            hellos.version,
            hellos.suite,
            hellos.encrypt_then_mac,
        )
        self._rows = list(zip(*map(np.ndarray.tolist, columns), strict=True))
        sealed = _find_sealed(talks, records, hellos)
        self._fits = sealed.fits.tolist()
        self._start = sealed.start.tolist()
        self._finished = sealed.finished.tolist()
        self._begin = sealed.begin.tolist()
        self._end = sealed.end.tolist()
        self._seq = sealed.seq.tolist()

    def read(self, row: int) -> tuple[Records, Records] | None:
        data = self._data
        at, answer, version, code_point, encrypt_then_mac = self._rows[row]
        client_random = data[at : at + 32]
        known = self._secrets.find_sole(client_random)
        if known is None:
            return None
        if not known:
            return (), ()
        if not self._fits[row]:
            return None
        suite, client, server = self._suites[code_point], 2 * row, 2 * row + 1
        try:
            if version == TLS_1_3:
                return (
                    self._read_tls13(client, suite, known.get("CLIENT_TRAFFIC_SECRET_0")),
                    self._read_tls13(server, suite, known.get("SERVER_TRAFFIC_SECRET_0")),
                )
            master = known.get("CLIENT_RANDOM")
            if master is None:
                return None
            block = derive_key_block(
                suite,
                master,
                client_random=client_random,
                server_random=data[answer : answer + 32],
                version=version,
                encrypt_then_mac=encrypt_then_mac,
            )
            return (
                self._read_tls12(client, block.build_opener("client")),
                self._read_tls12(server, block.build_opener("server")),
            )
        except (OddError, BadRecordError):
            return None

    def _read_tls12(self, side: int, opener: Opener) -> list[Record]:
        """RFC 5246: the types stay in the clear, so that nothing else has to be opened."""
        if opener.has_state:
            raise OddError
        data, chosen = self._data, slice(self._start[side], self._start[side + 1])
        found: list[Record] = []
        for seq, begin, end in zip(
            self._seq[chosen], self._begin[chosen], self._end[chosen], strict=True
        ):
            _, content = opener.open(seq, data[begin : begin + 5], data[begin + 5 : end])
            if content:
                found.append((content, begin, end))
        return found

    def _read_tls13(self, side: int, suite: Suite, secret: bytes | None) -> list[Record]:
        """RFC 8446 section 5.2: protected records say that they are application data, whatever they are."""
        if secret is None:
            raise OddError
        start, stop = self._start[side], self._start[side + 1]
        found: list[Record] = []
        if start == stop:
            return found
        data, opener = self._data, build_tls13_opener(suite, secret)
        begins, ends, finished = self._begin, self._end, self._finished[side]
        likely = range(finished, min(finished + 1, stop))
        opened = open_first(opener, data, begins, ends, chain(likely, range(start, stop)))
        if opened is None:
            raise OddError
        first, kind, content = opened
        begin, end = begins[first], ends[first]
        for seq in range(1, stop - first + 1):
            if kind != APPLICATION_DATA:
                pass_over(kind, content, is_tls13=True)
            elif content:
                found.append((content, begin, end))
            if first + seq < stop:
                begin, end = begins[first + seq], ends[first + seq]
                kind, content = opener.open(seq, data[begin : begin + 5], data[begin + 5 : end])
        return found


@dataclass(frozen=True, slots=True)
class _Sealed:
    """Records that the keys of application data may open; in TLS 1.3 some of them are of the handshake."""

    begin: Ints
    end: Ints
    seq: Ints
    """Of TLS 1.2."""
    start: Ints
    """First record of each side; and how many there are."""
    finished: Ints
    """Of each side of TLS 1.3 the record after what has the size of a Finished; or its first."""
    fits: Bools
    """Of each connection: the types of all records are in order."""


def _find_sealed(talks: TalkTable, records: RecordTable, hellos: HelloTable) -> _Sealed:
    side, kind = records.side, records.kind
    index = np.arange(len(side))
    later = index > records.start[side]
    is_new = np.repeat(hellos.version == TLS_1_3, 2)
    new = later & is_new[side]
    old = later & ~is_new[side]
    changes = np.flatnonzero(later & (kind == CHANGE_CIPHER_SPEC))
    change = _find_first(changes, side, records.start[1:])
    seq = index - change[side] - 1
    good = (kind == APPLICATION_DATA) | (kind == CHANGE_CIPHER_SPEC)
    # RFC 5246: after ChangeCipherSpec all is protected, Finished first, and no other message of a handshake after it.
    good[old] = (kind == np.where(seq < 1, HANDSHAKE, APPLICATION_DATA))[old]
    good |= old & ((seq == -1) | ((seq > 0) & (kind == ALERT)))
    good[changes] &= (records.end - records.begin)[changes] == 6
    good[changes] &= read_number(talks.bytes, records.begin[changes] + 5, 1) == 1
    fits = records.is_whole & ~np.repeat(talks.is_cut, 2)
    fits[side[later & ~good]] = False

    chosen = np.flatnonzero((kind == APPLICATION_DATA) & (new | (old & (seq > 0))))
    start = np.searchsorted(side[chosen], np.arange(len(is_new) + 1))
    sizes = np.zeros(len(is_new) // 2, np.int64)
    for code_point, suite in hellos.suites.items():
        sizes[hellos.suite == code_point] = _FINISHED_SIZE[suite.hash]
    begin, end, side = records.begin[chosen], records.end[chosen], side[chosen]
    finished = np.flatnonzero((end - begin == sizes[side >> 1]) & is_new[side])
    return _Sealed(
        begin=begin,
        end=end,
        seq=seq[chosen],
        start=start,
        finished=_find_first(finished, side, start[:-1] - 1) + 1,
        fits=fits[::2] & fits[1::2],
    )


def _find_first(places: Ints, side: Ints, otherwise: Ints) -> Ints:
    """The first of these places on each side."""
    found = otherwise.copy()
    # Backwards, so that the first of each side is written last.
    found[side[places[::-1]]] = places[::-1]
    return found
