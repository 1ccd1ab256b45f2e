"""Tests of whole connections that linger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.decode.tcp.ending import FOR_EVER, Linger
from harness.decode.tcp.horizon import Horizon
from harness.decode.tcp.lingering import Lingering
from harness.decode.tcp.whole import WholeTable
from harness.net.address import Endpoint
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.packet_list import PacketList
from tests.decode.tcp.test_whole import build_table


def flow(client: Endpoint, server: Endpoint) -> Flow:
    """What the client sends."""
    return Flow(
        src=client.address,
        dst=server.address,
        protocol=6,
        src_port=client.port,
        dst_port=server.port,
    )


def lingering() -> tuple[Lingering[object], WholeTable[object]]:
    """Five connections, not numbered."""
    _, _, table = build_table()
    table.number[:] = 0
    found: Lingering[object] = Lingering()
    found.add(table)
    return found, table


def test_each_is_found_until_it_is_taken() -> None:
    """By its key; taking gives its row, and later tables are without it."""
    found, table = lingering()
    key = table.keys[2]

    assert found.closed_ns(key) == table.last_ns[2]
    assert found.take(key) == (table, 2)
    assert key not in found
    assert len(found) == 4
    (rest,) = found.take_all()
    assert rest.keys == [*table.keys[:2], *table.keys[3:]]
    assert len(found) == 0


def test_the_older_ones_are_taken() -> None:
    """Up to a time, that time included; the others stay."""
    found, table = lingering()
    middle = int(sorted(table.last_ns)[2])

    (old,) = found.take_ended(Linger(5), 0, middle + 5, 100)

    assert sorted(old.last_ns) == sorted(table.last_ns)[:3]
    assert len(found) == 2
    assert set(table.keys) - set(old.keys) == {key for key in table.keys if key in found}


def test_too_many_do_not_stay() -> None:
    """The oldest go first."""
    found, table = lingering()

    (old,) = found.take_ended(FOR_EVER, 0, 0, 3)

    assert len(found) <= 3
    assert max(old.last_ns) < max(table.last_ns)


@pytest.mark.parametrize("count", [1, 9], ids=["few", "most gone"])
def test_who_stays_is_found_in_later_turns(count: int) -> None:
    """In the same table, or where most of it is gone in one of its own."""
    _, _, five = build_table()
    table = five.select([0] * count + [1])
    keys = [("dmz", bytes([row]) * 12) for row in range(count + 1)]
    table = replace(table, keys=keys, last_ns=np.array([*range(count), 100]))
    found: Lingering[object] = Lingering()
    found.add(table)

    (old,) = found.take_ended(Linger(5), 0, count + 4, 100)

    assert old.keys == keys[:-1]
    assert found.find(set(keys)) == {keys[-1]}
    assert found.closed_ns(keys[-1]) == 100
    (rest,) = found.take_all()
    assert (rest.keys, rest.client.tolist()) == ([keys[-1]], five.client[1:2].tolist())
    assert len(found) == 0


def test_what_is_behind_the_horizon_is_taken() -> None:
    """All of whose ends no packet is left."""
    found, table = lingering()
    groups = [table.build_group(row) for row in range(len(table))]
    last = sorted(group.numbers[-1] for group in groups)
    horizon = Horizon(
        PacketList.of(
            Packet(
                number=group.numbers[-1],
                time_ns=1,
                tap="dmz",
                size=60,
                ether_type=0x0800,
                flow=flow(*table.build_ends(row)),
            )
            for row, group in sorted(enumerate(groups), key=lambda pair: pair[1].numbers[-1])
        )
    )

    (old,) = found.take_ended(horizon, last[1], 0, 100)

    assert len(old) == 2
    assert len(found) == 3
    assert all(key not in found for key in old.keys)


def test_numbers_follow_the_first_packet() -> None:
    """Among those of other connections that are new as well; each is numbered once."""
    found, table = lingering()
    firsts = sorted(table.first.tolist())

    others = found.number([PacketNumber(firsts[1] + 1), PacketNumber(10**6)], 11)

    assert others == [13, 17]
    assert sorted(table.number.tolist()) == [11, 12, 14, 15, 16]
    assert found.fresh_count == 0
    assert found.number([PacketNumber(10**7)], 18) == [18]
