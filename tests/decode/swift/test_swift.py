"""Tests of the swift reading of whole connections: what it takes, and what it leaves."""

from __future__ import annotations

from itertools import accumulate

import pytest

from harness.capture.keylog import Secrets, parse_keylog
from harness.decode.detail import EVERYTHING, Detail
from harness.decode.layers import LayerStack
from harness.decode.swift.swift import MAX_REMEMBERED, Swift
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests.tls_wire import Peers, converse
from tests.tls_wire import Talk as Spoken

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONNECT = b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
SPOKEN = converse(Peers(), [("client", GET), ("server", OK)])


def talk_of(chunks: tuple[tuple[Side, bytes], ...]) -> Talk:
    """One packet a flight."""
    runs = []
    for mine in ("client", "server"):
        flights = [(n, data) for n, (side, data) in enumerate(chunks, 1) if side == mine]
        numbers = [PacketNumber(n) for n, _ in flights]
        ends = list(accumulate(len(data) for _, data in flights))
        runs.append(Run(b"".join(data for _, data in flights), ends, numbers, [*map(int, numbers)]))
    return Talk(*runs)


@pytest.mark.parametrize("level", ["handshakes", "exchanges"])
def test_it_finds_what_the_layers_find(level: str) -> None:
    """All fields of the connection above TCP."""
    detail = Detail(level=level)  # type: ignore[arg-type]
    layers = LayerStack(SPOKEN.secrets, detail=detail)
    for side, run in talk_of(SPOKEN.chunks).build_runs():
        layers.feed_run(side, run)

    got = Swift(SPOKEN.secrets, detail).read(talk_of(SPOKEN.chunks))

    assert got == layers.finish(client_closed=True, server_closed=True)
    assert got is not None
    assert len(got["exchanges"]) == (level == "exchanges")


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(
    "inside", [SPOKEN, converse(Peers())], ids=["with a request", "handshake alone"]
)
def test_it_goes_through_tunnels(depth: int, inside: Spoken) -> None:
    """TLS in CONNECT in TLS, as the layers find it."""
    chunks, keys = inside.chunks, inside.keylog
    for _ in range(depth):
        outer = converse(Peers(), [("client", CONNECT), ("server", OPENED), *chunks])
        chunks, keys = outer.chunks, keys + outer.keylog
    secrets = parse_keylog(keys)
    layers = LayerStack(secrets)
    for side, run in talk_of(chunks).build_runs():
        layers.feed_run(side, run)

    got = Swift(secrets, EVERYTHING).read(talk_of(chunks))

    assert got == layers.finish(client_closed=True, server_closed=True)
    assert got is not None
    assert got["tunnel"] is not None


def shift(talk: Talk, by: int) -> Talk:
    """The same bytes in later packets, cut elsewhere."""
    return Talk(*(_shift(run, by) for run in (talk.client, talk.server)))


def _shift(run: Run, by: int) -> Run:
    ends = sorted({*run.ends, *range(700, len(run.data), 700)})
    numbers = [
        PacketNumber(run.numbers[run.find_packet(end)] * 1000 + by + n)
        for n, end in enumerate(ends)
    ]
    return Run(run.data, ends, numbers, [*map(int, numbers)])


def test_the_same_bytes_again_are_in_their_own_packets() -> None:
    """Behind a balancer that passes them on, and without the tunnel that they went through before."""
    outer = converse(Peers(), [("client", CONNECT), ("server", OPENED), *SPOKEN.chunks])
    secrets = parse_keylog(SPOKEN.keylog + outer.keylog)
    swift = Swift(secrets, EVERYTHING)
    talks = [
        talk_of(outer.chunks),
        shift(talk_of(outer.chunks), 1),
        talk_of(SPOKEN.chunks),
        shift(talk_of(SPOKEN.chunks), 2),
    ]

    got = [swift.read(talk) for talk in talks]

    assert got == [Swift(secrets, EVERYTHING).read(talk) for talk in talks]
    assert None not in got
    assert len({str(one) for one in got}) == 4


def test_secrets_that_come_later_count() -> None:
    """What could not be opened before is read again."""
    secrets = Secrets()
    swift = Swift(secrets, EVERYTHING)
    closed = swift.read(talk_of(SPOKEN.chunks))
    secrets.add(SPOKEN.keylog)

    opened = swift.read(talk_of(SPOKEN.chunks))

    assert closed is not None
    assert opened is not None
    assert (closed["tls"].decrypted, opened["tls"].decrypted) == ("no", "yes")  # type: ignore[union-attr]


def test_not_all_is_remembered() -> None:
    """However much comes; the oldest goes first."""
    swift = Swift(Secrets(), EVERYTHING)
    for _ in range(60):
        spoken = converse(Peers(), [("client", GET), ("server", OK), ("server", bytes(100_000))])
        swift.read(talk_of(spoken.chunks))

    assert swift.remembered_size <= MAX_REMEMBERED


def test_an_empty_tunnel() -> None:
    """Nothing went through it."""
    spoken = converse(Peers(), [("client", CONNECT), ("server", OPENED)])

    got = Swift(spoken.secrets, EVERYTHING).read(talk_of(spoken.chunks))

    assert got is not None
    assert got["tunnel"] is not None
    assert got["tunnel"].target == b"x:443"
    assert got["tunnel"].tls is None


@pytest.mark.parametrize("said", [b"odd", GET], ids=["unknown", "plain HTTP"])
def test_a_tunnel_with_something_else_is_left(said: bytes) -> None:
    """Only TLS is ordinary there."""
    spoken = converse(Peers(), [("client", CONNECT), ("server", OPENED), ("client", said)])

    assert Swift(spoken.secrets, EVERYTHING).read(talk_of(spoken.chunks)) is None


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (("client", GET), ("server", OK)),
        SPOKEN.chunks[1:],
        (("client", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"), *SPOKEN.chunks),
        (*SPOKEN.chunks, ("client", b"odd")),
    ],
    ids=["nothing", "plain HTTP", "no ClientHello", "PROXY", "odd end"],
)
def test_the_rest_is_left(chunks: tuple[tuple[Side, bytes], ...]) -> None:
    """None says so."""
    assert Swift(SPOKEN.secrets, EVERYTHING).read(talk_of(chunks)) is None


def test_keys_that_must_be_derived_are_left() -> None:
    """RSA key exchange needs the whole handshake."""
    secrets = Secrets()
    secrets.use_private_keys(lambda encrypted, certificate: None)

    assert Swift(secrets, EVERYTHING).read(talk_of(SPOKEN.chunks)) is None
