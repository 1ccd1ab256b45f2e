"""Frame: from captured bytes to a Packet and, for TCP, to the Segment that reassembly needs.

Sizes come from the IP header, never from the frame: Ethernet pads, and a capture may cut. Nothing raises on bad bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from harness.decode.packet.carried import find_carried
from harness.decode.packet.fragment import Fragment, FragmentReader
from harness.decode.packet.link import ETHER_IPV4, ETHER_IPV6, find_payload
from harness.net.address import Address
from harness.trace.packet import Flow, Packet, PacketNumber

ICMP = 1
TCP = 6
UDP = 17
ICMPV6 = 58

FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10

_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})
_ICMPV6_ERRORS = frozenset({1, 2, 3, 4})
_EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
"""IPv6 headers of the common form: next header, length in 8 bytes less one (RFC 6564)."""
_FRAGMENT = 44
_AUTHENTICATION = 51
_MAX_EXTENSIONS = 16

_MAX_TUNNELS = 4
"""Packets inside one another."""
_MAX_KNOWN = 1 << 16
"""Flows and addresses that are remembered; beyond, all are forgotten and made anew."""
_UDP_HEADER = 8

_IPV4 = struct.Struct(">BxHHHxB2x4s4s")
_TCP = struct.Struct(">HHIIH")


@dataclass(frozen=True, slots=True)
class Segment:
    """The transport part of one TCP packet."""

    number: PacketNumber
    time_ns: int
    flow: Flow
    source: bytes
    """Address and port of the sender, as in the packet: cheaper to compare than an Endpoint."""
    destination: bytes
    seq: int
    ack: int
    flags: int
    data: bytes
    """What was captured of the payload."""
    size: int
    """What was sent, by the IP length: more than `data` where the capture cut."""
    earlier: tuple[PacketNumber, ...] = ()
    """Packets with the other IP fragments of it, ascending; `number` is that of the last one seen."""
    carried_in: str | None = None
    """The tunnels that the packet came through, the outer one first."""


@dataclass(frozen=True, slots=True)
class _Datagram:
    """The IP header, read."""

    src: bytes
    dst: bytes
    protocol: int
    offset: int
    """Where the transport header begins."""
    end: int
    """Where the datagram ends, by its own length; may lie beyond the captured bytes."""
    note: str | None = None
    fragment: _Part | None = None
    """Only a part of the datagram is here."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What an IP header says about the fragment behind it."""

    identification: int
    offset: int
    """Bytes before it in the datagram."""
    is_last: bool


class FrameDecoder:
    """Decodes frames of one file; it keeps addresses and flows it has met, and fragments that wait for the others."""

    def __init__(self) -> None:
        """Begin with nothing met."""
        self._fragments = FragmentReader()
        self._addresses: dict[bytes, Address] = {}
        self._flows: dict[tuple[bytes, bytes, int, int, int], Flow] = {}

    def decode(
        self,
        link_type: int,
        data: bytes,
        *,
        number: int,
        time_ns: int,
        tap: str,
        size: int,
        depth: int = 0,
    ) -> tuple[Packet, Segment | None]:
        """One frame of the given link type; the Segment is there for TCP that can be followed.

        A tunnel is stepped into, from `depth` others on: then the Packet is the outer one, and the Segment the inner.
        """
        payload, limit = find_payload(link_type, data), size
        if payload.end is not None:
            # Padding may stand where the IP header says that bytes do: the receiver never sees it.
            data, limit = data[: payload.end], min(size, payload.end)
        ether_type = payload.ether_type
        known = PacketNumber(number)
        note = payload.note
        datagram = None
        if note is None and ether_type in (ETHER_IPV4, ETHER_IPV6):
            found = self._decode_ip(ether_type, data, payload.offset, limit)
            if isinstance(found, str):
                note = found
            else:
                datagram = found
        if datagram is None:
            packet = Packet(
                number=known,
                time_ns=time_ns,
                tap=tap,
                size=size,
                ether_type=payload.wire_type,
                note=note,
            )
            return packet, None
        bare = Packet(
            number=known, time_ns=time_ns, tap=tap, size=size, ether_type=payload.wire_type
        )
        if datagram.fragment is None:
            return self._decode_transport(data, datagram, bare, depth)
        return self._decode_fragment(data, datagram, datagram.fragment, bare, depth)

    def _decode_carried(
        self, data: bytes, sent: int, outer: Packet, depth: int
    ) -> tuple[Packet, Segment | None]:
        """What is behind the header of a tunnel, if the packet belongs to one."""
        found = find_carried(outer.flow, data) if outer.flow is not None else None
        if found is None or depth >= _MAX_TUNNELS:
            return outer, None
        inner, segment = self.decode(
            found.link_type,
            data[found.offset :],
            number=outer.number,
            time_ns=outer.time_ns,
            tap=f"{outer.tap} in {found.tunnel}",
            size=max(sent - found.offset, 0),
            depth=depth + 1,
        )
        if segment is None:
            return (replace(outer, note=inner.note) if inner.note == "fragment" else outer), None
        tunnels = (found.tunnel, segment.carried_in)
        segment = replace(segment, carried_in=", ".join(name for name in tunnels if name))
        return replace(outer, note=inner.note), segment

    def _decode_fragment(
        self, data: bytes, ip: _Datagram, part: _Part, bare: Packet, depth: int
    ) -> tuple[Packet, Segment | None]:
        """One part of a datagram; the transport header is read when the last part is there."""
        sent, have = max(ip.end - ip.offset, 0), data[ip.offset : ip.end]
        ports = (0, 0)
        if part.offset == 0 and ip.protocol in (TCP, UDP) and len(have) >= 4:
            ports = struct.unpack_from(">HH", have)
        flow = self._flow(ip.src, ip.dst, ip.protocol, *ports)
        if len(have) < sent:
            return _packet(bare, flow, payload_size=sent, note="fragment cut by snaplen"), None
        fragment = Fragment(part.offset, have, part.is_last, bare.number, bare.time_ns)
        key = (bare.tap, ip.src, ip.dst, ip.protocol, part.identification)
        found = self._fragments.feed(key, fragment)
        if isinstance(found, str):
            return _packet(bare, flow, payload_size=sent, note=found), None
        whole = _Datagram(ip.src, ip.dst, ip.protocol, 0, len(found.data))
        if len(ip.src) == 16:
            whole = _step_over(found.data, whole)
            if whole.fragment is not None:
                return _packet(bare, flow, payload_size=sent, note="fragment of a fragment"), None
        packet, segment = self._decode_transport(found.data, whole, bare, depth)
        if segment is not None:
            segment = replace(segment, earlier=tuple(sorted({*found.earlier, *segment.earlier})))
        return packet, segment

    def _decode_transport(
        self, data: bytes, ip: _Datagram, bare: Packet, depth: int
    ) -> tuple[Packet, Segment | None]:
        if ip.protocol == _AUTHENTICATION and len(ip.src) == 4:
            ip = _step_over(
                data, ip
            )  # RFC 4302: under IPv4 it stands before the transport as well.
        sent = max(ip.end - ip.offset, 0)
        have = data[ip.offset : ip.end]
        flow = self._flow(ip.src, ip.dst, ip.protocol, 0, 0)
        note = ip.note
        if note is not None:
            return _packet(bare, flow, payload_size=sent, note=note), None
        if ip.protocol == TCP:
            return self._decode_tcp(ip, have, sent, bare)
        if ip.protocol == UDP:
            if len(have) < 8:
                return _packet(bare, flow, note=_short("UDP", have, sent)), None
            src_port, dst_port = struct.unpack_from(">HH", have)
            flow = self._flow(ip.src, ip.dst, UDP, src_port, dst_port)
            udp = _packet(bare, flow, payload_size=max(sent - _UDP_HEADER, 0))
            return self._decode_carried(have[_UDP_HEADER:], sent - _UDP_HEADER, udp, depth)
        if ip.protocol in (ICMP, ICMPV6):
            if len(have) < 8:
                return _packet(bare, flow, note=_short("ICMP", have, sent)), None
            kind = have[0]
            errors = _ICMP_ERRORS if ip.protocol == ICMP else _ICMPV6_ERRORS
            quoted = self._decode_quoted(have[8:], ip.protocol) if kind in errors else None
            return _packet(
                bare, flow, payload_size=max(sent - 8, 0), icmp_type=kind, quoted=quoted
            ), None
        return self._decode_carried(have, sent, _packet(bare, flow, payload_size=sent), depth)

    def _decode_tcp(
        self, ip: _Datagram, have: bytes, sent: int, bare: Packet
    ) -> tuple[Packet, Segment | None]:
        if len(have) < 16:
            flow = self._flow(ip.src, ip.dst, TCP, 0, 0)
            if len(have) >= 4:
                flow = self._flow(ip.src, ip.dst, TCP, *struct.unpack_from(">HH", have))
            return _packet(bare, flow, note=_short("TCP", have, sent)), None
        src_port, dst_port, seq, ack, bits = _TCP.unpack_from(have)
        flow = self._flow(ip.src, ip.dst, TCP, src_port, dst_port)
        header = (bits >> 12) * 4
        flags = bits & 0x1FF
        if header < 20 or header > sent:
            return _packet(
                bare, flow, flags=flags, note=f"bad TCP header length {header // 4}"
            ), None
        payload = have[header:]
        size = sent - header
        note = "cut by snaplen" if len(payload) < size else None
        packet = _packet(bare, flow, flags=flags, payload_size=size, note=note)
        source, destination = ip.src + have[:2], ip.dst + have[2:4]
        return packet, Segment(
            bare.number, bare.time_ns, flow, source, destination, seq, ack, flags, payload, size
        )

    def _decode_ip(self, ether_type: int, data: bytes, offset: int, limit: int) -> _Datagram | str:
        """The IP header at `offset`; no datagram reaches beyond `limit`, the size of its frame on the wire."""
        if ether_type == ETHER_IPV4:
            return self._decode_ipv4(data, offset, limit)
        return self._decode_ipv6(data, offset, limit)

    def _decode_ipv4(self, data: bytes, offset: int, limit: int) -> _Datagram | str:
        # RFC 791 section 3.1
        if len(data) - offset < 20:
            return f"cut IPv4 header of {len(data) - offset} bytes"
        first, length, identification, fragment, protocol, src, dst = _IPV4.unpack_from(
            data, offset
        )
        header = (first & 0x0F) * 4
        if first >> 4 != 4:
            return f"bad IPv4 version {first >> 4}"
        if header < 20:
            return f"bad IPv4 header length {first & 0x0F}"
        # Segmentation offload leaves 0 where the length does not fit 16 bits.
        size = length or len(data) - offset
        if size < header:
            return f"bad IPv4 length {length}"
        end = min(offset + size, max(limit, len(data)))
        part = None
        if fragment & 0x3FFF:
            part = _Part(identification, (fragment & 0x1FFF) * 8, not fragment & 0x2000)
        return _Datagram(src, dst, protocol, offset + header, end, fragment=part)

    def _decode_ipv6(self, data: bytes, offset: int, limit: int) -> _Datagram | str:
        # RFC 8200 section 3
        if len(data) - offset < 40:
            return f"cut IPv6 header of {len(data) - offset} bytes"
        if data[offset] >> 4 != 6:
            return f"bad IPv6 version {data[offset] >> 4}"
        length, protocol = struct.unpack_from(">HB", data, offset + 4)
        src = data[offset + 8 : offset + 24]
        dst = data[offset + 24 : offset + 40]
        # A length of 0 is a jumbogram (RFC 2675), or offload; both fill the frame.
        end = min(offset + 40 + length, max(limit, len(data))) if length else len(data)
        return _step_over(data, _Datagram(src, dst, protocol, offset + 40, end))

    def _decode_quoted(self, data: bytes, protocol: int) -> Flow | None:
        """The flow of the packet inside an ICMP error (RFC 792, RFC 4443 section 2.4)."""
        found = self._decode_ip(ETHER_IPV4 if protocol == ICMP else ETHER_IPV6, data, 0, 1 << 16)
        if isinstance(found, str):
            return None
        ports = (0, 0)
        # Only the first fragment has ports; 8 bytes of the transport header are promised.
        is_first = found.fragment is None or found.fragment.offset == 0
        is_known = found.protocol in (TCP, UDP) and found.note is None
        if is_first and is_known and len(data) - found.offset >= 4:
            ports = struct.unpack_from(">HH", data, found.offset)
        return self._flow(found.src, found.dst, found.protocol, *ports)

    def _address(self, raw: bytes) -> Address:
        address = self._addresses.get(raw)
        if address is None:
            address = IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)
            if len(self._addresses) >= _MAX_KNOWN:
                self._addresses.clear()
            self._addresses[raw] = address
        return address

    def _flow(self, src: bytes, dst: bytes, protocol: int, src_port: int, dst_port: int) -> Flow:
        # Keyed by bytes: hashing an address object costs more than decoding its packet.
        key = (src, dst, protocol, src_port, dst_port)
        flow = self._flows.get(key)
        if flow is None:
            flow = Flow(
                src=self._address(src),
                dst=self._address(dst),
                protocol=protocol,
                src_port=src_port,
                dst_port=dst_port,
            )
            if len(self._flows) >= _MAX_KNOWN:
                self._flows.clear()
            self._flows[key] = flow
        return flow


def _step_over(data: bytes, ip: _Datagram) -> _Datagram:
    """Step over the IPv6 extension headers that begin at `offset` (RFC 8200 section 4)."""
    protocol, here = ip.protocol, ip.offset
    for _ in range(_MAX_EXTENSIONS):
        size = 0
        if protocol in _EXTENSIONS:
            size = 8 * (data[here + 1] + 1) if here + 2 <= len(data) else 0
        elif protocol == _AUTHENTICATION:
            size = 4 * (data[here + 1] + 2) if here + 2 <= len(data) else 0
        elif protocol == _FRAGMENT:
            size = 8 if here + 8 <= len(data) else 0
        else:
            return ip if here == ip.offset else replace(ip, protocol=protocol, offset=here)
        if not size or here + size > ip.end:
            return replace(ip, protocol=protocol, offset=here, note="cut IPv6 extension header")
        if protocol == _FRAGMENT:
            bits, identification = struct.unpack_from(">HI", data, here + 2)
            # Both fields 0: an atomic fragment, whole in itself (RFC 6946).
            if bits & 0xFFF9:
                part = _Part(identification, bits & 0xFFF8, not bits & 1)
                return replace(ip, protocol=data[here], offset=here + 8, fragment=part)
        protocol = data[here]
        here += size
    note = f"more than {_MAX_EXTENSIONS} IPv6 extension headers"
    return replace(ip, protocol=protocol, offset=here, note=note)


def _short(name: str, have: bytes, sent: int) -> str:
    """Whether the capture or the sender cut a header."""
    return "cut by snaplen" if len(have) < sent else f"{name} header of {len(have)} bytes"


def _packet(
    bare: Packet,
    flow: Flow,
    *,
    flags: int | None = None,
    payload_size: int = 0,
    icmp_type: int | None = None,
    quoted: Flow | None = None,
    note: str | None = None,
) -> Packet:
    return Packet(
        number=bare.number,
        time_ns=bare.time_ns,
        tap=bare.tap,
        size=bare.size,
        ether_type=bare.ether_type,
        flow=flow,
        tcp_flags=flags,
        payload_size=payload_size,
        icmp_type=icmp_type,
        quoted=quoted,
        note=note,
    )
