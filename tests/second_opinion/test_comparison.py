"""The second opinion: agreement on what is right, and each kind of difference told with its frames."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from harness.decode.decode import decode
from harness.second_opinion.comparison import INNOCENT, ask, find_disagreements, find_protocols
from harness.second_opinion.opinion import Opinion, read_lines
from harness.second_opinion.ours import OfTrace
from harness.second_opinion.tshark import NO_KEYS, TsharkKeys, run_tshark
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict

RUNS = Path(__file__).parents[2] / "captures"
RUN = RUNS / "terminating-tls-1.2.pcapng"
PLAIN = Verdict(results=(), mode="namespaces", completeness={}, signed_in={})

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (apt-get install tshark)"
)


def _trace(file: Path = RUN) -> Trace:
    return decode(BytesIO(file.read_bytes()))


def _ask(trace: Trace, file: Path = RUN) -> CheckResult:
    return ask(PLAIN, OfTrace(trace), capture=file).results[-1]


@needs_tshark
@pytest.mark.parametrize("name", ["terminating-tls-1.2", "keep-alive-terminating", "single-node"])
def test_both_readers_agree_on_a_recorded_run(name: str) -> None:
    """Frames, streams, bytes, hellos, certificates, requests and headers."""
    file = RUNS / f"{name}.pcapng"
    result = _ask(_trace(file), file)

    assert (result.check, result.outcome, result.reason) == ("second opinion", Outcome.PASS, None)


def _l4(trace: Trace) -> int:
    """The index of the connection from the balancer to a node's service port."""
    return next(
        i
        for i, c in enumerate(trace.connections)
        if str(c.client.address) == "10.20.0.10" and c.server.port == 443
    )


def _l1(trace: Trace) -> int:
    return next(
        i
        for i, c in enumerate(trace.connections)
        if c.server.port == 5262 and c.tls is not None and c.tls.client_certificates
    )


def _with(trace: Trace, index: int, change: Callable[[Connection], Connection]) -> Trace:
    connections = list(trace.connections)
    connections[index] = change(connections[index])
    return replace(trace, connections=tuple(connections))


def _other_header(connection: Connection) -> Connection:
    exchange = connection.exchanges[0]
    assert exchange.request is not None
    headers = tuple(
        replace(h, value=b"1") if h.name.lower() == b"remoteport" else h
        for h in exchange.request.headers
    )
    request = replace(exchange.request, headers=headers)
    return replace(
        connection, exchanges=(replace(exchange, request=request), *connection.exchanges[1:])
    )


def _tls(**changes: Any) -> Callable[[Connection], Connection]:
    def change(connection: Connection) -> Connection:
        assert connection.tls is not None
        return replace(connection, tls=replace(connection.tls, **changes))

    return change


SEEDED: dict[str, tuple[Callable[[Trace], Trace], str]] = {
    "frames": (lambda t: replace(t, packets=t.packets[:-1]), "frames: we count "),
    "bytes": (
        lambda t: _with(
            t, _l4(t), lambda c: replace(c, client_stream=replace(c.client_stream, size=1))
        ),
        "we count 1 bytes of the client, tshark ",
    ),
    "streams": (
        lambda t: _with(
            t,
            _l4(t),
            lambda c: replace(
                c, packets=tuple(sorted({*c.packets, t.connections[_l1(t)].packets[0]}))
            ),
        ),
        "one connection to us, streams ",
    ),
    "packet missing": (
        lambda t: _with(t, _l4(t), lambda c: replace(c, packets=c.packets[:-1])),
        "tshark counts packet ",
    ),
    "random": (
        lambda t: _with(t, _l4(t), _tls(client_random=bytes(32))),
        "we see ClientHello.random 0000000000000000 in packet ",
    ),
    "server name": (
        lambda t: _with(t, _l4(t), _tls(sni="other.example.com")),
        "server name: we see other.example.com in packet ",
    ),
    "client certificate": (
        lambda t: _with(t, _l1(t), _tls(client_certificates=())),
        "tshark sees a certificate in packet ",
    ),
    "request": (
        lambda t: _with(t, _l4(t), lambda c: replace(c, exchanges=())),
        "we count 0, tshark 1 (packet ? for us, ",
    ),
    "header": (lambda t: _with(t, _l4(t), _other_header), "we read RemotePort: 1"),
}


NAMES = ("remoteport", "x-forwarded-for")


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What tshark says about the run."""
    return list(run_tshark(find_protocols(_trace().connections), RUN, NO_KEYS))


@needs_tshark
@pytest.mark.parametrize(("seed", "told"), SEEDED.values(), ids=SEEDED)
def test_a_seeded_difference_is_told_with_its_place(
    seed: Callable[[Trace], Trace], told: str, lines: list[str]
) -> None:
    """One fact of ours is changed; the other reader does not follow."""
    found = list(find_disagreements(OfTrace(seed(_trace())), read_lines(lines, NAMES), NAMES))

    assert any(told in one for one in found)


@needs_tshark
def test_a_difference_is_unknown() -> None:
    """The verdict rests on a fact that one of two readers has wrong."""
    trace = _trace()
    result = _ask(_with(trace, _l4(trace), _other_header))

    assert result.outcome is Outcome.UNKNOWN
    assert "we read RemotePort: 1" in (result.reason or "")


@needs_tshark
def test_keys_beside_the_file_are_given_to_both(shared: Path) -> None:
    """A capture of others, decrypted, with a header name of its own."""
    file = shared / "corpus" / "chain" / "l7_set_header.pcap"
    keys = file.with_name(f"{file.name}.keys")
    trace = decode(BytesIO(file.read_bytes()), key_log=keys.read_bytes())
    agreed = ask(
        PLAIN, OfTrace(trace), capture=file, keys=TsharkKeys(keys), headers=("remoteport",)
    )

    assert agreed.outcome is Outcome.PASS
    assert sum(len(c.exchanges) for c in trace.connections) == 6


def test_a_frame_that_only_tshark_has_is_told() -> None:
    """More frames than ours, in a stream that is ours."""
    trace = _trace()
    connection = trace.connections[0]
    rows = [[str(n), "0", "1", "1", "0", *[""] * 7] for n in (*connection.packets, 10**9)]
    opinion = read_lines(["\x1e".join(row) for row in rows], ())

    told = " ".join(find_disagreements(OfTrace(trace), opinion, ()))

    assert "tshark counts packet 1000000000 and 0 more to it as well" in told


def test_what_is_not_compared_has_its_reason() -> None:
    """A list without reasons would be a way to hide differences."""
    assert all(len(reason.split()) >= 6 for reason in INNOCENT.values())


@needs_tshark
def test_behind_damage_nobody_is_asked(tmp_path: Path) -> None:
    """Its reader stops there; what both saw is still compared."""
    data = bytearray(RUN.read_bytes())
    broken = tmp_path / "broken.pcapng"
    place = data.index(b"\x06\x00\x00\x00", len(data) // 2 // 4 * 4)
    data[place + 4 : place + 8] = b"\xff\xff\xff\x7f"
    broken.write_bytes(bytes(data))
    trace = _trace(broken)

    assert trace.damage
    assert "frames" not in (_ask(trace, broken).reason or "")


def _rows(frames: dict[int, int]) -> list[str]:
    """Lines of tshark's: the stream of each frame."""
    return ["\x1e".join([str(f), str(s), "1", "1", "0", *[""] * 7]) for f, s in frames.items()]


def test_what_was_compared_is_let_go_of() -> None:
    """Tshark is read as far as our connections have come, and no further."""
    trace = _trace()
    ours = sorted(trace.connections, key=lambda c: c.packets[-1])
    frames = {n: c.number for c in ours for n in c.packets}
    count = len(trace.packets)
    rows = ["\x1e".join([str(n), *[""] * 11]) for n in range(1, count + 1)]
    for row in _rows(frames):
        rows[int(row.partition("\x1e")[0]) - 1] = row
    opinion = Opinion(rows, ())
    held: list[tuple[int, int]] = []

    class Watched(OfTrace):
        def read(self) -> Iterator[Connection]:
            for connection in ours:
                held.append((opinion.frame_count, len(opinion.streams)))
                yield replace(connection, from_start=False)

    assert list(find_disagreements(Watched(trace), opinion, ())) == []
    assert (len(opinion.streams), len(opinion.stream_of)) == (0, 0)
    assert [read for read, _ in held] == [0, *(c.packets[-1] for c in ours[:-1])]
    assert max(streams for _, streams in held) < len(ours)


def test_two_connections_that_are_one_stream_are_told() -> None:
    """Also where the first was let go of before the second began."""
    trace = _trace()
    one, other = sorted(trace.connections, key=lambda c: c.packets[0])[:2]
    other = replace(other, packets=tuple(PacketNumber(n + 10**4) for n in other.packets))
    both = replace(trace, connections=(one, other))
    last = other.packets[-1]
    rows = ["\x1e".join([str(n), *[""] * 11]) for n in range(1, last + 1)]
    for row in _rows(dict.fromkeys((*one.packets, *other.packets), 0)):
        rows[int(row.partition("\x1e")[0]) - 1] = row

    told = " ".join(find_disagreements(OfTrace(both), Opinion(rows, ()), ()))

    assert f"tshark counts it to stream 0, with our connection {one.number}" in told


def test_packets_that_we_passed_over_are_no_difference() -> None:
    """They came long after the end of their connection, and are counted elsewhere; else they are told."""
    trace = _trace()
    connection = trace.connections[0]
    other = trace.connections[1]
    late = other.packets[-1]
    rows = ["\x1e".join([str(n), *[""] * 11]) for n in range(1, len(trace.packets) + 1)]
    for row in _rows(dict.fromkeys((*connection.packets, late), 0)):
        rows[int(row.partition("\x1e")[0]) - 1] = row

    class Late(OfTrace):
        late_count = 1

    def told(ours: OfTrace) -> str:
        opinion = Opinion(rows, ())
        return " ".join(find_disagreements(ours, opinion, ()))

    one = replace(trace, connections=(replace(connection, from_start=False),))
    assert f"tshark counts packet {late} and 0 more to it" in told(OfTrace(one))
    assert "more to it" not in told(Late(one))
