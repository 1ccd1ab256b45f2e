"""Tests of a connection: regular packets taken in at once do what they do one by one (see also test_reassembly)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.decode.packet.frame import FrameDecoder, Segment
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.group import Group, Share
from harness.decode.tcp.run import NOTHING, Run
from harness.decode.tcp.talk import Talk as Payload
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests.packet_builder import START_NS, STEP_NS, Talk


@dataclass
class Listener:
    """A receiver that joins what it gets."""

    wants: bool = True
    is_hashed: bool = True
    is_brief: bool = False
    text: dict[Side, bytes] = field(default_factory=lambda: {"client": b"", "server": b""})
    gaps: list[int | None] = field(default_factory=list)

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        self.text[side] += data

    def feed_talk(self, talk: Payload) -> None:
        self.text["client"] += talk.client.data
        self.text["server"] += talk.server.data

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        self.gaps.append(size)


def segments(talk: Talk) -> list[Segment]:
    """Its packets, decoded."""
    frames = FrameDecoder()
    found = [
        frames.decode(1, frame, number=n, time_ns=START_NS + n * STEP_NS, tap="t", size=len(frame))[
            1
        ]
        for n, frame in enumerate(talk.frames, 1)
    ]
    return [segment for segment in found if segment is not None]


def connect(first: Segment) -> TcpConnection[Listener]:
    """A connection before its first packet."""
    return TcpConnection.begin(first, "t", Listener())


def state(connection: TcpConnection[Listener]) -> tuple[object, ...]:
    """What can be seen of a connection."""
    client, server = connection.direction("client"), connection.direction("server")
    return (
        connection.packets,
        (connection.opened_ns, connection.closed_ns, connection.closed),
        (connection.syn, connection.syn_ack, connection.established),
        (client.build_stream(), server.build_stream()),
        (client.acked, server.acked, client.fin_acked, server.fin_acked),
        connection.receiver.text,
    )


def test_a_group_is_its_packets() -> None:
    """A whole connection at once, or one by one."""
    talk = Talk().open().send("client", b"abc").send("server", b"defgh").packet("client").close()
    packets = segments(talk)
    singly, at_once = connect(packets[0]), connect(packets[0])
    for segment in packets:
        singly.handle(segment)
    numbers = [segment.number for segment in packets]
    times = [segment.time_ns for segment in packets]

    at_once.handle_group(
        Group(
            numbers=numbers,
            first_ns=times[0],
            last_ns=times[-1],
            client=Share(packet_count=6, size=3, acked=4, fin=True, rst=0),
            server=Share(packet_count=3, size=5, acked=6, fin=True, rst=0),
            client_isn=1000,
            server_isn=9000,
            answer=numbers[1],
            talks=[
                Payload(
                    Run(b"abc", [3], [numbers[3]], [times[3]]),
                    Run(b"defgh", [5], [numbers[4]], [times[4]]),
                )
            ],
        )
    )

    assert state(at_once) == state(singly)
    assert at_once.closed == "fin"
    assert not at_once.is_calm()


@dataclass
class Hasty(Listener):
    """Wants no more after its first bytes, and keeps nothing."""

    is_hashed: bool = False
    is_brief: bool = True

    def feed_talk(self, talk: Payload) -> None:
        super().feed_talk(talk)
        self.wants = False


def test_bytes_that_nobody_wants_are_passed_over() -> None:
    """A group in two parts, of which the first one is enough."""
    talk = Talk().open().send("client", b"abc").send("server", b"defgh")
    packets = segments(talk)
    connection = TcpConnection.begin(packets[0], "t", Hasty())
    numbers = [segment.number for segment in packets]
    times = [segment.time_ns for segment in packets]
    asked: list[str] = []

    def parts() -> Iterator[Payload]:
        yield Payload(Run(b"abc", [3], numbers[3:4], times[3:4]), NOTHING, is_cut=True)
        asked.append("more")
        yield Payload(NOTHING, Run(b"defgh", [5], numbers[4:5], times[4:5]))

    connection.handle_group(
        Group(
            numbers=numbers,
            first_ns=times[0],
            last_ns=times[-1],
            client=Share(packet_count=4, size=3, acked=0, fin=False, rst=0),
            server=Share(packet_count=2, size=5, acked=3, fin=False, rst=0),
            client_isn=1000,
            server_isn=9000,
            answer=numbers[1],
            talks=parts(),
        )
    )

    assert connection.receiver.text == {"client": b"abc", "server": b""}
    assert asked == []
    assert connection.next_seqs(packets[0].source)[2:] == (3, 5)
    assert connection.is_calm()
    assert (connection.packets, connection.packet_count) == ([], len(packets))


def test_calm_is_when_nothing_is_missing() -> None:
    """Known on both sides, nothing waits: then it says where it goes on."""
    talk = Talk().open().send("client", b"abc")
    packets = segments(talk)
    connection = connect(packets[0])
    connection.handle(packets[0])
    half_open = connection.is_calm()
    for segment in packets[1:]:
        connection.handle(segment)

    assert not half_open
    assert connection.is_calm()
    assert connection.next_seqs(packets[0].source) == (1004, 9001, 3, 0)
    assert connection.next_seqs(packets[0].destination) == (9001, 1004, 0, 3)
    assert connection.is_client(packets[0].source)


def test_a_hole_ends_the_calm() -> None:
    """Bytes that wait need reassembly."""
    talk = Talk().open()
    talk.packet("client", seq=talk.next["client"] + 5, data=b"later")
    connection = connect(segments(talk)[0])
    for segment in segments(talk):
        connection.handle(segment)

    assert not connection.is_calm()
