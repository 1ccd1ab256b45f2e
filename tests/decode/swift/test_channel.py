"""Tests of channels: application data record by record, wherever its bytes are cut."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets
from harness.decode.swift.channel import Channel, build_channel, parse_hellos
from harness.decode.swift.data import read_application_data
from harness.decode.swift.odd import OddError
from harness.decode.tcp.run import NOTHING, Run
from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests.decode.swift.test_swift import talk_of
from tests.decode.tcp.test_talk_table import table_of
from tests.tls_wire import Peers, converse

SENDS: list[tuple[Side, bytes]] = [("client", b"q" * 700), ("server", b"a" * 40_000)]
PEERS = {"1.3": Peers(), "1.2": Peers(version=ssl.TLSVersion.TLSv1_2)}
SPOKEN = {name: converse(peers, SENDS) for name, peers in PEERS.items()}


def begin(name: str, side: Side) -> tuple[Channel, Run, int]:
    """The channel of one side, its run, and where application data begins."""
    talk = talk_of(SPOKEN[name].chunks)
    hellos = parse_hellos(talk)
    channel = build_channel(hellos, SPOKEN[name].secrets.find(hellos.client.random), side)
    run = talk.client if side == "client" else talk.server
    at = channel.find_start(run, hellos.client_end if side == "client" else hellos.server_end)
    assert at is not None
    return channel, run, at


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("side", ["client", "server"])
def test_records_are_what_was_said(name: str, side: Side) -> None:
    """In one run."""
    channel, run, at = begin(name, side)
    said = [data for sender, data in SENDS if sender == side]

    found = list(channel.read(run, at))

    assert b"".join(content for content, _, _ in found) == b"".join(said)
    assert [begin for _, begin, _ in found][1:] == [end for _, _, end in found][:-1]
    assert channel.rest[0] == b""


@pytest.mark.parametrize("name", PEERS)
def test_bytes_may_be_cut_anywhere(name: str) -> None:
    """Run by run: the same contents, and a record that began before names the packet with its first byte."""
    channel, whole, at = begin(name, "server")
    expected = list(channel.read(whole, at))

    for size in (1, 4, 5, 6, 999, 16_000, 17_000, 39_000):
        channel, whole, at = begin(name, "server")
        found: list[bytes] = []
        starts: list[int] = []
        for number, place in enumerate(range(at, len(whole.data), size), 1):
            data = whole.data[place : place + size]
            start = channel.rest[1]
            run = Run(data, [len(data)], [PacketNumber(number)], [number])
            for content, record_begin, _ in channel.read(run):
                found.append(content)
                starts.append(start if record_begin < 0 else number)
        assert found == [content for content, _, _ in expected]
        assert starts == [(place - at) // size + 1 for _, place, _ in expected]


def test_a_state_can_be_restored() -> None:
    """After bytes that turned out to be odd."""
    channel, run, at = begin("1.3", "server")
    before = channel.state
    first = list(channel.read(run, at))

    channel.restore(before)

    assert list(channel.read(run, at)) == first


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("place", [0, 3, 5, 60])
def test_damage_is_odd(name: str, place: int) -> None:
    """A head that is none, or a tag that does not fit."""
    channel, run, at = begin(name, "server")
    data = bytearray(run.data)
    data[at + place] ^= 0x55
    damaged = Run(bytes(data), run.ends, run.numbers, run.times)

    with pytest.raises(OddError):
        list(channel.read(damaged, at))


@pytest.mark.parametrize("name", PEERS)
def test_the_start_may_come_later(name: str) -> None:
    """There is none in the bytes of the handshake alone."""
    talk = talk_of(SPOKEN[name].chunks)
    hellos = parse_hellos(talk)
    channel, _, at = begin(name, "client")

    for end in range(hellos.client_end, at, 50):
        data = talk.client.data[:end]
        run = Run(data, [end], [PacketNumber(1)], [1])
        assert channel.find_start(run, hellos.client_end) is None


def test_without_keys_there_is_no_channel() -> None:
    """Those of another connection are none."""
    hellos = parse_hellos(talk_of(SPOKEN["1.3"].chunks))

    with pytest.raises(OddError):
        build_channel(hellos, SPOKEN["1.2"].secrets.find(hellos.client.random), "client")


def test_the_epoch_goes_on_with_the_next_number() -> None:
    """The careful decoder opens what comes next."""
    channel, run, at = begin("1.3", "server")
    records = channel.read(run, at)
    _, _, place = next(records)
    opener, seq = channel.epoch.opener, channel.epoch.seq
    content, start, end = next(records)

    opened = opener.open(seq, run.data[place : place + 5], run.data[place + 5 : end])

    assert start == place
    assert opened == (23, content)
    assert channel.epoch.stage == "application"


def read_over_time(talk: Talk, secrets: Secrets, side: Side) -> list[bytes] | None:
    """Contents of the records of one side; None: something is odd."""
    try:
        hellos = parse_hellos(talk)
        known = secrets.find_sole(hellos.client.random)
        assert known is not None
        channel = build_channel(hellos, known, side)
        run = talk.client if side == "client" else talk.server
        at = channel.find_start(run, hellos.client_end if side == "client" else hellos.server_end)
        return [content for content, _, _ in channel.read(run, at)] if at is not None else []
    except OddError:
        return None


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(SPOKEN)), place=st.integers(0, 50_000), mask=st.integers(0, 255))
def test_columns_have_the_same_rules(name: str, place: int, mask: int) -> None:
    """One byte changed or none: where both ways read a side, what they read is the same."""
    chunks = []
    for side, data in SPOKEN[name].chunks:
        if 0 <= place < len(data):
            data = data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :]
        place -= len(data)
        chunks.append((side, data))
    talk = talk_of(tuple(chunks))
    secrets = SPOKEN[name].secrets

    (said,) = read_application_data(table_of(talk), secrets)
    over_time = [read_over_time(talk, secrets, side) for side in ("client", "server")]

    assert (said is not None) or mask
    assert (None not in over_time) or mask
    if said is not None and None not in over_time and secrets.find_sole(talk.client.data[11:43]):
        assert [[content for content, _, _ in side] for side in said] == over_time


CLIENT, SERVER = talk_of(SPOKEN["1.3"].chunks).client, talk_of(SPOKEN["1.3"].chunks).server


def part(run: Run, end: int, **changed: int) -> Run:
    """Its first bytes, some of them changed: `b5` is the one at offset 5."""
    data = bytearray(run.data[:end])
    for place, value in changed.items():
        data[int(place[1:])] = value
    return Run(bytes(data), [len(data)], run.numbers[:1], run.times[:1])


@pytest.mark.parametrize(
    "talk",
    [
        Talk(part(CLIENT, 30), SERVER),
        Talk(CLIENT, part(SERVER, 30)),
        Talk(CLIENT, NOTHING),
        Talk(SERVER, CLIENT),
        Talk(part(CLIENT, 4000, b5=3), SERVER),
        Talk(part(CLIENT, 4000, b8=0), SERVER),
        Talk(part(CLIENT, 5, b3=0, b4=0), SERVER),
        Talk(CLIENT, part(SERVER, 5, b3=0, b4=0)),
        Talk(CLIENT, part(SERVER, 4000, b7=9)),
        Talk(CLIENT, Run(SERVER.data, SERVER.ends, [PacketNumber(0)], SERVER.times)),
    ],
    ids=[
        "client cut",
        "server cut",
        "no server",
        "sides swapped",
        "another message",
        "two messages",
        "empty record",
        "empty record of the server",
        "message too long",
        "server first",
    ],
)
def test_other_hellos_are_odd(talk: Talk) -> None:
    """Whatever is not ordinary."""
    with pytest.raises(OddError):
        parse_hellos(talk)
