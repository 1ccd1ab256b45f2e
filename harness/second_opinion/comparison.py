"""The comparison of what two readers saw in a file.

A disagreement says that one of two readers is wrong, so nothing that rests on the fact is known: UNKNOWN. Differences
that are known to be innocent are in INNOCENT with their reason, and are not told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from harness.net.forwarding import FORWARDED_FOR, REMOTE_PORT
from harness.second_opinion.opinion import Opinion, Stream, read_lines
from harness.second_opinion.ours import Ours
from harness.second_opinion.tshark import NO_KEYS, TsharkKeys, run_tshark
from harness.trace.connection import Connection, Layers
from harness.trace.http import HTTP_2
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict

CHECK = "second opinion"
PROMISE = "Another reader of the same file, tshark, sees the same facts."
SHOWN = 3
"""Disagreements that are told; the rest is counted."""
_TCP = 6

INNOCENT: Mapping[str, str] = {
    "packets long after the end of a connection": "we pass them over, and count them in the summary of harness decode",
    "frames of ICMP": "tshark shows the TCP header that an ICMP error quotes as if the packet were TCP",
    "sizes of streams with gaps": "the end of what was lost is a guess of either reader",
    "sizes of streams without SYN": "relative numbers begin wherever the capture does",
    "content of streams with gaps or odd bytes": "we stop or resynchronise where tshark guesses, and say so ourselves",
    "frames after damage": "the readers need not find the same place damaged first; the damage is told anyway",
    "closed TLS": "what neither reader can open is no difference",
    "requests of HTTP/2": "only those of HTTP/1 are asked for",
    "more requests than tshark in tunnels": "tshark does not dissect TLS inside CONNECT behind every proxy port",
}
"""What is not compared, and why that hides nothing that the verdict rests on unsaid."""


def ask(
    verdict: Verdict,
    ours: Ours,
    *,
    capture: Path,
    keys: TsharkKeys = NO_KEYS,
    headers: Sequence[str] = (),
) -> Verdict:
    """The verdict with one more result: whether tshark agrees about the facts under it.

    Both readers go through the file side by side; what both have told of a connection is compared and let go of.

    Args:
        verdict: on the capture.
        ours: what we read.
        capture: the file that both read.
        keys: what opens its TLS, beside the secrets in it.
        headers: names of header fields whose values are compared; () for the usual two.

    Raises:
        SecondOpinionError: tshark is missing, failed, or hangs.
    """
    names = tuple(name.lower() for name in headers or (REMOTE_PORT, FORWARDED_FOR))
    with closing(run_tshark(find_protocols(ours.read()), capture, keys)) as lines:
        shown: list[str] = []
        count = 0
        for told in find_disagreements(ours, Opinion(lines, names), names):
            count += 1
            if count <= SHOWN:
                shown.append(told)
    if not count:
        result = CheckResult(check=CHECK, promise=PROMISE, outcome=Outcome.PASS)
    else:
        more = f"; and {count - SHOWN} more" if count > SHOWN else ""
        reason = "; ".join(shown) + more
        result = CheckResult(check=CHECK, promise=PROMISE, outcome=Outcome.UNKNOWN, reason=reason)
    return replace(verdict, results=(*verdict.results, result))


def read_opinion(trace: Trace, *, capture: Path, keys: TsharkKeys, names: Sequence[str]) -> Opinion:
    """What tshark says about a file; `names` are the header fields of interest, in lower case.

    Raises:
        SecondOpinionError: tshark is missing, failed, or hangs.
    """
    with closing(run_tshark(find_protocols(trace.connections), capture, keys)) as lines:
        return read_lines(lines, names)


def find_protocols(connections: Iterable[Connection]) -> Mapping[int, str]:
    """What runs on the servers' ports, where it is one thing; without it tshark does not look."""
    found: dict[int, set[str]] = defaultdict(set)
    for connection in connections:
        if connection.tls is not None:
            found[connection.server.port].add("tls")
        elif connection.exchanges:
            found[connection.server.port].add("http")
    listed = {port: kinds.pop() for port, kinds in found.items() if len(kinds) == 1}
    return dict(sorted(listed.items())[:200])


def find_disagreements(ours: Ours, opinion: Opinion, names: Sequence[str]) -> Iterator[str]:
    """One sentence for each fact that differs, with the frames of both.

    tshark is read as far as our connections have come; a stream is let go of with the connection that it is.
    """
    doubtful: list[_Doubt] = []
    for connection in ours.read():
        opinion.advance(connection.packets[-1])
        if ours.is_damaged and opinion.frame_count < connection.packets[-1]:
            continue
        told = f"{connection.client} to {connection.server} (packets {_range(connection.packets)})"
        theirs = {opinion.stream_of.get(number) for number in connection.packets}
        if len(theirs) != 1 or None in theirs:
            streams = ", ".join("none" if t is None else str(t) for t in sorted(theirs, key=str))
            yield f"{told}: one connection to us, streams {streams} to tshark"
            continue
        (number,) = theirs
        assert number is not None
        stream = opinion.streams[number]
        if extra := frozenset(stream.frames.difference(connection.packets)):
            doubtful.append(_Doubt(told, connection.packets[-1], extra))
        elif before := opinion.find_owner(number):
            yield f"{told}: tshark counts it to stream {number}, with our connection {before}"
        for difference in _compare(connection, stream, names):
            yield f"{told}: {difference}"
        if not extra:
            opinion.let_go(number, connection.number)
    opinion.advance(None)
    doubtful += [
        _Doubt(f"connection {owner}", 0, frozenset(stream.frames))
        for number, stream in opinion.streams.items()
        if (owner := opinion.find_owner(number))
    ]
    yield from _tell_extra(ours, doubtful)
    if not ours.is_damaged and opinion.frame_count != ours.packet_count:
        yield f"frames: we count {ours.packet_count}, tshark {opinion.frame_count}"


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Frames that tshark counts to a connection as well."""

    told: str
    last: int
    """Our last packet of it."""
    frames: frozenset[int]


def _tell_extra(ours: Ours, doubtful: Sequence[_Doubt]) -> Iterator[str]:
    """What of it is TCP, or is not there; behind the end of a connection only if we passed nothing over there."""
    if ours.late_count:
        doubtful = [
            replace(doubt, frames=frozenset(f for f in doubt.frames if f < doubt.last))
            for doubt in doubtful
        ]
    numbers = frozenset(PacketNumber(f) for doubt in doubtful for f in doubt.frames)
    if not numbers:
        return
    others = {
        packet.number
        for packet in ours.find_packets(numbers)
        if packet.flow is None or packet.flow.protocol != _TCP or packet.note is not None
    }
    for doubt in doubtful:
        if extra := sorted(doubt.frames - others):
            yield f"{doubt.told}: tshark counts packet {extra[0]} and {len(extra) - 1} more to it as well"


def _compare(connection: Connection, stream: Stream, names: Sequence[str]) -> Iterator[str]:
    is_whole = connection.from_start and bool(connection.syn)
    for side, end, ours in (
        ("client", connection.client, connection.client_stream),
        ("server", connection.server, connection.server_stream),
    ):
        is_whole = is_whole and not ours.gaps
        same_port = connection.client.port == connection.server.port
        if is_whole and not same_port and stream.sizes[end.port] != ours.size:
            yield f"we count {ours.size} bytes of the {side}, tshark {stream.sizes[end.port]}"
    if not is_whole or connection.malformed:
        return
    layers = tuple(_layers(connection))
    yield from _compare_tls(layers, stream)
    yield from _compare_requests(layers, stream, names)


def _layers(outer: Layers) -> Iterator[Layers]:
    """A connection's own layers, and those inside its tunnels."""
    yield outer
    if outer.tunnel is not None:
        yield from _layers(outer.tunnel)


def _compare_tls(layers: Sequence[Layers], stream: Stream) -> Iterator[str]:
    sessions = [layer.tls for layer in layers if layer.tls is not None]
    randoms = {tls.client_random.hex() for tls in sessions if tls.client_random is not None}
    randoms |= {random.hex() for tls in sessions for random in tls.later_client_randoms}
    for random, frame in stream.randoms.items():
        if random not in randoms:
            yield f"tshark sees ClientHello.random {random[:16]} in packet {frame}, we do not"
    outer = layers[0].tls
    if outer is None:
        return
    where = outer.client_hello.packets[0] if outer.client_hello is not None else "?"
    if outer.client_random is not None and outer.client_random.hex() not in stream.randoms:
        yield f"we see ClientHello.random {outer.client_random.hex()[:16]} in packet {where}, tshark does not"
    if outer.sni is not None and outer.sni not in stream.names:
        seen = ", ".join(stream.names) or "none"
        yield f"server name: we see {outer.sni} in packet {where}, tshark {seen}"
    for certificate in outer.client_certificates:
        if certificate.der.hex() not in stream.certificates:
            packet = outer.client_certificate.packets[0] if outer.client_certificate else "?"
            yield f"client certificate sha256 {certificate.sha256[:16]} in packet {packet} is not in tshark's list"
    known = {
        c.der.hex()
        for tls in sessions
        for c in (
            *tls.client_certificates,
            *tls.server_certificates,
            *(c for chain in tls.later_client_certificates for c in chain),
        )
    }
    for certificate_hex, frame in stream.certificates.items():
        if certificate_hex not in known:
            yield f"tshark sees a certificate in packet {frame} that we do not"


def _compare_requests(
    layers: Sequence[Layers], stream: Stream, names: Sequence[str]
) -> Iterator[str]:
    """By method and target, as often as each came; then the lines of interest of each."""
    ours: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    where: dict[tuple[str, str], PacketNumber] = {}
    for layer in layers:
        for request in (e.request for e in layer.exchanges):
            if request is None or request.version == HTTP_2:
                continue
            key = (request.method.decode("latin-1"), request.target.decode("latin-1"))
            lines = sorted(
                f"{h.name.decode('latin-1')}: {h.value.decode('latin-1')}".strip()
                for h in request.headers
                if h.name.decode("latin-1").lower() in names
            )
            ours[key].append(tuple(lines))
            where.setdefault(key, request.packets[0])
    theirs: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    frames: dict[tuple[str, str], int] = {}
    per_frame = Counter(frame for *_, frame in stream.requests)
    shared = {frame for frame, count in per_frame.items() if count > 1}
    for method, target, lines_seen, frame in stream.requests:
        theirs[method, target].append(lines_seen)
        frames.setdefault((method, target), frame)
    for key in ours.keys() | theirs.keys():
        mine, other = ours.get(key, []), theirs.get(key, [])
        told = " ".join(key)[:80]
        place = f"packet {where.get(key, '?')} for us, {frames.get(key, '?')} for tshark"
        if len(mine) != len(other):
            if len(layers) == 1 or len(other) > len(mine):
                yield f"request {told}: we count {len(mine)}, tshark {len(other)} ({place})"
        elif sorted(mine) != sorted(other) and frames.get(key) not in shared:
            yield f"request {told}: we read {_tell(mine)}, tshark {_tell(other)} ({place})"


def _tell(lines: list[tuple[str, ...]]) -> str:
    return " | ".join(", ".join(one) or "none" for one in sorted(lines))[:200]


def _range(numbers: Sequence[PacketNumber]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
