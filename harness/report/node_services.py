"""NodeServices: what nodes ask of others as every machine does (names, time, logs), from the packets of a trace.

V15 takes all that a node sends for the cert proxy's, unless the site lists it (`other_services`).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from harness.net.address import Address
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.packet_list import PacketList

_TCP, _UDP = 6, 17
_NAMES = {
    (_UDP, 53): "dns",
    (_TCP, 53): "dns",
    (_UDP, 67): "dhcp",
    (_UDP, 123): "ntp",
    (_UDP, 514): "syslog",
}
"""By IP protocol and port: RFC 1035, 2131, 5905, 5426."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeService:
    """One of them."""

    name: str
    text: str
    """As `other_services` has it: `udp 10.20.0.53:53`."""
    packet: PacketNumber
    """The first one."""


def find_services(packets: Sequence[Packet], nodes: Set[Address]) -> tuple[NodeService, ...]:
    """Each once, in order of the first packet."""

    def is_asking(flow: Flow | None) -> bool:
        if flow is None or flow.src not in nodes or flow.dst in nodes:
            return False
        return (flow.protocol, flow.dst_port) in _NAMES

    found: dict[str, NodeService] = {}
    counts: dict[str, int] = {}
    for packet in PacketList.of(packets).select(is_asking):
        flow = packet.flow
        assert flow is not None
        text = f"{'udp' if flow.protocol == _UDP else 'tcp'} {flow.destination}"
        if text in found:
            continue
        name = _NAMES[flow.protocol, flow.dst_port]
        counts[name] = counts.get(name, 0) + 1
        if counts[name] > 1:
            name += str(counts[name])
        found[text] = NodeService(name=name, text=text, packet=packet.number)
    return tuple(found.values())
