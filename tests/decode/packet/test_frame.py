"""Tests of frames."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.packet.frame import FrameDecoder, Segment
from harness.trace.packet import Flow, Packet
from tests.packet_builder import ACK, SYN, build_ethernet, build_ip, build_tcp

A, B = ("10.0.0.1", 50000), ("10.0.0.2", 443)
A6, B6 = ("2001:db8::1", 50000), ("2001:db8::2", 443)
TCP_PART = build_tcp(A, B, seq=7, ack=9, flags=ACK | 8, data=b"hello")


def decode(
    frame: bytes, *, size: int | None = None, link_type: int = 1
) -> tuple[Packet, Segment | None]:
    """One frame by a new decoder."""
    return FrameDecoder().decode(
        link_type, frame, number=1, time_ns=5, tap="dmz", size=size or len(frame)
    )


def flow(src: tuple[str, int], dst: tuple[str, int], protocol: int) -> Flow:
    """A flow from text."""
    return Flow(
        src=ip_address(src[0]),
        dst=ip_address(dst[0]),
        protocol=protocol,
        src_port=src[1],
        dst_port=dst[1],
    )


def test_flows_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture may have millions; each is told right, also one that was forgotten."""
    monkeypatch.setattr("harness.decode.packet.frame._MAX_KNOWN", 3)
    decoder = FrameDecoder()
    for number in (*range(1, 9), 1):
        ends = ((f"10.0.0.{number}", number), B)
        part = build_tcp(*ends, seq=7, ack=9, flags=ACK, data=b"")
        frame = build_ethernet(build_ip(ends[0][0], B[0], 6, part))
        found, _ = decoder.decode(1, frame, number=1, time_ns=5, tap="dmz", size=len(frame))
        assert found.flow == flow(*ends, 6)
        assert max(len(decoder._flows), len(decoder._addresses)) <= 3


@pytest.mark.parametrize(
    "packet",
    [
        build_ip(A[0], B[0], 6, TCP_PART),
        build_ip(A[0], B[0], 6, TCP_PART, options=b"\x01" * 8),
        build_ip(
            A[0],
            B[0],
            6,
            build_tcp(A, B, seq=7, ack=9, flags=24, data=b"hello", options=b"\x01" * 12),
        ),
    ],
    ids=["plain", "IP options", "TCP options"],
)
def test_tcp_over_ipv4_is_decoded(packet: bytes) -> None:
    """The padding of the frame is no payload."""
    found, segment = decode(build_ethernet(packet) + b"padding")

    assert found.flow == flow(A, B, 6)
    assert (found.tcp_flags, found.payload_size, found.note) == (24, 5, None)
    assert segment is not None
    assert (segment.seq, segment.ack, segment.data, segment.size) == (7, 9, b"hello", 5)


@pytest.mark.parametrize(
    ("first", "extensions"),
    [
        (6, b""),
        (0, b"\x06\0" + bytes(6)),
        (0, b"\x3c\0" + bytes(6) + b"\x2b\x01" + bytes(14) + b"\x06\0" + bytes(6)),
        (44, b"\x06\0\0\0\0\0\0\x07"),
        (51, b"\x06\x04" + bytes(22)),
    ],
    ids=["none", "hop by hop", "three", "atomic fragment", "authentication"],
)
def test_tcp_over_ipv6_is_decoded(first: int, extensions: bytes) -> None:
    """Extension headers are stepped over (RFC 8200 section 4)."""
    packet = build_ip(A6[0], B6[0], first, extensions + TCP_PART)

    found, segment = decode(build_ethernet(packet))

    assert found.flow == flow(A6, B6, 6)
    assert segment is not None
    assert segment.data == b"hello"


def test_udp_is_decoded() -> None:
    """Ports and payload size, and nothing to reassemble."""
    found, segment = decode(
        build_ethernet(build_ip(A[0], B[0], 17, struct.pack(">HHHH", 53, 99, 11, 0) + b"abc"))
    )

    assert found.flow == flow((A[0], 53), (B[0], 99), 17)
    assert found.payload_size == 3
    assert segment is None


@pytest.mark.parametrize(
    ("a", "b", "protocol", "kind"), [(A, B, 1, 3), (A6, B6, 58, 1)], ids=["IPv4", "IPv6"]
)
def test_an_icmp_error_quotes_its_packet(
    a: tuple[str, int], b: tuple[str, int], protocol: int, kind: int
) -> None:
    """Eight bytes of the TCP header are enough for the ports."""
    quoted = build_ip(b[0], a[0], 6, build_tcp(b, a, seq=1, flags=SYN)[:8])
    found, _ = decode(
        build_ethernet(build_ip(a[0], b[0], protocol, bytes([kind]) + bytes(7) + quoted))
    )

    assert found.icmp_type == kind
    assert found.flow == flow((a[0], 0), (b[0], 0), protocol)
    assert found.quoted == flow(b, a, 6)


def test_an_icmp_reply_quotes_nothing() -> None:
    """Echo data that looks like a packet is data."""
    quoted = build_ip(B[0], A[0], 6, TCP_PART)
    found, _ = decode(build_ethernet(build_ip(A[0], B[0], 1, bytes(8) + quoted)))

    assert (found.icmp_type, found.quoted) == (0, None)


def test_a_cut_packet_keeps_its_true_size() -> None:
    """What the snap length removed is known to be missing, not absent."""
    frame = build_ethernet(build_ip(A[0], B[0], 6, build_tcp(A, B, seq=7, data=b"x" * 500)))

    found, segment = decode(frame[:100], size=len(frame))

    assert (found.payload_size, found.note) == (500, "cut by snaplen")
    assert segment is not None
    assert (len(segment.data), segment.size) == (46, 500)


def test_a_length_beyond_the_frame_is_not_believed() -> None:
    """More than was on the wire cannot have been sent."""
    frame = bytearray(
        build_ethernet(build_ip(A[0], B[0], 6, build_tcp(A, B, seq=7, data=b"x" * 40)))
    )
    frame[16:18] = (4000).to_bytes(2, "big")

    found, _ = decode(bytes(frame))

    assert found.payload_size == 40


@pytest.mark.parametrize(
    ("carried", "data", "size"),
    [(0, b"", 0), (3, b"abc", 3), (6, b"abcxyz", 6)],
    ids=["padding", "partly", "all"],
)
def test_padding_behind_a_pppoe_session_is_no_payload(carried: int, data: bytes, size: int) -> None:
    """RFC 2516 section 4 tells where it ends, also where the IP length reaches into the padding."""
    tcp = build_tcp(("10.0.0.1", 5000), ("10.0.0.2", 80), seq=1, data=b"abcxyz")
    packet = build_ip("10.0.0.1", "10.0.0.2", 6, tcp)
    session = struct.pack(">BBHHH", 0x11, 0, 7, 2 + 40 + carried, 0x0021)
    frame = build_ethernet(session + packet, ether_type=0x8864)

    _, segment = decode(frame)

    assert segment is not None
    assert (segment.data, segment.size) == (data, size)


def test_a_length_of_zero_means_the_frame() -> None:
    """Segmentation offload writes it for packets above 64 KiB."""
    frame = bytearray(
        build_ethernet(build_ip(A[0], B[0], 6, build_tcp(A, B, seq=7, data=b"x" * 40)))
    )
    frame[16:18] = b"\0\0"

    assert decode(bytes(frame))[0].payload_size == 40


@pytest.mark.parametrize(
    ("frame", "note"),
    [
        (build_ethernet(build_ip(A[0], B[0], 6, TCP_PART[:24], fragment=0x2000)), "fragment"),
        (
            build_ethernet(build_ip(A[0], B[0], 6, TCP_PART, fragment=0x2000)),
            f"fragment of {len(TCP_PART)} bytes, not a multiple of 8",
        ),
        (build_ethernet(build_ip(A[0], B[0], 6, TCP_PART, fragment=5)), "fragment"),
        (
            build_ethernet(build_ip(A6[0], B6[0], 44, b"\x06\0\0\x01\0\0\0\x07" + TCP_PART[:24])),
            "fragment",
        ),
        (
            build_ethernet(b"\x43" + build_ip(A[0], B[0], 6, TCP_PART)[1:]),
            "bad IPv4 header length 3",
        ),
        (build_ethernet(b"\x55" + bytes(40), ether_type=0x800), "bad IPv4 version 5"),
        (build_ethernet(build_ip(A[0], B[0], 6, TCP_PART))[:30], "cut IPv4 header of 16 bytes"),
        (build_ethernet(build_ip(A6[0], B6[0], 6, TCP_PART))[:40], "cut IPv6 header of 26 bytes"),
        (build_ethernet(build_ip(A6[0], B6[0], 0, b"\x06\x20")), "cut IPv6 extension header"),
        (
            build_ethernet(build_ip(A[0], B[0], 6, TCP_PART[:12] + b"\x10" + TCP_PART[13:])),
            "bad TCP header length 1",
        ),
        (build_ethernet(build_ip(A[0], B[0], 6, TCP_PART[:9])), "TCP header of 9 bytes"),
        (build_ethernet(build_ip(A[0], B[0], 17, b"\0\0")), "UDP header of 2 bytes"),
        (build_ethernet(build_ip(A[0], B[0], 1, b"\0\0")), "ICMP header of 2 bytes"),
    ],
)
def test_what_cannot_be_followed_is_noted(frame: bytes, note: str) -> None:
    """The packet stays in the trace, with the value that is wrong."""
    found, segment = decode(frame)

    assert found.note == note
    assert segment is None


def test_equal_flows_are_one_object() -> None:
    """A long capture holds each flow once."""
    decoder = FrameDecoder()
    frame = build_ethernet(build_ip(A[0], B[0], 6, TCP_PART))

    one, _ = decoder.decode(1, frame, number=1, time_ns=0, tap="a", size=60)
    two, _ = decoder.decode(1, frame, number=2, time_ns=0, tap="b", size=60)

    assert one.flow is two.flow


@given(st.sampled_from([A, A6]), st.binary(max_size=6), st.integers(12, 90), st.integers(0, 60))
def test_changed_bytes_never_raise(src: tuple[str, int], noise: bytes, at: int, gone: int) -> None:
    """A segment, where there is one, never holds more than it says."""
    dst = B if src is A else B6
    frame = build_ethernet(build_ip(src[0], dst[0], 6, TCP_PART))

    found, segment = decode(frame[:at] + noise + frame[at + gone :], size=80)

    assert found.number == 1
    assert segment is None or len(segment.data) <= segment.size


def fragments(family: int, payload: bytes, size: int, *, number: int = 7) -> list[bytes]:
    """Frames of one TCP datagram, cut into parts of `size` bytes."""
    frames = []
    for begin in range(0, len(payload), size):
        part, more = payload[begin : begin + size], begin + size < len(payload)
        if family == 4:
            bits = begin // 8 | 0x2000 * more
            frames.append(build_ethernet(build_ip(A[0], B[0], 6, part, fragment=bits)))
        else:
            head = struct.pack(">BBHI", 6, 0, begin | more, number)
            frames.append(build_ethernet(build_ip(A6[0], B6[0], 44, head + part)))
    return frames


@given(
    st.sampled_from([4, 6]),
    st.binary(max_size=300),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_fragments_are_one_segment(family: int, data: bytes, size: int, random: Random) -> None:
    """In any order; the packets of all parts are named."""
    frames = fragments(family, build_tcp(A, B, seq=7, data=data), size * 8)
    random.shuffle(frames)
    decoder = FrameDecoder()
    found = [
        decoder.decode(1, frame, number=n, time_ns=n, tap="t", size=len(frame))
        for n, frame in enumerate(frames, 1)
    ]

    assert [segment for _, segment in found[:-1]] == [None] * (len(frames) - 1)
    packet, segment = found[-1]
    assert segment is not None
    assert (segment.seq, segment.data, segment.size) == (7, data, len(data))
    assert list(segment.earlier) == list(range(1, len(frames)))
    assert packet.note is None
    assert (packet.flow, packet.payload_size) == (segment.flow, len(data))


def test_fragments_of_two_taps_are_not_mixed() -> None:
    """The same datagram seen twice is two datagrams."""
    decoder = FrameDecoder()
    frames = fragments(4, build_tcp(A, B, seq=7, data=b"x" * 20), 24)
    found = [
        decoder.decode(1, frame, number=n, time_ns=n, tap=tap, size=len(frame))[1]
        for n, (frame, tap) in enumerate(zip(frames, ("one", "two"), strict=True), 1)
    ]

    assert found == [None, None]


def test_the_first_fragment_shows_the_ports() -> None:
    """A node that sends only this part has shown where it wants to go."""
    packet, segment = decode(fragments(4, build_tcp(A, B, seq=7, data=b"x" * 20), 24)[0])

    assert segment is None
    assert packet.flow is not None
    assert (packet.flow.source.port, packet.flow.destination.port) == (A[1], B[1])


def test_an_authentication_header_under_ipv4_is_stepped_over() -> None:
    """RFC 4302: 51 as protocol, its size in 4 bytes less two."""
    header = b"\x06\x04\0\0" + bytes(20)
    _, segment = decode(build_ethernet(build_ip(A[0], B[0], 51, header + TCP_PART)))

    assert segment is not None
    assert segment.data == b"hello"
    assert segment.carried_in is None
