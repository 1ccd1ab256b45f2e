"""Tests of the end of connections by time; by packets, see test_horizon.py."""

from __future__ import annotations

import pytest

from harness.decode.tcp.ending import FOR_EVER, Linger
from harness.decode.tcp.flow_key import Key
from tests.decode.tcp.test_whole import build_table

KEY: Key = ("dmz", b"")


@pytest.mark.parametrize(("now_ns", "expected"), [(104, False), (105, True), (90, False)])
def test_a_closed_connection_gets_packets_for_a_while(now_ns: int, expected: bool) -> None:
    """An open one for ever; the number of the packet says nothing."""
    linger = Linger(5)

    assert linger.is_too_late(100, now_ns) == expected
    assert linger.has_ended(KEY, 100, 9, now_ns) == expected
    assert not linger.has_ended(KEY, None, 9, now_ns)
    assert not FOR_EVER.has_ended(KEY, 0, 9, now_ns)


def test_whole_connections_are_closed() -> None:
    """Each counts from its own last packet."""
    _, _, table = build_table()
    last = table.last_ns.tolist()
    now_ns = sorted(last)[2] + 5

    chosen = Linger(5).choose(table.keys, table.last_ns, 0, now_ns)

    assert chosen.tolist() == [Linger(5).has_ended(KEY, ns, 0, now_ns) for ns in last]
    assert 0 < chosen.sum() < len(table)
