"""Tests of the horizon: behind it nothing more comes."""

from __future__ import annotations

import pytest

from harness.decode.tcp.flow_key import Key
from harness.decode.tcp.horizon import Horizon
from harness.net.address import Endpoint, parse_address
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.packet_list import PacketList

ONE, TWO = Endpoint(parse_address("10.0.0.2"), 443), Endpoint(parse_address("10.0.0.10"), 5000)
THREE, FOUR = Endpoint(parse_address("2001:db8::1"), 443), Endpoint(parse_address("::1"), 1)


def flow(source: Endpoint, destination: Endpoint, protocol: int = 6) -> Flow:
    """From one end to the other."""
    return Flow(
        src=source.address,
        dst=destination.address,
        protocol=protocol,
        src_port=source.port,
        dst_port=destination.port,
    )


def key(tap: str, low: Endpoint, high: Endpoint) -> Key:
    """As Segments write it."""
    return tap, b"".join(end.address.packed + end.port.to_bytes(2, "big") for end in (low, high))


def build_horizon() -> Horizon:
    """Both ways on one tap, one on another; other protocols and none at all."""
    flows = [
        ("dmz", flow(ONE, TWO)),
        ("dmz", flow(TWO, ONE)),
        ("inside", flow(ONE, TWO)),
        ("dmz", flow(THREE, FOUR)),
        ("dmz", flow(TWO, ONE, protocol=17)),
        ("dmz", None),
    ]
    return Horizon(
        PacketList.of(
            Packet(
                number=PacketNumber(number),
                time_ns=number,
                tap=tap,
                size=60,
                ether_type=None,
                flow=way,
            )
            for number, (tap, way) in enumerate(flows, 1)
        )
    )


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        (key("dmz", ONE, TWO), 2),
        (key("inside", ONE, TWO), 3),
        (key("dmz", FOUR, THREE), 4),
    ],
    ids=["both ways", "another tap", "IPv6"],
)
def test_the_last_packet_of_two_ends(ends: Key, last: int) -> None:
    """Of whichever direction; UDP does not count."""
    horizon = build_horizon()

    assert not horizon.has_ended(ends, None, last - 1, 1 << 62)
    assert horizon.has_ended(ends, None, last, 0)


def test_of_others_nothing_is_known() -> None:
    """What runs in a tunnel has another key than the packets that carry it."""
    assert not build_horizon().has_ended(key("dmz in GRE", ONE, TWO), 1, 6, 1 << 62)


def test_no_packet_is_too_late() -> None:
    """Each was foreseen, however long after the others it comes."""
    assert not build_horizon().is_too_late(0, 1 << 62)
