"""Tests of exchanges read over several windows: wherever the windows end, they are those of the careful decoder."""

from __future__ import annotations

import random
import ssl
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets
from harness.decode.detail import Detail
from harness.decode.layers import LayerStack
from harness.decode.stream import BriefStream
from harness.decode.swift.turns import shorten_exchanges
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.trace.brief import BriefExchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests.tls_wire import Peers, converse, converse_resumable, split

DETAIL = Detail(level="exchanges", hashes=False, body_limit=0, is_brief=True)
TLS_1_2 = ssl.TLSVersion.TLSv1_2
PEERS = {
    "1.3": Peers(),
    "1.2 GCM": Peers(version=TLS_1_2),
    "1.2 CBC": Peers(version=TLS_1_2, ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"),
    "1.2 ChaCha20": Peers(
        version=TLS_1_2, ciphers="ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    ),
}
Sends = list[tuple[Side, bytes]]
Packet = tuple[Side, bytes, PacketNumber, int]


def request(name: str, more: bytes = b"", body: bytes = b"") -> tuple[Side, bytes]:
    """A request whose target is that name."""
    head = b"GET /%b HTTP/1.1\r\nHost: x\r\n" % name.encode()
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return "client", head + length + more + b"\r\n" + body


def answer(size: int, more: bytes = b"") -> tuple[Side, bytes]:
    """An answer with so many bytes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % size
    return "server", head + more + b"\r\n" + bytes(size)


ORDINARY: Sends = [
    request("a"),
    answer(3000),
    request("b", body=bytes(40_000)),
    answer(0),
    request("c"),
    answer(70_000),
]
ODD: dict[str, Sends] = {
    "nothing": [],
    "pipelined": [request("p"), request("q"), answer(9), answer(5)],
    "two in a record": [("client", request("p")[1] + request("q")[1]), answer(9), answer(5)],
    "interim": [request("p"), ("server", b"HTTP/1.1 103 Early Hints\r\n\r\n"), answer(7)],
    "chunked": [
        request("p"),
        ("server", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("server", b"3\r\nabc\r\n0\r\n\r\n"),
    ],
    "until close": [request("p"), ("server", b"HTTP/1.1 200 OK\r\n\r\nand so on"), answer(5)],
    "HEAD": [("client", b"HEAD /p HTTP/1.1\r\nHost: x\r\n\r\n"), ("server", answer(5)[1][:-5])],
    "not modified": [
        request("p"),
        ("server", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    ],
    "answer before the end": [
        ("client", request("p", body=bytes(20_000))[1][:-50]),
        answer(3),
        ("client", bytes(50)),
    ],
    "answer alone": [answer(4)],
    "body too long": [request("p"), ("server", answer(5)[1] + b"more")],
    "body cut": [request("p"), ("server", answer(50_000)[1][:-9])],
    "head in two records": [("client", request("p")[1][:9]), ("client", request("p")[1][9:])],
    "the last": [request("p", b"Connection: close\r\n"), answer(3), request("q"), answer(2)],
    "CONNECT": [
        ("client", b"CONNECT y:443 HTTP/1.1\r\nHost: y:443\r\n\r\n"),
        ("server", b"HTTP/1.1 200 OK\r\n\r\n"),
        request("inside"),
        answer(2),
    ],
    "folded": [request("p", b"A: b\r\n c\r\n"), answer(3)],
    "no HTTP": [("client", b"\x01\x02 binary"), ("server", b"\x03" * 900)],
}


def cut(chunks: tuple[tuple[Side, bytes], ...], size: int = 1200) -> list[Packet]:
    """Packets of at most so many bytes."""
    return [
        (side, data, PacketNumber(number), 10 * number)
        for number, (side, data) in enumerate(split(chunks, size), 1)
    ]


def build_talk(packets: list[Packet]) -> Talk:
    """One window."""
    runs = []
    for side in ("client", "server"):
        mine = [packet for packet in packets if packet[0] == side]
        ends = list(accumulate(len(data) for _, data, _, _ in mine))
        data = b"".join(data for _, data, _, _ in mine)
        runs.append(Run(data, ends, [n for _, _, n, _ in mine], [t for _, _, _, t in mine]))
    return Talk(*runs)


def read_with_care(packets: list[Packet], secrets: Secrets) -> tuple[BriefExchange, ...]:
    """Packet by packet."""
    stack = LayerStack(secrets, detail=DETAIL)
    for packet in packets:
        stack.feed(*packet)
    layers = stack.finish(client_closed=True, server_closed=True)
    return shorten_exchanges(layers["exchanges"], layers["tunnel"])


def read(
    packets: list[Packet], secrets: Secrets, places: list[int]
) -> tuple[tuple[BriefExchange, ...], BriefStream]:
    """Windows that end at these places; one with a single packet is fed as such."""
    stream = BriefStream(secrets, DETAIL)
    ends = sorted({min(place, len(packets)) for place in places} | {len(packets)})
    for begin, end in zip([0, *ends], ends, strict=False):
        if end - begin == 1:
            stream.feed(*packets[begin])
        elif stream.wants:
            stream.feed_talk(build_talk(packets[begin:end]))
    return stream.finish(client_closed=True, server_closed=True), stream


@pytest.mark.parametrize("peers", PEERS.values(), ids=PEERS)
@pytest.mark.parametrize("step", [1, 2, 7, 40, 1000])
def test_windows_do_not_matter(peers: Peers, step: int) -> None:
    """An ordinary connection of any suite, read in parts of any size, needs no care."""
    talk = converse(peers, ORDINARY)
    packets = cut(talk.chunks)

    found, stream = read(packets, talk.secrets, list(range(0, len(packets), step)))

    assert found == read_with_care(packets, talk.secrets)
    assert [each.target for each in found] == [b"/a", b"/b", b"/c"]
    assert stream._careful is None


def test_a_resumed_session() -> None:
    """It has keys of its own, and a short handshake."""
    peers = Peers()
    _, session = converse_resumable(peers, ORDINARY)
    talk, _ = converse_resumable(peers, ORDINARY, session=session)
    packets = cut(talk.chunks)

    found, _ = read(packets, talk.secrets, list(range(0, len(packets), 5)))

    assert found == read_with_care(packets, talk.secrets)
    assert len(found) == 3


TALKS = {
    (name, version): converse(PEERS[version], [*ORDINARY, *sends, *ORDINARY])
    for name, sends in ODD.items()
    for version in ("1.3", "1.2 GCM")
}


@pytest.mark.parametrize("step", [3, 20])
@pytest.mark.parametrize("which", TALKS, ids="-".join)
def test_care_takes_over_in_the_middle(which: tuple[str, str], step: int) -> None:
    """After some exchanges comes something odd, and then more of them."""
    packets = cut(TALKS[which].chunks)

    found, _ = read(packets, TALKS[which].secrets, list(range(0, len(packets), step)))

    assert found == read_with_care(packets, TALKS[which].secrets)
    assert len(found) >= 3


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_end_is_told_as_with_care(data: st.DataObject) -> None:
    """Connections that stop anywhere, in windows that end anywhere, with packets of any size."""
    talk = TALKS[data.draw(st.sampled_from(sorted(TALKS)))]
    packets = cut(talk.chunks, data.draw(st.sampled_from([50, 1200, 20_000])))
    packets = packets[: data.draw(st.integers(0, len(packets)))]
    places = data.draw(st.lists(st.integers(0, len(packets)), max_size=12))

    found, _ = read(packets, talk.secrets, places)

    assert found == read_with_care(packets, talk.secrets)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1 << 32), place=st.integers(0, 1000), size=st.none() | st.just(1200))
def test_a_hole_is_told_as_with_care(seed: int, place: int, size: int | None) -> None:
    """Bytes of one side are missing somewhere after the handshake."""
    chance = random.Random(seed)
    talk = TALKS[chance.choice(sorted(TALKS))]
    packets = cut(talk.chunks)
    place = 12 + place % (len(packets) - 12)
    side, _, number, time_ns = packets[place]
    stack, stream = LayerStack(talk.secrets, detail=DETAIL), BriefStream(talk.secrets, DETAIL)
    receivers: tuple[LayerStack | BriefStream, ...] = (stack, stream)
    for receiver in receivers:
        for part in (packets[:place], packets[place + 1 :]):
            receiver.feed_talk(build_talk(part))
            if part == packets[:place]:
                receiver.gap(side, size, number, time_ns)

    layers = stack.finish(client_closed=True, server_closed=True)
    found = stream.finish(client_closed=True, server_closed=True)

    assert found == shorten_exchanges(layers["exchanges"], layers["tunnel"])


INTACT = {
    which: read_with_care(cut(talk.chunks), talk.secrets)
    for which, talk in TALKS.items()
    if which[0] in ("nothing", "pipelined")
}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_never_shows_anything_else(data: st.DataObject) -> None:
    """One byte changed anywhere: what the careful decoder sees, or what was said (a handshake may be damaged)."""
    which = data.draw(st.sampled_from(sorted(INTACT)))
    packets = cut(TALKS[which].chunks)
    at = data.draw(st.integers(0, len(packets) - 1))
    side, payload, number, time_ns = packets[at]
    place = data.draw(st.integers(0, len(payload) - 1))
    mask = data.draw(st.integers(1, 255))
    payload = payload[:place] + bytes((payload[place] ^ mask,)) + payload[place + 1 :]
    packets[at] = (side, payload, number, time_ns)

    found, _ = read(packets, TALKS[which].secrets, list(range(0, len(packets), 9)))

    assert found in (read_with_care(packets, TALKS[which].secrets), INTACT[which])


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("begin", [b"", b"\x16\3\1", b"\x16\3\1\0\0", b"\x16\3\1\0\4\1\0\0\0"])
@given(rest=st.binary(max_size=12))
def test_any_bytes_at_the_start(side: Side, begin: bytes, rest: bytes) -> None:
    """Nothing raises, also where a record of the handshake is empty, and all is told as with care."""
    chunks = [(side, begin + rest), (side, rest)]
    packets = [(s, data, PacketNumber(n), n) for n, (s, data) in enumerate(chunks, 1) if data]
    secrets = TALKS["nothing", "1.3"].secrets

    found, _ = read(packets, secrets, [0, 1])

    assert found == read_with_care(packets, secrets)


def test_without_keys_nothing_is_wanted() -> None:
    """Nobody could open anything."""
    talk = converse(PEERS["1.3"], ORDINARY)

    found, stream = read(cut(talk.chunks), Secrets(), [10, 20])

    assert found == ()
    assert not stream.wants


def test_what_is_no_tls_goes_to_care_at_once() -> None:
    """Plain HTTP is read as before."""
    packets = cut((request("a"), answer(5)))

    found, stream = read(packets, Secrets(), [1])

    assert [each.target for each in found] == [b"/a"]
    assert stream._careful is not None


def test_a_long_handshake_is_not_held_for_ever() -> None:
    """One side sends and sends, the other never answers with application data."""
    talk = converse(PEERS["1.3"], [request("a", body=bytes(200_000))])
    chunks = (*talk.chunks[:2], *(chunk for chunk in talk.chunks[2:] if chunk[0] == "client"))
    stream = BriefStream(talk.secrets, DETAIL)
    held: list[int] = []

    for packet in cut(chunks, 5000):
        stream.feed(*packet)
        held.append(sum(len(talk.client.data) for talk in stream._held))

    assert 30_000 < max(held) < 70_000
    assert stream._careful is not None
    assert stream._held == []
