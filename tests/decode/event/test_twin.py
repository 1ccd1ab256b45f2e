"""Twins: which view of a connection goes to which interface."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np

from harness.decode.event.sighting import SightingSpool
from harness.decode.event.survey import survey_file
from harness.decode.event.twin import LEFT_OUT, Twins
from tests.decode.event.sent_packets import MS, A, B, Sent, build_file, send


def _talk(*seqs: int, port: int = 4000) -> list[Sent]:
    return [send(A, B, seq * MS, seq=seq, port=port) for seq in seqs]


def _find(files: Sequence[list[Sent]], links: Sequence[int]) -> tuple[Twins, list[tuple[int, int]]]:
    """The twins, and of each view of the first connection its interface and where it goes."""
    spool = SightingSpool(BytesIO())
    for index, sent in enumerate(files):
        survey_file(build_file(*sent), file=index, first_tap=index, window=1 << 20, spool=spool)
    rows = np.concatenate(list(spool.read()))
    twins = Twins(spool.read(), links)
    ends = rows["ends"][:1]
    taps = np.unique(rows["tap"][rows["ends"] == ends]).astype(np.int64)
    found = twins.find(np.repeat(ends, len(taps)), taps) if len(twins) else taps
    return twins, list(zip(taps.tolist(), found.tolist(), strict=True))


def test_the_view_with_the_most_packets_stays() -> None:
    """The others go there; of equal ones the first stays."""
    twins, found = _find([_talk(1, 2), _talk(1, 2, 3), _talk(3, 2, 1)], [1, 1, 1])

    assert found == [(0, 1), (1, 1), (2, 1)]
    assert twins.counts == [(0, 1, 1), (2, 1, 1)]


def test_other_links_are_left_out() -> None:
    """Their frames would not fit."""
    twins, found = _find([_talk(1, 2), _talk(1, 2, 3)], [101, 1])

    assert found == [(0, LEFT_OUT), (1, 1)]
    assert twins.counts == [(0, LEFT_OUT, 1)]


def test_the_same_ends_without_a_common_packet_are_no_twins() -> None:
    """The same four-tuple somewhere else, or at another time."""
    twins, found = _find([_talk(1, 2), _talk(3, 4, 5)], [1, 1])

    assert found == [(0, 0), (1, 1)]
    assert len(twins) == 0


def test_without_packets_there_are_none() -> None:
    """An empty file is one as well."""
    twins = Twins([], [1, 1])

    assert (len(twins), twins.counts) == (0, [])


def test_views_that_share_nothing_with_the_largest_are_put_together_too() -> None:
    """Four interfaces, two for each direction: two stay."""
    up, down = _talk(1, 2, 3), _talk(7, 8)
    twins, found = _find([up, down, up[1:], down], [1, 1, 1, 1])

    assert found == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert twins.counts == [(2, 0, 1), (3, 1, 1)]
