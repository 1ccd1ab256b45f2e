"""Tests of the intake: tables give the same connections as single packets, whatever happened to the packets."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.writer import PcapngWriter
from harness.decode.brief import Brief, decode_briefly
from harness.decode.connections import decode_connections
from harness.decode.detail import Level
from harness.trace.connection import Connection
from tests.packet_builder import RST, START_NS, STEP_NS, SYN, Talk
from tests.tls_wire import Peers, converse

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(2000)
Seen = tuple[tuple[Connection, ...], dict[str, int], int]
SeenBriefly = tuple[tuple[Brief, ...], dict[str, int], int]
LEVELS: tuple[Level, ...] = ("connections", "handshakes", "exchanges")


def read(stream: BytesIO, window: int) -> Seen:
    """All that one way of reading gives."""
    stream.seek(0)
    reader = decode_connections(stream, window=window)
    found = sorted(reader, key=lambda connection: connection.number)
    return tuple(found), dict(+reader.skipped), reader.packet_count


def read_briefly(stream: BytesIO, window: int, level: Level) -> SeenBriefly:
    """The same for a few facts."""
    stream.seek(0)
    reader = decode_briefly(stream, level, window=window)
    found = sorted(reader, key=lambda brief: brief.number)
    return tuple(found), dict(+reader.skipped), reader.packet_count


def talk(number: int) -> Talk:
    """One of several kinds of connections."""
    client = (f"203.0.113.{number}", 40_000 + number)
    made = Talk(client=client, client_isn=number * 0x3FFFFFFF, server_isn=0xFFFFFFFF - 900).open()
    for _ in range(1 + number % 3):
        made.send("client", GET).packet("server").send("server", OK, size=700).packet("client")
    if number % 4 == 1:
        return made.packet("server", flags=RST)
    return made if number % 4 == 2 else made.close()


def write(frames: list[bytes], *, step_ns: int = STEP_NS) -> BytesIO:
    """A capture file of these frames."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    tap = writer.write_interface("dmz")
    for number, frame in enumerate(frames):
        writer.write_packet(tap, START_NS + number * step_ns, frame)
    return stream


def shuffle(talks: list[Talk], chance: random.Random) -> list[bytes]:
    """The packets of several connections, each in its order."""
    queues = [list(talk.frames) for talk in talks]
    frames = []
    while queues := [queue for queue in queues if queue]:
        frames.append(chance.choice(queues).pop(0))
    return frames


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    lost=st.sampled_from([0, 0, 2, 20]),
    again=st.sampled_from([0, 0, 5]),
    swapped=st.sampled_from([0, 0, 5]),
    window=st.sampled_from([700, 3000, 10_000, 1 << 20]),
    step_ns=st.sampled_from([STEP_NS, 400_000_000]),
    level=st.sampled_from([None, *LEVELS]),
)
def test_tables_and_single_packets_agree(
    seed: int, lost: int, again: int, swapped: int, window: int, step_ns: int, level: Level | None
) -> None:
    """Packets lost, sent again or out of order (in percent), four-tuples used twice, slow and fast."""
    chance = random.Random(seed)
    talks = [talk(number) for number in chance.choices(range(1, 9), k=6)]
    frames = shuffle(talks, chance)
    frames = [frame for frame in frames if chance.randrange(100) >= lost]
    frames = [frame for f in frames for frame in [f] * (1 + (chance.randrange(100) < again))]
    for index in range(len(frames) - 1):
        if chance.randrange(100) < swapped:
            frames[index : index + 2] = frames[index + 1], frames[index]
    stream = write(frames, step_ns=step_ns)

    if level is None:
        assert read(stream, window) == read(stream, 0)
    else:
        assert read_briefly(stream, window, level) == read_briefly(stream, 0, level)


@pytest.mark.parametrize("window", [2000, 1 << 20])
def test_tls_agrees(window: int) -> None:
    """A real handshake, its keys in the file."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    tap = writer.write_interface("dmz")
    spoken = converse(Peers(), [("client", GET), ("server", OK)])
    made = Talk().open()
    for side, data in spoken.chunks:
        made.send(side, data, size=500)
    writer.write_secrets(spoken.keylog)
    for number, frame in enumerate(made.close().frames):
        writer.write_packet(tap, START_NS + number * STEP_NS, frame)

    found, skipped, count = read(stream, window)

    assert (found, skipped, count) == read(stream, 0)
    assert found[0].tls is not None
    assert found[0].tls.decrypted == "yes"
    assert found[0].exchanges[0].response is not None


def test_numbers_follow_the_first_packet() -> None:
    """Also where one connection was regular and the other was not."""
    one, two = talk(3), talk(4)
    two.frames.insert(0, two.frames[0])
    frames = [two.frames[0], *one.frames, *two.frames[1:]]

    found, _, _ = read(write(frames), 1 << 20)

    assert [(c.number, c.client.port) for c in found] == [(1, 40_004), (2, 40_003)]


def test_a_flood_of_openings_is_limited() -> None:
    """Half-open connections are given up as they are, the silent ones first."""
    frames = [
        Talk(client=(f"10.1.{n >> 8 & 255}.{n & 255}", 1000 + (n >> 16)))
        .packet("client", flags=SYN)
        .frames[0]
        for n in range(40_000)
    ]

    stream = write(frames)
    stream.seek(0)
    reader = decode_connections(stream, window=1 << 20)
    first = next(reader)

    assert first.number == 1
    assert reader.packet_count < 40_000
    assert sum(1 for _ in reader) == 39_999


@pytest.fixture(scope="module")
def references(shared: Path) -> list[tuple[str, BytesIO]]:
    """Every file that others made, odd ones included."""
    paths = sorted(
        path
        for path in (shared / "corpus").rglob("*")
        if path.suffix in (".pcap", ".pcapng", ".cap", ".gz") and path.stat().st_size < 1 << 20
    )
    return [(path.name, BytesIO(path.read_bytes())) for path in paths]


def test_the_reference_captures_agree(references: list[tuple[str, BytesIO]]) -> None:
    """Everything that is seen in any of them, in small and in large steps."""
    different = [
        (name, window)
        for name, data in references
        for one in [read(data, 0)]
        for window in (30_000, 16 << 20)
        if read(data, window) != one
    ]

    assert len(references) > 100
    assert different == []


@pytest.mark.parametrize("window", [30_000, 16 << 20])
@pytest.mark.parametrize("level", LEVELS)
def test_the_reference_captures_agree_briefly(
    references: list[tuple[str, BytesIO]], level: Level, window: int
) -> None:
    """A few facts of each of their connections."""
    different = [
        name
        for name, data in references
        if read_briefly(data, window, level) != read_briefly(data, 0, level)
    ]

    assert different == []
