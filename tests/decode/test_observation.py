"""Tests of observations: words for damage and for packets that are not followed."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.capture import block
from harness.decode.observation import describe_damage, reason_not_followed
from harness.trace.packet import Flow, Packet, PacketNumber


@pytest.mark.parametrize(
    ("resumed", "message"),
    [(80, "odd; reading went on at 80"), (None, "odd; nothing after it was read")],
)
def test_damage_says_where_reading_went_on(resumed: int | None, message: str) -> None:
    """Or that it did not."""
    place = block.Damage(offset=7, message="odd", resumed=resumed)
    damage = describe_damage(place, packets_before=3)

    assert (damage.offset, damage.message, damage.packets_before) == (7, message, 3)


@pytest.mark.parametrize(
    ("ether_type", "protocol", "note", "reason"),
    [
        (0x0806, None, None, "ether type 0x0806"),
        (None, None, None, "ether type 0x0000"),
        (0x0800, 6, None, "TCP"),
        (0x0800, 89, None, "IP protocol 89"),
        (0x0800, 6, "cut by snaplen", "cut by snaplen"),
    ],
)
def test_every_packet_has_a_reason(
    ether_type: int | None, protocol: int | None, note: str | None, reason: str
) -> None:
    """What it is, or what is wrong with it."""
    flow = None
    if protocol is not None:
        flow = Flow(src=ip_address("1.1.1.1"), dst=ip_address("2.2.2.2"), protocol=protocol)
    packet = Packet(
        number=PacketNumber(1),
        time_ns=0,
        tap="t",
        size=60,
        ether_type=ether_type,
        flow=flow,
        note=note,
    )

    assert reason_not_followed(packet) == reason
