"""Tests of reassembly: whole conversations, packet by packet."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.block import Capture, Interface
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.packet.frame import FrameDecoder
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.reassembly import Reassembler
from harness.net.address import Endpoint
from harness.trace.connection import Gap
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests.packet_builder import ACK, FIN, RST, START_NS, STEP_NS, SYN, Talk, build_capture


@dataclass
class Listener:
    """A receiver that writes down what it gets."""

    heard: list[tuple[Side, bytes | int | None]] = field(default_factory=list)
    numbers: list[PacketNumber] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    wants = True
    is_hashed = True
    is_brief = False

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        self.heard.append((side, data))
        self.numbers.append(number)
        self.times.append(time_ns)

    def feed_talk(self, talk: Talk) -> None:
        for side, run in talk.build_runs():
            for data, number, time_ns in run.pieces():
                self.feed(side, data, number, time_ns)

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        self.heard.append((side, size))

    def text(self, side: Side) -> bytes:
        return b"".join(what for who, what in self.heard if who == side and isinstance(what, bytes))


def listen(stream: BytesIO) -> list[TcpConnection[Listener]]:
    """All connections of a capture file."""
    frames = FrameDecoder()
    reassembler = Reassembler(Listener)
    links: dict[int, int] = {}
    for block in read_blocks(stream):
        if isinstance(block, Interface):
            links[block.index] = block.link_type
        if isinstance(block, Capture):
            _, segment = frames.decode(
                links[block.interface],
                block.data,
                number=block.number,
                time_ns=block.time_ns,
                tap="tap",
                size=block.size,
            )
            if segment is not None:
                reassembler.feed("tap", segment)
    return list(reassembler.finish())


def hear(*talks: Talk, frames: list[bytes] | None = None) -> list[TcpConnection[Listener]]:
    """All connections of some talks, or of changed frames."""
    return listen(build_capture(frames or [frame for talk in talks for frame in talk.frames]))


def ask() -> Talk:
    """A request in three segments, an answer in two, a close: packets 1-3, 4-6, 7-8, 9-11."""
    talk = Talk().open().send("client", b"abcdefghi", size=3)
    return talk.send("server", b"ABCDEF", size=3).close()


def test_a_whole_conversation() -> None:
    """Both directions in order, with numbers and times of their packets, and how it ended."""
    (found,) = hear(ask())

    assert found.receiver.heard == [
        ("client", b"abc"),
        ("client", b"def"),
        ("client", b"ghi"),
        ("server", b"ABC"),
        ("server", b"DEF"),
    ]
    assert found.receiver.numbers == [4, 5, 6, 7, 8]
    assert found.receiver.times == [START_NS + (n - 1) * STEP_NS for n in (4, 5, 6, 7, 8)]
    assert (found.closed, found.established, found.from_start) == ("fin", True, True)
    assert (found.syn, found.syn_ack, found.packets) == ([1], [2], list(range(1, 12)))
    assert str(found.client) == "203.0.113.5:50000"
    stream = found.direction("client").build_stream()
    assert (stream.size, stream.sha256) == (9, sha256(b"abcdefghi").hexdigest())
    assert stream.packet_count == 7


@given(st.permutations(range(3, 8)), st.lists(st.integers(0, 10), max_size=4))
def test_order_and_copies_do_not_matter(order: list[int], copies: list[int]) -> None:
    """Any order of the data packets, and any packet once more at the end, read the same."""
    frames = ask().frames
    mixed = frames[:3] + [frames[n] for n in order] + frames[8:]

    (found,) = hear(frames=mixed + [frames[n] for n in copies if n > 2])

    assert found.receiver.text("client") == b"abcdefghi"
    assert found.receiver.text("server") == b"ABCDEF"
    assert found.malformed() == ()
    assert not found.direction("client").build_stream().gaps


@given(st.permutations(range(3, 8)))
def test_an_answer_never_precedes_what_it_acknowledges(order: list[int]) -> None:
    """However the capture mixed the packets, the request is heard first."""
    frames = ask().frames

    (found,) = hear(frames=frames[:3] + [frames[n] for n in order] + frames[8:])

    assert [who for who, _ in found.receiver.heard] == ["client"] * 3 + ["server"] * 2


@pytest.mark.parametrize("gone", [3, 4, 5], ids=["first", "middle", "last"])
def test_a_lost_segment_is_a_gap(gone: int) -> None:
    """It was acknowledged, so it was sent; the rest is heard in its place."""
    frames = ask().frames

    (found,) = hear(frames=frames[:gone] + frames[gone + 1 :])

    heard: list[tuple[Side, bytes | int | None]] = [
        ("client", b"abc"),
        ("client", b"def"),
        ("client", b"ghi"),
        ("server", b"ABC"),
        ("server", b"DEF"),
    ]
    heard[gone - 3] = ("client", 3)
    assert found.receiver.heard == heard
    stream = found.direction("client").build_stream()
    assert stream.gaps == (Gap(offset=3 * (gone - 3), size=3),)
    assert (stream.size, stream.sha256) == (9, None)


def test_a_gap_is_declared_before_the_end_when_the_talk_goes_on() -> None:
    """A long connection does not wait for its end with one lost packet."""
    talk = Talk().open().send("client", b"lost").send("server", b"ok")
    lost = len(talk.frames) - 2
    for _ in range(400):
        talk.packet("client").packet("server")
    talk.send("client", b"later")
    frames = talk.frames[:lost] + talk.frames[lost + 1 :]

    (found,) = hear(frames=frames)

    assert found.receiver.heard == [("client", 4), ("server", b"ok"), ("client", b"later")]


def test_a_retransmission_fills_the_hole() -> None:
    """A copy of the lost segment makes the stream whole, although it acknowledges newer data."""
    talk = ask()
    talk.packet("client", seq=1001, data=b"abc")
    frames = talk.frames[:3] + talk.frames[4:]

    (found,) = hear(frames=frames)

    assert found.receiver.text("client") == b"abcdefghi"
    assert not found.direction("client").build_stream().gaps


def test_data_before_the_handshake_in_the_file() -> None:
    """The SYN overtaken by its data still gives the start."""
    frames = ask().frames

    (found,) = hear(frames=[frames[3], *frames[:3], *frames[4:]])

    assert found.receiver.text("client") == b"abcdefghi"
    assert found.direction("client").build_stream().sha256 == sha256(b"abcdefghi").hexdigest()


def test_the_middle_of_a_connection() -> None:
    """Without SYN the higher port is taken for the client, and no hash is claimed."""
    (found,) = hear(frames=ask().frames[3:])

    assert found.receiver.text("client") == b"abcdefghi"
    assert found.receiver.heard[0] == ("client", None)
    assert (found.from_start, found.client.port, found.established) == (False, 50000, True)
    assert not found.direction("client").build_stream().from_start


def test_sequence_numbers_wrap_in_the_middle() -> None:
    """Both sides pass 2**32."""
    talk = Talk(client_isn=0xFFFFFFFA, server_isn=0xFFFFFFFC).open()
    talk.send("client", b"abcdefghi", size=2).send("server", b"ABCDEF", size=2).close()

    (found,) = hear(talk)

    assert found.receiver.text("client") == b"abcdefghi"
    assert found.receiver.text("server") == b"ABCDEF"
    assert found.closed == "fin"


def test_a_refused_connection() -> None:
    """SYN, then RST: never established, and a repeated SYN is the same attempt."""
    talk = Talk().packet("client", flags=SYN, ack=0)
    talk.packet("server", flags=RST | ACK, seq=0, ack=1001)
    talk.packet("client", flags=SYN, ack=0)

    (found,) = hear(talk)

    assert (found.closed, found.established, found.syn) == ("rst", False, [1, 3])


def test_a_reset_ends_a_connection() -> None:
    """In the window it counts, elsewhere it does not (RFC 5961 section 3)."""
    inside = Talk().open().send("client", b"abc").packet("server", flags=RST)
    blind = Talk().open().send("client", b"abc").packet("server", flags=RST, seq=0x70000000)

    assert [found.closed for found in hear(inside) + hear(blind)] == ["rst", "open"]


def test_the_payload_of_a_reset_is_told() -> None:
    """Readers differ on whether it is data."""
    (found,) = hear(Talk().open().packet("server", flags=RST | ACK, data=b"go away"))

    assert found.receiver.heard == [("server", b"go away")]
    assert [m.layer for m in found.malformed()] == ["tcp"]


def test_nothing_answered_is_half_open() -> None:
    """A SYN alone is a connection that is not established."""
    (found,) = hear(Talk().packet("client", flags=SYN, ack=0))

    assert (found.closed, found.established, found.from_start) == ("open", False, True)
    assert (found.syn, found.syn_ack) == ([1], [])


def test_one_fin_leaves_it_open() -> None:
    """Half closed is not closed."""
    (found,) = hear(Talk().open().packet("client", flags=FIN | ACK))

    assert found.closed == "open"


@pytest.mark.parametrize("isn", [1000, 7777], ids=["same ISN", "other ISN"])
def test_a_four_tuple_is_used_again(isn: int) -> None:
    """After a close every SYN opens another connection, even with the same numbers."""
    first, second = ask(), Talk(client_isn=isn).open().send("client", b"again").close()

    one, two = hear(first, second)

    assert one.receiver.text("client") == b"abcdefghi"
    assert two.receiver.text("client") == b"again"


def test_a_new_syn_replaces_an_open_connection() -> None:
    """Another initial number on an open four-tuple is another connection."""
    first = Talk().open().send("client", b"one")
    second = Talk(client_isn=0x5000000).open().send("client", b"two")

    found = hear(first, second)

    assert [c.receiver.text("client") for c in found] == [b"one", b"two"]


def test_a_repeated_syn_is_the_same_connection() -> None:
    """The handshake may take several attempts."""
    talk = Talk().packet("client", flags=SYN, ack=0).open().send("client", b"x")

    (found,) = hear(talk)

    assert (found.syn, found.established) == ([1, 2], True)


def test_conflicting_copies_are_told() -> None:
    """The first one is what is heard."""
    talk = ask()
    talk.packet("client", seq=1001, data=b"aXc")

    (found,) = hear(talk)

    assert found.receiver.text("client") == b"abcdefghi"
    assert [(m.sender, m.layer, m.packets) for m in found.malformed()] == [
        ("client", "tcp", (4, 12))
    ]


def test_a_keep_alive_is_no_data() -> None:
    """One byte before the next, with or without content."""
    talk = (
        Talk()
        .open()
        .send("client", b"abc")
        .packet("client", seq=1003, data=b"\0")
        .packet("client", seq=1003)
    )

    (found,) = hear(talk)

    assert found.receiver.text("client") == b"abc"
    assert found.malformed() == ()


def test_cut_packets_are_gaps_at_once() -> None:
    """What a snap length removed will not come."""
    talk = Talk().open().send("client", b"x" * 100).send("server", b"ok")
    cut = BytesIO()
    writer = PcapngWriter(cut)
    tap = writer.write_interface("tap", snap_length=84)
    for number, frame in enumerate(talk.frames):
        writer.write_packet(tap, START_NS + number, frame[:84], size=len(frame))
    cut.seek(0)

    (found,) = listen(cut)

    assert found.receiver.heard == [("client", b"x" * 30), ("client", 70), ("server", b"ok")]


@given(st.lists(st.integers(3, 10), max_size=4, unique=True))
def test_loss_is_never_silent(gone: list[int]) -> None:
    """A lost packet of data or FIN leaves a gap, or the connection visibly unfinished."""
    frames = ask().frames

    (found,) = hear(frames=[f for n, f in enumerate(frames) if n not in gone])

    client, server = (found.direction(side).build_stream() for side in ("client", "server"))
    told = bool(client.gaps or server.gaps or found.closed == "open")
    assert told == bool(set(gone) & set(range(3, 10)))


OTHER_CONNECTIONS = [
    "file/ndpi__fuzz-2006-09-29-28586.pcap",
]
"""Where tshark sees another number of connections: one is fuzzed."""


def test_streams_are_those_of_the_reference(shared: Path) -> None:
    """Bytes of each direction, by hash, on every reference capture where tshark saw all bytes."""
    corpus = shared / "corpus"
    truth = json.loads((corpus / "truth.json").read_text())
    result: Counter[str] = Counter()
    different, other = [], []
    for name, row in truth.items():
        if row["tshark_rc"] != 0:
            continue
        with (corpus / name).open("rb") as stream:
            connections = listen(BytesIO(stream.read()))
        if len(connections) != row["tcp_streams"]:
            other.append(name)
            continue
        for index, found in enumerate(connections):
            row_of_stream = row["streams_detail"].get(str(index))
            if row_of_stream is None or row_of_stream["node0"].startswith(":"):
                continue
            for node in ("0", "1"):
                expected = row_of_stream[f"from_node{node}"]
                host, port = row_of_stream[f"node{node}"].rsplit(":", 1)
                sender = Endpoint(ip_address(host.strip("[]")), int(port))
                side: Side = "client" if found.client == sender else "server"
                text = found.receiver.text(side)
                same = expected["sha256"] == sha256(text).hexdigest()
                holes = bool(found.direction(side).build_stream().gaps)
                result["same" if same else "holes" if holes else "different"] += 1
                if not same and not holes:
                    different.append((name, index, side))

    assert different == []
    assert other == OTHER_CONNECTIONS
    assert result["same"] > 890
    assert result["holes"] < 40
