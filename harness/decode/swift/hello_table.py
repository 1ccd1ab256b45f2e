"""HelloTable: what both ends of many connections agreed on, read at known places of their first records.

Swift reading gives up on whatever is not ordinary: here a hello that does not fill its record, a retry, early data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.decode.swift.record_table import Ints, RecordTable, read_number
from harness.decode.tcp.segment_table import Bools
from harness.decode.tcp.talk_table import Bytes, TalkTable
from harness.decode.tls.message import RETRY_RANDOM, TLS_1_3
from harness.decode.tls.record import HANDSHAKE
from harness.decode.tls.suite import Suite, find_suite

TLS_1_2 = 0x0303
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_SERVER_NAME, _ENCRYPT_THEN_MAC, _EARLY_DATA, _SUPPORTED_VERSIONS = 0, 22, 42, 43
_MAX_EXTENSIONS = 64
_TWICE = 1 << 16
"""More than any type of an extension."""

Places = tuple[Ints, Ints]
"""Where the body of an extension begins and ends, row by row; both 0 where there is none."""


@dataclass(frozen=True, slots=True)
class HelloTable:
    """Both hellos of TLS 1.2 or 1.3, one row a connection. Where they are not ordinary the row says nothing else."""

    is_ordinary: Bools
    begin: Ints
    """Where the client's hello begins: its random is 11 bytes further."""
    answer: Ints
    """The same for the server's."""
    version: Ints
    suite: Ints
    """Code point."""
    suites: Mapping[int, Suite]
    """All that occur, by code point."""
    encrypt_then_mac: Bools
    sni: Places


def read_hellos(talks: TalkTable, records: RecordTable) -> HelloTable:
    """The hellos of all connections."""
    data = talks.bytes
    begin, answer = talks.start[:-1:2], talks.start[1::2]
    good = np.diff(records.start).reshape(-1, 2).all(axis=1)
    first = np.where(good, records.start[:-1:2], 0)
    ends = records.end if len(records.end) else np.zeros(1, np.int64)
    client_end = ends[first]
    server_end = ends[np.where(good, records.start[1::2], 0)]
    good &= _is_message(data, begin, _CLIENT_HELLO)
    good &= (client_end - begin >= 43) & (read_number(data, begin + 6, 3) + 9 == client_end - begin)
    good[good] &= _is_answered(talks, np.flatnonzero(good), client_end[good])
    at = begin + 44 + read_number(data, begin + 43, 1)
    # RFC 8446 section 4.1.2: session id, suites and compression methods stand before the extensions.
    at += 2 + read_number(data, at, 2)
    at += 1 + read_number(data, at, 1)
    offered, fits = read_extensions(data, at, client_end, good)
    good &= fits & ~offered.has(_EARLY_DATA)

    end = answer + read_number(data, answer + 6, 3) + 9
    good &= _is_message(data, answer, _SERVER_HELLO)
    good &= (end - answer >= 47) & (end <= server_end)
    at = answer + 44 + read_number(data, answer + 43, 1)
    good &= (at + 3 <= end) & (read_number(data, at + 2, 1) == 0)
    suite = read_number(data, at, 2)
    chosen, fits = read_extensions(data, at + 3, end, good)
    good &= fits & ~_is_retry(data, answer)
    named, after = chosen.find(_SUPPORTED_VERSIONS)
    version = read_number(data, np.where(after, named, answer + 9), 2)
    good &= (after == 0) | (after - named == 2)
    suites = {code: found for code in set(suite.tolist()) if (found := find_suite(code))}
    fits[:] = False
    for code, found in suites.items():
        fits |= (suite == code) & (version == (TLS_1_3 if found.is_tls13 else TLS_1_2))
    return HelloTable(
        is_ordinary=good & fits,
        begin=begin,
        answer=answer,
        version=version,
        suite=suite,
        suites=suites,
        encrypt_then_mac=chosen.has(_ENCRYPT_THEN_MAC),
        sni=offered.find(_SERVER_NAME),
    )


def _is_message(data: Bytes, begin: Ints, kind: int) -> Bools:
    """A record of the handshake begins there with such a message."""
    found: Bools = (read_number(data, begin, 1) == HANDSHAKE) & (
        read_number(data, begin + 5, 1) == kind
    )
    return found


def _is_answered(talks: TalkTable, rows: Ints, client_end: Ints) -> Bools:
    """The server did not speak before it had all of the client's hello."""
    asked = talks.numbers[talks.find_packets(client_end)]
    found: Bools = talks.numbers[talks.first[2 * rows + 1]] >= asked
    return found


def _is_retry(data: Bytes, answer: Ints) -> Bools:
    """RFC 8446 section 4.1.3: the random says so."""
    random = data.take(answer[:, None] + np.arange(11, 43), mode="clip")
    found: Bools = (random == np.frombuffer(RETRY_RANDOM, np.uint8)).all(axis=1)
    return found


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions of many hellos: all first ones, then all second ones, and so on."""

    rows: list[Ints]
    kinds: list[Ints]
    begins: list[Ints]
    ends: list[Ints]
    row_count: int

    def find(self, kind: int) -> Places:
        """One type of them."""
        places = np.zeros((2, self.row_count), np.int64)
        for rows, kinds, begins, ends in zip(
            self.rows, self.kinds, self.begins, self.ends, strict=True
        ):
            mine = np.flatnonzero(kinds == kind)
            if len(mine):
                places[:, rows[mine]] = begins[mine], ends[mine]
        return places[0], places[1]

    def has(self, kind: int) -> Bools:
        """Where there is one of that type."""
        found: Bools = self.find(kind)[1] > 0
        return found

    def has_double(self) -> Bools:
        """A type comes twice."""
        # Where there are no more of a row, numbers that no other type and turn has.
        turns = len(self.rows)
        kinds = np.repeat(_TWICE + np.arange(turns), self.row_count).reshape(turns, self.row_count)
        for turn, (rows, values) in enumerate(zip(self.rows, self.kinds, strict=True)):
            kinds[turn, rows] = values
        kinds.sort(axis=0)
        found: Bools = (kinds[1:] == kinds[:-1]).any(axis=0)
        return found


def read_extensions(data: Bytes, begin: Ints, end: Ints, wanted: Bools) -> tuple[Extensions, Bools]:
    """RFC 8446 section 4.2: those between two places of each wanted row, and where they fit and no type comes twice."""
    fits = begin <= end
    fits &= (begin == end) | (begin + 2 + read_number(data, begin, 2) == end)
    at = begin + 2
    active = np.flatnonzero(wanted & fits & (at < end))
    found = Extensions([], [], [], [], len(begin))
    while len(active):
        here = at[active]
        after = here + 4 + read_number(data, here + 2, 2)
        good = after <= end[active]
        if len(found.rows) == _MAX_EXTENSIONS:
            good[:] = False
        if not good.all():
            fits[active[~good]] = False
            active, here, after = active[good], here[good], after[good]
        found.rows.append(active)
        found.kinds.append(read_number(data, here, 2))
        found.begins.append(here + 4)
        found.ends.append(after)
        at[active] = after
        active = active[after < end[active]]
    return found, fits & ~found.has_double()
