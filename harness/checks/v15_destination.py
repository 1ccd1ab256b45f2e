"""V15 destination: a node opens nothing but allowed destinations. Every IP packet that it sends is accounted for.

Judged packet by packet, without the help of reassembly: a SYN nobody answered counts, and so do UDP, ICMP and IPv6.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from harness.checks.case import Case
from harness.checks.check import Check, Judgement, LookedAt, Unjudged
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

MOST_PAIRS = 20_000
"""Pairs of ends of which all is remembered; of more the older TCP connections that were judged are forgotten."""

_End = bytes
"""Address and port of one end."""
_Pair = tuple[str, int, _End, _End]
"""Tap, protocol, and two ends that talk there, the same for both directions."""


@dataclass(slots=True)
class _Talk:
    """Who spoke first: grows while the packets go by."""

    first: dict[_Pair, _End] = field(default_factory=dict)
    """By pair: who opened a TCP connection, or sent the first packet between two endpoints."""
    since_ns: dict[_Pair, int] = field(default_factory=dict)
    """By pair: when that was."""
    received: set[tuple[str, Flow]] = field(default_factory=set)
    """What was sent to a node; ICMP errors quote it."""
    waiting: dict[Endpoint, Endpoint] = field(default_factory=dict)
    """By sender: the balancer's port that it wants a connection to, and has no answer of."""
    echoes: set[tuple[str, Address, Address]] = field(default_factory=set)
    """Echo requests, by sender and receiver."""

    def note(self, packet: Packet, way: _Way) -> None:
        """Remember one packet."""
        flow = way.flow
        if flow.protocol == TCP:
            if packet.tcp_flags is not None and _is_opening(packet.tcp_flags):
                self.first[way.pair] = way.source
                self.since_ns[way.pair] = packet.time_ns
                if way.is_asking_balancer:
                    self.waiting[flow.source] = flow.destination
            elif self.waiting and self.waiting.get(flow.destination) == flow.source:
                del self.waiting[flow.destination]
        else:
            self.first.setdefault(way.pair, way.source)
            self.since_ns.setdefault(way.pair, packet.time_ns)
        if way.is_to_node and not way.is_noted:
            self.received.add((packet.tap, flow))
            way.is_noted = True
        if flow.protocol in ECHO and packet.icmp_type == ECHO[flow.protocol][0]:
            self.echoes.add((packet.tap, flow.src, flow.dst))

    def is_handed_on(self, way: _Way) -> bool:
        """Whether a balancer that does not answer has sent it on with another destination, or it answers such (V26)."""
        flow = way.flow
        asked, answered = self.waiting.get(flow.source), self.waiting.get(flow.destination)
        if way.is_to_node and asked is not None and asked.port == flow.dst_port:
            return True
        return way.is_from_node and answered is not None and answered.port == flow.src_port

    def is_answer(self, packet: Packet, way: _Way) -> bool:
        """Whether the packet answers something that its sender received."""
        flow = way.flow
        if flow.protocol in ECHO:
            if packet.icmp_type == ECHO[flow.protocol][1]:
                return (packet.tap, flow.dst, flow.src) in self.echoes
            quoted = packet.quoted
            if quoted is None or packet.icmp_type not in ERRORS[flow.protocol]:
                return False
            return quoted.src == flow.dst and (packet.tap, quoted) in self.received
        return self.first.get(way.pair) == way.destination and way.source != way.destination


def _encode(address: Address, port: int) -> _End:
    return address.packed + port.to_bytes(2, "big")


def _is_opening(tcp_flags: int) -> bool:
    return tcp_flags & (SYN | ACK) == SYN  # Never true for NONE, which has both.


@dataclass(slots=True)
class _Way:
    """What is known of all packets of one way."""

    flow: Flow
    source: _End
    destination: _End
    pair: _Pair
    is_to_node: bool
    is_from_node: bool
    is_asking_balancer: bool
    is_noted: bool = False
    """It is in `_Talk.received`."""


class _Ways:
    """The ways of a capture by index, each looked at once."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._ways: dict[int, _Way | None] = {}
        self._by_pair: dict[_Pair, list[int]] = defaultdict(list)
        self.done = bytearray(len(case.packets.columns.ways))
        """By index: 1 where TCP packets that open nothing were judged, and nobody has opened the connection anew."""

    def find(self, index: int) -> _Way | None:
        """None: packets of this way have no flow."""
        if index in self._ways:
            return self._ways[index]
        tap, flow = self._case.packets.columns.ways[index]
        way = None
        if flow is not None:
            machines = self._case.machines
            source, destination = _encode(flow.src, flow.src_port), _encode(flow.dst, flow.dst_port)
            low, high = sorted((source, destination))
            way = _Way(
                flow=flow,
                source=source,
                destination=destination,
                pair=(tap, flow.protocol, low, high),
                is_to_node=_receiver(self._case, tap, flow).address in machines.nodes,
                is_from_node=machines.is_sender_node(tap, flow),
                is_asking_balancer=machines.balancer_mode(flow.destination) is not None,
            )
            self._by_pair[way.pair].append(index)
        self._ways[index] = way
        return way

    def reopen(self, pair: _Pair) -> None:
        """Somebody opened a connection: who answers whom may have changed."""
        for index in self._by_pair[pair]:
            self.done[index] = False

    def forget_some(self, talk: _Talk) -> None:
        """Of very many pairs let the older half of those go of which everything was judged.

        Of one that comes again its SYN is looked at as of any other; what answers it needs no second look.
        """
        if len(self._by_pair) <= MOST_PAIRS:
            return
        for pair in tuple(islice(self._by_pair, MOST_PAIRS // 2)):
            indexes = self._by_pair[pair]
            if pair[1] == TCP and all(self.done[index] for index in indexes):
                for index in indexes:
                    way = self._ways.pop(index)
                    if way is not None:
                        talk.received.discard((pair[0], way.flow))
                del self._by_pair[pair]
                talk.first.pop(pair, None)
                talk.since_ns.pop(pair, None)


_Lists = dict[str, list[PacketNumber]]
_UNREAD = "the headers of IP packets could not be read, and a node may have sent them"
_STRANGER = "nobody knows which machine sent IPv6 packets, and it may be a node"
_ORPHAN = "a node sent TCP packets of connections whose start was not seen"


def _judge(case: Case) -> Iterator[Judgement]:
    talk, ways = _Talk(), _Ways(case)
    told: set[tuple[Address, int, Endpoint]] = set()
    doubts: _Lists = {_UNREAD: [], _STRANGER: [], _ORPHAN: []}
    columns = case.packets.columns
    done = ways.done
    for row, (index, flags) in enumerate(zip(columns.way, columns.tcp_flags, strict=True)):
        if done[index] and not _is_opening(flags):
            continue
        ways.forget_some(talk)
        way = ways.find(index)
        packet = case.packets[row]
        if way is None:
            if packet.ether_type in (IPV4, IPV6, None) and packet.note is not None:
                doubts[_UNREAD].append(packet.number)
            continue
        if _is_opening(flags):
            ways.reopen(way.pair)
        talk.note(packet, way)
        is_fine = _is_fine(case, talk, packet, way)
        doubt = None if is_fine else _find_doubt(talk, way)
        if doubt is not None:
            doubts[doubt].append(packet.number)
            continue
        if way.flow.protocol == TCP and not _is_opening(flags):
            # One more like it says nothing new. Without a SYN each is judged by its own time.
            done[index] = way.pair in talk.first or not way.is_from_node
        if is_fine:
            continue
        what = (way.flow.src, way.flow.protocol, way.flow.destination)
        if what not in told:
            told.add(what)
            yield _finding(case, packet, way.flow)
    for reason, numbers in doubts.items():
        if numbers:
            yield Unjudged(reason=reason, packets=tuple(numbers))


def _is_fine(case: Case, talk: _Talk, packet: Packet, way: _Way) -> bool:
    """Whether no node sent a packet, or was allowed to."""
    if not way.is_from_node:
        return not _is_stranger(case, packet, way.flow)
    return (
        talk.is_answer(packet, way)
        or _is_allowed(case, talk, packet, way)
        or talk.is_handed_on(way)
    )


def _find_doubt(talk: _Talk, way: _Way) -> str | None:
    """Why a packet that does not seem fine may be so; None: it is not."""
    flow = way.flow
    if not way.is_from_node:
        return _STRANGER
    if flow.protocol in (TCP, UDP) and not flow.src_port:
        return _UNREAD  # A later fragment: its ports are in another packet.
    return _ORPHAN if flow.protocol == TCP and way.pair not in talk.first else None


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


def _is_allowed(case: Case, talk: _Talk, packet: Packet, way: _Way) -> bool:
    """Whether a node may send this of its own accord."""
    flow = way.flow
    server = _receiver(case, packet.tap, flow)
    # Loopback stays what it is here: whether it may be a destination is a setting of its own.
    since_ns = talk.since_ns.get(way.pair, packet.time_ns)
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


def _receiver(case: Case, tap: str, flow: Flow) -> Endpoint:
    """Who gets a packet, in the site's own addresses and ports."""
    return case.machines.role(flow.destination, tap=tap)


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


def _count_packets(case: Case) -> int:
    columns = case.packets.columns
    return sum(
        count
        for (tap, flow), count in zip(columns.ways, columns.count, strict=True)
        if flow is not None and case.machines.is_sender_node(tap, flow)
    )


V15 = Check(
    id="V15",
    promise="A node sends nothing to anybody but allowed destinations, its own cluster, and whoever asked it first.",
    source="V15; F57 F58 F59 F66",
    needs=(COMPLETE,),
    judge=_judge,
    looked_at=LookedAt("packet", _count_packets),
    by_packets=True,
)
