"""The spool of sightings: nothing is lost, and what belongs together comes together."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from harness.decode.event import sighting
from harness.decode.event.sighting import COUNT, PACKET, SightingSpool
from harness.decode.event.survey import survey_file
from tests.decode.event.sent_packets import MS, A, B, build_file, send

COUNT_OF_CONNECTIONS = 60


def _spool() -> SightingSpool:
    spool = SightingSpool(BytesIO())
    for file in range(2):
        sent = [send(A, B, n * MS, seq=n, port=4000 + n % COUNT_OF_CONNECTIONS) for n in range(600)]
        survey_file(build_file(*sent), file=file, first_tap=file, window=1 << 14, spool=spool)
    return spool


@pytest.mark.parametrize("together", [1, 100, 1 << 20])
def test_all_rows_come_and_those_of_a_connection_come_together(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are looked at together, and as often as they are asked for."""
    monkeypatch.setattr(sighting, "_TOGETHER", together)
    monkeypatch.setattr(sighting, "_PENDING", 50)
    spool = _spool()
    for _ in range(2):
        groups = list(spool.read())
        rows = np.concatenate(groups)
        packets = rows[rows["kind"] == PACKET]

        assert len(packets) == 1200
        assert rows["time_ns"][rows["kind"] == COUNT].sum() == 1200
        assert len(np.unique(packets["ends"])) == COUNT_OF_CONNECTIONS
        assert sum(len(np.unique(g["ends"])) for g in groups) == COUNT_OF_CONNECTIONS


def test_of_dense_connections_the_same_packets_stand_for_all_in_every_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind the first bytes of a file; their number is still known."""
    monkeypatch.setattr("harness.decode.event.survey.WHOLE", 0)
    monkeypatch.setattr(sighting, "_DENSE", 9)
    rows = np.concatenate(list(_spool().read()))
    keys = [rows["key"][(rows["kind"] == PACKET) & (rows["tap"] == tap)] for tap in range(2)]

    assert 0 < len(keys[0]) < 300
    assert sorted(keys[0]) == sorted(keys[1])
    assert rows["time_ns"][rows["kind"] == COUNT].sum() == 1200
