"""Tests of the joins."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from io import BytesIO

import pytest

from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.brief import decode_briefly
from harness.decode.connections import decode_connections
from harness.decode.decode import decode
from harness.decode.packet.joins import find_joined
from harness.trace.connection import Connection
from tests.packet_builder import (
    ACK,
    START_NS,
    STEP_NS,
    SYN,
    Talk,
    build_ethernet,
    build_ip,
    build_tcp,
)

CLIENT, SERVER = ("203.0.113.5", 50000), ("10.20.0.10", 443)
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Packets = Iterable[tuple[str, bytes]]
"""Interface, frame."""


def talk(port: int = 50000, **isn: int) -> Talk:
    """One request and its answer."""
    begun = Talk(client=(CLIENT[0], port), **isn).open()
    return begun.send("client", GET).send("server", OK).close()


def is_from_client(frame: bytes) -> bool:
    """Whether the client sent an IPv4 frame."""
    return frame[26:30] == bytes((203, 0, 113, 5))


def split(frames: Iterable[bytes], *, client: str = "rx", server: str = "tx") -> Packets:
    """Each direction on an interface of its own."""
    return [(client if is_from_client(frame) else server, frame) for frame in frames]


def build_file(packets: Packets, *taps: str) -> BytesIO:
    """A file of several interfaces."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    index = {tap: writer.write_interface(tap) for tap in taps or ("rx", "tx")}
    for number, (tap, frame) in enumerate(packets):
        writer.write_packet(index[tap], START_NS + number * STEP_NS, frame)
    stream.seek(0)
    return stream


def wrap(frame: bytes, network: int) -> bytes:
    """A frame inside VXLAN (RFC 7348 section 5)."""
    carried = struct.pack(">II", 0x08000000, network << 8) + frame
    datagram = struct.pack(">HHHH", 40000, 4789, 8 + len(carried), 0) + carried
    return build_ethernet(build_ip("192.0.2.1", "192.0.2.2", 17, datagram))


def read(stream: BytesIO, window: int = 0) -> list[Connection]:
    """All connections, in order."""
    stream.seek(0)
    return sorted(decode_connections(stream, window=window), key=lambda c: c.number)


def count(stream: BytesIO) -> list[tuple[str, int]]:
    """Tap and packets of each connection."""
    return [(connection.tap, len(connection.packets)) for connection in read(stream)]


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["singly", "tables"])
def test_two_halves_are_one_connection(window: int) -> None:
    """As if one interface had seen both directions; the names of both are told."""
    frames = [*talk(50001).frames, *talk(50002).frames]
    whole = read(build_file((("rx", frame) for frame in frames), "rx"), window)

    found = read(build_file(split(frames)), window)

    assert [connection.tap for connection in found] == ["rx + tx"] * 2
    assert [replace(connection, tap="rx") for connection in found] == whole


@pytest.mark.parametrize("level", ["connections", "exchanges"])
@pytest.mark.parametrize("window", [0, 1 << 20], ids=["singly", "tables"])
def test_brief_levels_join_too(level: str, window: int) -> None:
    """The same connections, and the exchange between the two interfaces."""
    stream = build_file(split(talk().frames))

    (found,) = decode_briefly(stream, level, window=window)  # type: ignore[arg-type] # by id

    assert (found.tap, found.client_bytes, found.server_bytes) == ("rx + tx", len(GET), len(OK))


@pytest.mark.parametrize("small", [1 << 20, 0], ids=["singly", "tables"])
def test_a_trace_has_one_tap(small: int) -> None:
    """Packets, connections and taps agree."""
    frames = talk().frames

    trace = decode(build_file(split(frames)), small=small)

    assert [(tap.name, tap.packet_count) for tap in trace.taps] == [("rx + tx", len(frames))]
    assert {packet.tap for packet in trace.packets} == {"rx + tx"}
    assert [connection.tap for connection in trace.connections] == ["rx + tx"]


def test_a_connection_in_its_middle_is_joined() -> None:
    """What one acknowledges, the other has sent: no SYN is needed."""
    frames = talk().frames[3:]

    assert count(build_file(split(frames))) == [("rx + tx", len(frames))]


def test_a_refused_connection_is_joined() -> None:
    """The answer acknowledges the SYN."""
    refused = Talk().packet("client", flags=SYN, ack=0).packet("server", flags=4 | ACK, ack=1001)

    assert count(build_file(split(refused.frames))) == [("rx + tx", 2)]


def test_a_four_tuple_that_is_used_again_is_two_connections() -> None:
    """Both are joined."""
    first, second = talk().frames, talk(client_isn=70_000, server_isn=90_000).frames

    found = count(build_file(split([*first, *second])))

    assert found == [("rx + tx", len(first)), ("rx + tx", len(second))]


def test_copies_are_not_joined() -> None:
    """Two interfaces that saw every packet."""
    frames = talk().frames
    twice = [(tap, frame) for frame in frames for tap in ("rx", "tx")]

    assert count(build_file(twice)) == [("rx", len(frames)), ("tx", len(frames))]


def test_a_half_of_what_another_saw_whole_is_not_joined() -> None:
    """Its packets are copies."""
    frames = talk().frames
    packets = [pair for frame in frames for pair in (("all", frame), *split([frame]))]
    halves = [sum(map(is_from_client, frames)), len(frames) - sum(map(is_from_client, frames))]

    found = count(build_file([p for p in packets if p[0] != "tx"], "all", "rx"))

    assert found == [("all", len(frames)), ("rx", halves[0])]


def test_a_third_interface_that_saw_all_stays_by_itself() -> None:
    """The two halves are joined all the same."""
    frames = talk().frames
    packets = [pair for frame in frames for pair in (*split([frame]), ("all", frame))]

    assert sorted(count(build_file(packets, "rx", "tx", "all"))) == [
        ("all", len(frames)),
        ("rx + tx", len(frames)),
    ]


def test_a_machine_with_both_sides_tapped_gives_two_taps() -> None:
    """The same packets before and behind it: each pair of interfaces is one."""
    frames = talk().frames
    packets = [
        pair
        for frame in frames
        for pair in (
            *split([frame], client="a", server="b"),
            *split([frame], client="c", server="d"),
        )
    ]

    assert count(build_file(packets, "a", "b", "c", "d")) == [
        ("a + b", len(frames)),
        ("c + d", len(frames)),
    ]


def test_a_machine_that_ends_tcp_keeps_its_sides_apart() -> None:
    """The same ends with other numbers: a transparent proxy, of which a direction of each side was seen."""
    outside, inside = talk().frames, talk(client_isn=70_000, server_isn=90_000).frames
    packets = [
        pair
        for one, other in zip(outside, inside, strict=True)
        for pair in (*split([one], server=""), *split([other], client=""))
        if pair[0]
    ]

    assert {tap for tap, _ in count(build_file(packets))} == {"rx", "tx"}


def test_ways_that_differ_by_direction_are_joined() -> None:
    """Machines with two links answer on either: some connections are whole on one, some go over both."""
    whole, other, halves = talk(50001).frames, talk(50002).frames, talk(50003).frames
    packets = [
        *(("rx", frame) for frame in whole),
        *(("tx", frame) for frame in other),
        *split(halves),
    ]

    assert count(build_file(packets)) == [("rx + tx", len(whole))] * 3


def test_one_direction_alone_stays_as_it_is() -> None:
    """There is nothing to join it with."""
    frames = [frame for frame in talk().frames if is_from_client(frame)]

    assert count(build_file(split(frames))) == [("rx", len(frames))]


def test_what_is_seen_of_other_addresses_is_no_half() -> None:
    """Behind NAT the ends differ."""
    front = [frame for frame in talk(50001).frames if is_from_client(frame)]
    back = [frame for frame in talk(50002).frames if not is_from_client(frame)]

    assert {tap for tap, _ in count(build_file(split([*front, *back])))} == {"rx", "tx"}


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["singly", "tables"])
def test_a_network_number_for_each_direction_is_one_tunnel(window: int) -> None:
    """One interface; the numbers of both are told."""
    frames = talk().frames
    packets = [("rx", wrap(frame, 7 if is_from_client(frame) else 8)) for frame in frames]

    (found,) = read(build_file(packets, "rx"), window)

    assert (found.tap, found.carried_in) == ("rx", "VXLAN 7 + VXLAN 8")
    assert [exchange.response is not None for exchange in found.exchanges] == [True]


def test_the_same_addresses_in_two_networks_stay_apart() -> None:
    """Two tenants, each with both directions in its network."""
    packets = [
        ("rx", wrap(frame, network))
        for pair in zip(
            talk().frames, talk(client_isn=70_000, server_isn=90_000).frames, strict=True
        )
        for network, frame in zip((7, 8), pair, strict=True)
    ]

    found = read(build_file(packets, "rx"))

    assert [connection.carried_in for connection in found] == ["VXLAN 7", "VXLAN 8"]


def test_tunnels_on_an_interface_for_each_direction_are_joined() -> None:
    """The number is the same."""
    packets = [("rx" if is_from_client(frame) else "tx", wrap(frame, 7)) for frame in talk().frames]

    (found,) = read(build_file(packets))

    assert (found.tap, found.carried_in) == ("rx + tx", "VXLAN 7")


def test_a_tunnel_is_not_joined_with_what_is_outside() -> None:
    """Otherwise the connection before the first packet of a tunnel would have another name than behind it."""
    packets = [
        ("rx", wrap(frame, 7) if is_from_client(frame) else frame) for frame in talk().frames
    ]

    found = read(build_file(packets, "rx"))

    assert sorted(str(connection.carried_in) for connection in found) == ["None", "VXLAN 7"]


def test_a_pipe_is_read_once() -> None:
    """Nothing is joined where nothing else is asked for than the connections."""

    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

    data = build_file(split(talk().frames)).getvalue()

    found = decode_connections(Pipe(data), level="connections")

    assert sorted(connection.tap for connection in found) == ["rx", "tx"]


def test_only_the_first_packets_tell() -> None:
    """The look ahead has an end, whatever the size of the file."""
    stream = build_file(split(talk().frames))

    assert find_joined(read_blocks(stream), look=1) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda seq: seq,
        lambda seq: seq + 5,
    ],
    ids=["fits", "does not"],
)
def test_numbers_must_fit(change: Callable[[int], int]) -> None:
    """An answer to something else is no half of it."""
    syn = build_tcp(CLIENT, SERVER, seq=1000, flags=SYN)
    answer = build_tcp(SERVER, CLIENT, seq=9000, ack=change(1001), flags=SYN | ACK)
    packets = [
        ("rx", build_ethernet(build_ip(CLIENT[0], SERVER[0], 6, syn))),
        ("tx", build_ethernet(build_ip(SERVER[0], CLIENT[0], 6, answer))),
    ]

    assert len(read(build_file(packets))) == 1 + (change(0) != 0)
