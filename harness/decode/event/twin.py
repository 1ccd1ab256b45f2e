"""Twin: a connection that several interfaces saw, which the same packets prove. One view is put with the other.

The view with the most packets stays; the others go to its interface, or are left out where the links differ in kind. A
view that shares no packet with it stays as well: it is another connection on the same ends, or the other direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.decode.event.sighting import COUNT, PACKET, Sightings
from harness.decode.packet.table import Ints
from harness.decode.tcp.mark import Hashes

LEFT_OUT = -1
_VIEW = np.dtype([("ends", "u8"), ("tap", "u4"), ("main", "u4")])
_MIX = np.uint64(0xC2B2AE3D27D4EB4F)


class Twins:
    """Which views go where; 16 bytes for each."""

    def __init__(self, buckets: Iterable[Sightings], links: Sequence[int]) -> None:
        """Look through all sightings; links are link types by interface, over all files."""
        link = np.array(links, np.int64)
        found = [_find_views(rows) for rows in buckets]
        views = np.concatenate([np.empty(0, _VIEW), *found])
        tap, main = views["tap"].astype(np.int64), views["main"].astype(np.int64)
        target = main if not len(views) else np.where(link[tap] == link[main], main, LEFT_OUT)
        pairs, counts = np.unique(np.stack([tap, target], axis=1), axis=0, return_counts=True)
        self.counts = [
            (of, to, many) for (of, to), many in zip(pairs.tolist(), counts.tolist(), strict=True)
        ]
        """Interface, where its views went, and how many they are; in order."""
        key = _mix(views["ends"], views["tap"])
        order = np.argsort(key)
        self._key, self._target = key[order], target[order]

    def __len__(self) -> int:
        """Views that are put elsewhere."""
        return len(self._key)

    def find(self, ends: Hashes, tap: Ints) -> Ints:
        """To which interface packets of these connections go that were seen on these interfaces; LEFT_OUT: to none."""
        key = _mix(ends, tap)
        at = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        found: Ints = np.where(self._key[at] == key, self._target[at], tap)
        return found


def _mix(ends: Hashes, tap: NDArray[np.uint32] | Ints) -> Hashes:
    mixed: Hashes = ends ^ (tap.astype(np.uint64) + np.uint64(1)) * _MIX
    return mixed


def _find_views(rows: Sightings) -> NDArray[np.void]:
    """The views of one bucket that show what another one shows too."""
    ends, tap, count = _add_up(rows[rows["kind"] == COUNT])
    order = np.lexsort((tap, -count, ends))
    ends, tap = ends[order], tap[order]
    packets = rows[rows["kind"] == PACKET]
    found: list[NDArray[np.void]] = []
    while True:
        # The first that is left of each connection is the one with the most packets.
        begins = np.ones(len(ends), bool)
        begins[1:] = ends[1:] != ends[:-1]
        if begins.all():
            return np.concatenate([np.empty(0, _VIEW), *found])
        is_shared = np.isin(ends, ends[~begins])
        ends, tap, begins = ends[is_shared], tap[is_shared], begins[is_shared]
        packets = packets[np.isin(packets["ends"], ends)]
        proven = _find_proven(ends, tap, begins, packets)
        views = np.zeros(int(proven.sum()), _VIEW)
        main = np.repeat(tap[begins], np.diff(np.append(np.flatnonzero(begins), len(ends))))
        views["ends"], views["tap"], views["main"] = ends[proven], tap[proven], main[proven]
        found.append(views)
        ends, tap = ends[~begins & ~proven], tap[~begins & ~proven]


def _find_proven(
    ends: Hashes, tap: NDArray[np.uint32], begins: NDArray[np.bool_], packets: Sightings
) -> NDArray[np.bool_]:
    """Which views share a packet with the first one of their connection."""
    main = tap[begins][np.searchsorted(ends[begins], packets["ends"])]
    on_main = packets["tap"] == main
    again = packets[~on_main]
    again = again[np.isin(again["key"], packets["key"][on_main])]
    found: NDArray[np.bool_] = np.isin(_mix(ends, tap), _mix(again["ends"], again["tap"]))
    return found & ~begins


def _add_up(counts: Sightings) -> tuple[Hashes, NDArray[np.uint32], Ints]:
    """Packets of each connection on each interface, in order of both."""
    order = np.lexsort((counts["tap"], counts["ends"]))
    ends, tap, count = (counts[name][order] for name in ("ends", "tap", "time_ns"))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (ends[1:] != ends[:-1]) | (tap[1:] != tap[:-1])
    start = np.flatnonzero(is_new)
    sums = np.add.reduceat(count, start) if len(start) else count
    return ends[start], tap[start], sums
