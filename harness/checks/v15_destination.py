"""V15 destination: a node opens nothing but allowed destinations. Every IP packet that it sends is accounted for.

Judged packet by packet, without the help of reassembly: a SYN nobody answered counts, and so do UDP, ICMP and IPv6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.checks.case import Case
from harness.checks.check import Check, Judgement, Unjudged
from harness.checks.evidence import count
from harness.checks.legs import LOOPBACK_SUFFIX
from harness.checks.need import COMPLETE
from harness.checks.policy import TCP, UDP, Policy
from harness.net.address import Address, Endpoint
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.verdict.finding import Finding

SYN, ACK = 0x02, 0x10
DECIDING_NS = 1_000_000_000
"""A page that changed so shortly before a connection may not have been in force when the node decided to open it."""
IPV4, IPV6 = 0x0800, 0x86DD
ICMP, ICMPV6 = 1, 58
ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Type of the request and of its reply."""
ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: (1, 2, 3, 4)}
"""RFC 792; RFC 4443 section 2.1."""
NEIGHBOUR = range(133, 138)
"""Neighbour discovery, IPv6's ARP: never leaves the link (RFC 4861)."""
PROTOCOLS = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ICMPV6: "ICMPv6"}

_Pair = tuple[str, int, Endpoint, Endpoint]
_Ends = tuple[_Pair, bool, bool]
"""The two ends in one order, whether a node receives the packet, and whether a node sent it."""


@dataclass(slots=True)
class _Talk:
    """Who spoke first: grows while the packets go by."""

    first: dict[_Pair, Endpoint] = field(default_factory=dict)
    """Who opened a TCP connection, or sent the first packet between two endpoints."""
    since_ns: dict[_Pair, int] = field(default_factory=dict)
    """When that was."""
    received: set[tuple[str, Flow]] = field(default_factory=set)
    """What was sent to a node; ICMP errors quote it."""
    echoes: set[tuple[str, Address, Address]] = field(default_factory=set)
    """Echo requests, by sender and receiver."""

    def note(self, packet: Packet, flow: Flow, pair: _Pair, *, is_to_node: bool) -> None:
        """Remember one packet."""
        if flow.protocol == TCP:
            if _is_opening(packet):
                self.first[pair] = flow.source
                self.since_ns[pair] = packet.time_ns
        else:
            self.first.setdefault(pair, flow.source)
            self.since_ns.setdefault(pair, packet.time_ns)
        if is_to_node:
            self.received.add((packet.tap, flow))
        if flow.protocol in ECHO and packet.icmp_type == ECHO[flow.protocol][0]:
            self.echoes.add((packet.tap, flow.src, flow.dst))

    def is_answer(self, packet: Packet, flow: Flow, pair: _Pair) -> bool:
        """Whether the packet answers something that its sender received."""
        if flow.protocol in ECHO:
            if packet.icmp_type == ECHO[flow.protocol][1]:
                return (packet.tap, flow.dst, flow.src) in self.echoes
            quoted = packet.quoted
            if quoted is None or packet.icmp_type not in ERRORS[flow.protocol]:
                return False
            return quoted.src == flow.dst and (packet.tap, quoted) in self.received
        return self.first.get(pair) == flow.destination and flow.source != flow.destination


def _pair(packet: Packet, flow: Flow) -> _Pair:
    low, high = sorted((flow.source, flow.destination))
    return packet.tap, flow.protocol, low, high


def _find_ends(
    case: Case, packet: Packet, flow: Flow, known: dict[tuple[str, Flow], _Ends]
) -> _Ends:
    """The ends of a flow; those of most packets are known from the packet before."""
    found = known.get((packet.tap, flow))
    if found is None:
        is_to_node = _receiver(case, packet, flow).address in case.machines.nodes
        found = _pair(packet, flow), is_to_node, case.machines.is_sender_node(packet)
        known[packet.tap, flow] = found
    return found


def _is_opening(packet: Packet) -> bool:
    return packet.tcp_flags is not None and packet.tcp_flags & (SYN | ACK) == SYN


def _judge(case: Case) -> Iterator[Judgement]:
    talk = _Talk()
    told: set[tuple[Address, int, Endpoint]] = set()
    unread: list[PacketNumber] = []
    strangers: list[PacketNumber] = []
    orphans: list[PacketNumber] = []
    known: dict[tuple[str, Flow], _Ends] = {}
    for packet in case.trace.packets:
        flow = packet.flow
        if flow is None:
            if packet.ether_type in (IPV4, IPV6, None) and packet.note is not None:
                unread.append(packet.number)
            continue
        pair, is_to_node, is_from_node = _find_ends(case, packet, flow, known)
        talk.note(packet, flow, pair, is_to_node=is_to_node)
        if not is_from_node:
            if _is_stranger(case, packet, flow):
                strangers.append(packet.number)
            continue
        if talk.is_answer(packet, flow, pair) or _is_allowed(case, packet, flow, talk):
            continue
        if flow.protocol in (TCP, UDP) and not flow.src_port:
            unread.append(packet.number)  # A later fragment: its ports are in another packet.
        elif flow.protocol == TCP and pair not in talk.first:
            orphans.append(packet.number)
        elif (what := (flow.src, flow.protocol, flow.destination)) not in told:
            told.add(what)
            yield _finding(case, packet, flow)
    for numbers, reason in (
        (unread, "the headers of IP packets could not be read, and a node may have sent them"),
        (strangers, "nobody knows which machine sent IPv6 packets, and it may be a node"),
        (orphans, "a node sent TCP packets of connections whose start was not seen"),
    ):
        if numbers:
            yield Unjudged(reason=reason, packets=tuple(numbers))


def _is_stranger(case: Case, packet: Packet, flow: Flow) -> bool:
    """Whether a node may have sent this from an IPv6 address that the site does not name."""
    if flow.src.version == 4 or case.machines.name(flow.src):
        return False
    return not (
        flow.protocol == ICMPV6
        and packet.icmp_type is not None
        and _is_link_chatter(packet.icmp_type, flow)
    )


def _is_link_chatter(icmp_type: int, flow: Flow) -> bool:
    """Neighbour discovery and multicast listener reports (RFC 3810) reach no further than the link."""
    return icmp_type in NEIGHBOUR or (icmp_type in (130, 131, 132, 143) and flow.dst.is_multicast)


def _is_allowed(case: Case, packet: Packet, flow: Flow, talk: _Talk) -> bool:
    """Whether a node may send this of its own accord."""
    server = _receiver(case, packet, flow)
    # Loopback stays what it is here: whether it may be a destination is a setting of its own.
    since_ns = talk.since_ns.get(_pair(packet, flow), packet.time_ns)
    destination = case.machines.stated(flow.destination)
    policies = _find_policies(case, packet, flow, since_ns)
    if any(policy.is_destination(destination, flow.protocol) for policy in policies):
        return True
    is_cluster = flow.protocol == TCP and server.address in case.machines.nodes
    # Who may ask which of these ports, and what for, is the business of V05 and V09.
    return is_cluster and server.port in case.machines.certificate_ports


def _find_policies(case: Case, packet: Packet, flow: Flow, since_ns: int) -> tuple[Policy, ...]:
    """What the sender's page said when it decided to open this, a moment before."""
    sender = case.machines.role(flow.source, tap=packet.tap).address
    return case.rules.during(sender, since_ns - DECIDING_NS, since_ns) or (case.policy,)


def _receiver(case: Case, packet: Packet, flow: Flow) -> Endpoint:
    """Who gets a packet, in the site's own addresses and ports."""
    return case.machines.role(flow.destination, tap=packet.tap)


def _finding(case: Case, packet: Packet, flow: Flow) -> Finding:
    machines = case.machines
    policy = _find_policies(case, packet, flow, packet.time_ns)[-1]
    protocol = PROTOCOLS.get(flow.protocol, f"IP protocol {flow.protocol}")
    if flow.protocol in (TCP, UDP):
        sender = machines.tell(flow.source, tap=packet.tap)
        receiver = machines.tell(flow.destination, tap=packet.tap)
    else:
        sender, receiver = (machines.tell_address(address) for address in (flow.src, flow.dst))
    place = (
        f" on its {LOOPBACK_SUFFIX.removeprefix('.')}"
        if packet.tap.endswith(LOOPBACK_SUFFIX)
        else ""
    )
    return Finding(
        message=f"{sender} sent {protocol} to {receiver}{place}, but {policy.tell_destination()}",
        packets=(packet.number,),
        endpoints=(flow.source, flow.destination),
    )


V15 = Check(
    id="V15",
    promise="A node sends nothing to anybody but allowed destinations, its own cluster, and whoever asked it first.",
    source="V15; F57 F58 F59 F66",
    needs=(COMPLETE,),
    judge=_judge,
    looked_at=lambda case: count(
        "packet", (p for p in case.trace.packets if case.machines.is_sender_node(p))
    ),
)
