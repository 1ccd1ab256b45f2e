"""Tests of connections: one by one, the same as in the trace of the whole file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from harness.capture.writer import PcapngWriter
from harness.decode.connections import decode_connections
from harness.decode.decode import decode
from harness.decode.packet.only import Only
from harness.decode.tcp.ending import LINGER_NS
from tests.packet_builder import ACK, RST, START_NS, STEP_NS, SYN, Talk, build_capture

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcapng"))
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def talk(port: int) -> Talk:
    """One request and its answer on a connection of its own."""
    return Talk(client=("203.0.113.5", port)).open().send("client", GET).send("server", OK).close()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_connections_are_those_of_the_trace(path: Path) -> None:
    """Reading one by one gives what decoding the whole gives."""
    data = path.read_bytes()

    found = sorted(decode_connections(BytesIO(data)), key=lambda c: c.number)

    assert tuple(found) == decode(BytesIO(data)).connections


def test_a_filter_follows_nothing_else() -> None:
    """Ports of either end."""
    stream = build_capture([*talk(50001).frames, *talk(50002).frames])

    found = list(decode_connections(stream, only=Only(ports=frozenset({50002}))))

    assert [(c.number, c.client.port) for c in found] == [(1, 50002)]


def test_what_comes_after_the_end_is_counted() -> None:
    """A packet long after both FINs belongs to no connection; it opens none."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    tap = writer.write_interface("dmz")
    time_ns = START_NS
    for frame in talk(50001).frames:
        time_ns += STEP_NS
        writer.write_packet(tap, time_ns, frame)
    for _ in range(40_000):
        time_ns += LINGER_NS // 1000
        writer.write_packet(tap, time_ns, bytes(60))
    writer.write_packet(tap, time_ns, talk(50001).frames[-1])
    stream.seek(0)

    reader = decode_connections(stream)
    found = list(reader)

    assert len(found) == 1
    assert found[0].closed == "fin"
    assert reader.skipped["TCP after the end of its connection"] == 1
    assert reader.packet_count == 40_009


@pytest.mark.parametrize("window", [0, 1 << 20])
def test_a_small_file_keeps_its_connections_to_the_end(window: int) -> None:
    """What comes long after the end of a connection still belongs to it: a SYN that is refused again and again."""
    talk = Talk()
    for _ in range(3):
        talk.packet("client", flags=SYN, ack=0).packet("server", flags=RST | ACK, seq=0, ack=1001)
    stream, step_ns = BytesIO(), 10_000_000_000
    writer = PcapngWriter(stream)
    index = writer.write_interface("dmz", link_type=1)
    for number, frame in enumerate(talk.frames):
        writer.write_packet(index, START_NS + number * step_ns, frame)
    stream.seek(0)

    reader = decode_connections(stream, window=window)

    assert [c.packets for c in reader] == [(1, 2, 3, 4, 5, 6)]
    assert +reader.skipped == {}
