"""What nodes ask of others besides."""

from __future__ import annotations

from ipaddress import ip_address

from harness.report.node_services import find_services
from harness.trace.packet import Flow, Packet, PacketNumber

NODE, OTHER, CLIENT = (ip_address(f"10.0.0.{n}") for n in (1, 2, 3))
SERVER, SECOND = ip_address("10.0.0.53"), ip_address("2001:db8::53")


def _packet(number: int, src: object, dst: object, port: int, protocol: int = 17) -> Packet:
    flow = Flow(src=src, dst=dst, protocol=protocol, src_port=40000, dst_port=port)  # type: ignore[arg-type]
    return Packet(
        number=PacketNumber(number), time_ns=0, tap="dmz", size=60, ether_type=0x0800, flow=flow
    )


def test_each_service_is_told_once_with_its_first_packet() -> None:
    """Two of a kind get names of their own."""
    packets = (
        _packet(1, NODE, SERVER, 53),
        _packet(2, NODE, SERVER, 53),
        _packet(3, NODE, SECOND, 53),
        _packet(4, NODE, SERVER, 53, protocol=6),
    )

    found = find_services(packets, {NODE})

    assert [(s.name, s.text, s.packet) for s in found] == [
        ("dns", "udp 10.0.0.53:53", 1),
        ("dns2", "udp [2001:db8::53]:53", 3),
        ("dns3", "tcp 10.0.0.53:53", 4),
    ]


def test_only_what_every_machine_asks_counts() -> None:
    """Not what others ask, what nodes ask each other, nor anything else that they do."""
    packets = (
        _packet(1, CLIENT, SERVER, 53),
        _packet(2, NODE, OTHER, 53),
        _packet(3, NODE, SERVER, 8443, protocol=6),
        _packet(4, NODE, SERVER, 53, protocol=1),
    )

    assert find_services(packets, {NODE, OTHER}) == ()
