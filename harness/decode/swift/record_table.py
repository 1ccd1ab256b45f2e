"""RecordTable: the TLS records of both sides of many connections, all first ones at once, then all second ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.decode.tcp.segment_table import Bools
from harness.decode.tcp.talk_table import Bytes, TalkTable
from harness.decode.tls.record import FRAGMENT_LIMIT

Ints = NDArray[np.int64]

MAX_RECORDS = 4096
"""Records of one side that are looked for: each turn costs the same for one side as for a hundred."""


@dataclass(frozen=True, slots=True)
class RecordTable:
    """Records side by side, in order. Those after what is no whole record are not in it."""

    begin: Ints
    end: Ints
    kind: Ints
    """Content type."""
    side: Ints
    """See TalkTable."""
    start: Ints
    """First record of each side; and how many there are."""
    is_whole: Bools
    """Of each side: it consists of these records."""


def read_number(data: Bytes, place: Ints, size: int) -> Ints:
    """Numbers of that many bytes, big-endian; what lies behind the data is as its last byte."""
    number = data.take(place, mode="clip").astype(np.int64)
    for index in range(1, size):
        number = number << 8 | data.take(place + index, mode="clip")
    return number


def find_records(talks: TalkTable) -> RecordTable:
    """The records of all sides."""
    data = talks.bytes
    at, stop = talks.start[:-1].copy(), talks.start[1:]
    count = np.zeros(len(at), np.int64)
    active = np.flatnonzero(at < stop)
    found: list[tuple[Ints, Ints, Ints, Ints]] = []
    while len(active) and len(found) < MAX_RECORDS:
        begin = at[active]
        length = read_number(data, begin + 3, 2)
        end = begin + 5 + length
        kind = data.take(begin, mode="clip").astype(np.int64)
        good = (end <= stop[active]) & (length <= FRAGMENT_LIMIT) & (kind >= 20) & (kind <= 23)
        good &= (data.take(begin + 1, mode="clip") == 3) & (data.take(begin + 2, mode="clip") <= 4)
        if not good.all():
            active, begin, end, kind = active[good], begin[good], end[good], kind[good]
        found.append((active, begin, end, kind))
        at[active] = end
        count[active] += 1
        active = active[end < stop[active]]
    start = np.concatenate([[0], np.cumsum(count)])
    columns = np.empty((4, start[-1]), np.int64)
    for turn, (side, *values) in enumerate(found):
        columns[:, start[side] + turn] = (side, *values)
    side, begin, end, kind = columns
    return RecordTable(begin, end, kind, side, start, at == stop)
