"""The second opinion: tshark reads the same file, and its facts are compared with ours, one by one.

A disagreement says that one of two readers is wrong, so nothing that rests on the fact is known: UNKNOWN. Differences
that are known to be innocent are in INNOCENT with their reason, and are not told.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.net.forwarding import FORWARDED_FOR, REMOTE_PORT
from harness.trace.connection import Connection, Layers
from harness.trace.http import HTTP_2
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict

CHECK = "second opinion"
PROMISE = "Another reader of the same file, tshark, sees the same facts."
PROGRAM = "tshark"
TIMEOUT_S = 600
MEMORY_BYTES = 8 << 30
"""Address space of tshark: it keeps state for every packet."""
SHOWN = 3
"""Disagreements that are told; the rest is counted."""

INNOCENT: Mapping[str, str] = {
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

_UNIT, _RECORD = "\x1f", "\x1e"
"""Between the values of a field, and between fields: neither can stand in a value that tshark prints."""
_FIELDS = (
    "frame.number",
    "tcp.stream",
    "tcp.srcport",
    "tcp.seq",
    "tcp.len",
    "tls.handshake.type",
    "tls.handshake.random",
    "tls.handshake.extensions_server_name",
    "tls.handshake.certificate",
    "http.request.method",
    "http.request.uri",
    "http.request.line",
)


class SecondOpinionError(Exception):
    """tshark could not be asked; the text says why."""


@dataclass(slots=True)
class _Stream:
    """What tshark says about one TCP stream; grows frame by frame."""

    frames: set[int] = field(default_factory=set)
    sizes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By source port: where its data ends."""
    randoms: dict[str, int] = field(default_factory=dict)
    """Of ClientHellos: the frame."""
    names: dict[str, int] = field(default_factory=dict)
    certificates: dict[str, int] = field(default_factory=dict)
    """In either direction, as hex."""
    requests: list[tuple[str, str, tuple[str, ...], int]] = field(default_factory=list)
    """Method, target, interesting field lines, frame."""


@dataclass(slots=True)
class Opinion:
    """Everything that tshark says."""

    frame_count: int = 0
    streams: dict[int, _Stream] = field(default_factory=lambda: defaultdict(_Stream))


@dataclass(frozen=True, slots=True)
class TsharkKeys:
    """Files that tshark takes keys from."""

    log: Path | None = None
    """NSS key log."""
    rsa: tuple[Path, ...] = ()
    """Private keys of servers, in PEM."""


NO_KEYS = TsharkKeys()


def ask(
    verdict: Verdict,
    trace: Trace,
    *,
    capture: Path,
    keys: TsharkKeys = NO_KEYS,
    headers: Sequence[str] = (),
) -> Verdict:
    """The verdict with one more result: whether tshark agrees about the facts under it.

    Args:
        verdict: ours.
        trace: what we read.
        capture: the file that both read.
        keys: what opens its TLS, beside the secrets in it.
        headers: names of header fields whose values are compared; () for the usual two.

    Raises:
        SecondOpinionError: tshark is missing, failed, or took too long.
    """
    names = tuple(name.lower() for name in headers or (REMOTE_PORT, FORWARDED_FOR))
    opinion = read_opinion(trace, capture=capture, keys=keys, names=names)
    found = tuple(find_disagreements(trace, opinion, names))
    if not found:
        result = CheckResult(check=CHECK, promise=PROMISE, outcome=Outcome.PASS)
    else:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        reason = "; ".join(found[:SHOWN]) + more
        result = CheckResult(check=CHECK, promise=PROMISE, outcome=Outcome.UNKNOWN, reason=reason)
    return replace(verdict, results=(*verdict.results, result))


def read_opinion(trace: Trace, *, capture: Path, keys: TsharkKeys, names: Sequence[str]) -> Opinion:
    """What tshark says about a file; `names` are the header fields of interest, in lower case.

    Raises:
        SecondOpinionError: tshark is missing, failed, or took too long.
    """
    return read_lines(_run(trace, capture, keys), names)


def _run(trace: Trace, capture: Path, keys: TsharkKeys) -> Iterator[str]:
    """The lines that tshark prints, one a frame."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise SecondOpinionError(
            f"{PROGRAM} is not installed: install it (Debian: apt-get install tshark) or leave --second-opinion out"
        )
    command = [program, "-n", "-r", str(capture), "-o", "tcp.reassemble_out_of_order:TRUE"]
    if keys.log is not None:
        command += ["-o", f"tls.keylog_file:{keys.log}"]
    for file in keys.rsa:
        command += ["-o", f'uat:rsa_keys:"{file}",""']
    for port, protocol in sorted(_find_protocols(trace).items()):
        command += ["-d", f"tcp.port=={port},{protocol}"]
    command += ["-T", "fields", "-E", f"separator={_RECORD}", "-E", f"aggregator={_UNIT}"]
    command += [part for name in _FIELDS for part in ("-e", name)]
    with tempfile.TemporaryFile("w+b") as output, tempfile.TemporaryFile("w+b") as errors:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=TIMEOUT_S,
                check=False,
                preexec_fn=_limit,
            )
        except subprocess.TimeoutExpired as error:
            raise SecondOpinionError(f"{PROGRAM} took more than {TIMEOUT_S} s") from error
        except OSError as error:
            raise SecondOpinionError(f"{PROGRAM} cannot be started: {error.strerror}") from error
        errors.seek(0)
        said = errors.read(4096).decode("utf-8", "replace").strip().splitlines()
        # 2 and "cut short" also come with damaged files, whose good part was printed: then the frames are compared.
        if done.returncode not in (0, 2):
            told = said[-1] if said else f"exit code {done.returncode}"
            raise SecondOpinionError(f"{PROGRAM} failed: {told}")
        output.seek(0)
        for line in output:
            yield line.decode("utf-8", "replace").rstrip("\n")


def _limit() -> None:
    """In the child, before tshark starts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _find_protocols(trace: Trace) -> Mapping[int, str]:
    """What runs on the servers' ports, where it is one thing; without it tshark does not look."""
    found: dict[int, set[str]] = defaultdict(set)
    for connection in trace.connections:
        if connection.tls is not None:
            found[connection.server.port].add("tls")
        elif connection.exchanges:
            found[connection.server.port].add("http")
    listed = {port: kinds.pop() for port, kinds in found.items() if len(kinds) == 1}
    return dict(sorted(listed.items())[:200])


def read_lines(lines: Iterable[str], names: Sequence[str]) -> Opinion:
    """What lines of tshark's say.

    Raises:
        SecondOpinionError: a line is not of the form that was asked for.
    """
    opinion = Opinion()
    for line in lines:
        cells = [cell.split(_UNIT) if cell else [] for cell in line.split(_RECORD)]
        if len(cells) != len(_FIELDS):
            raise SecondOpinionError(
                f"{PROGRAM} printed {len(cells)} fields; expected {len(_FIELDS)}"
            )
        opinion.frame_count += 1
        row = dict(zip(_FIELDS, cells, strict=True))
        if not row["tcp.stream"]:
            continue
        try:
            _read_frame(opinion.streams[int(row["tcp.stream"][0])], row, names)
        except (ValueError, IndexError) as error:
            raise SecondOpinionError(f"{PROGRAM} printed {line[:80]!r}: {error}") from error
    return opinion


def _read_frame(stream: _Stream, row: Mapping[str, list[str]], names: Sequence[str]) -> None:
    frame, port = int(row["frame.number"][0]), int(row["tcp.srcport"][0])
    stream.frames.add(frame)
    if row["tcp.len"] and int(row["tcp.len"][0]):
        end = int(row["tcp.seq"][0]) + int(row["tcp.len"][0]) - 1
        stream.sizes[port] = max(stream.sizes[port], end)
    kinds = [kind for kind in row["tls.handshake.type"] if kind in ("1", "2")]
    for kind, random in zip(kinds, row["tls.handshake.random"], strict=False):
        if kind == "1":
            stream.randoms.setdefault(random.replace(":", ""), frame)
    for name in row["tls.handshake.extensions_server_name"]:
        stream.names.setdefault(name, frame)
    for certificate in row["tls.handshake.certificate"]:
        stream.certificates.setdefault(certificate.replace(":", ""), frame)
    methods, targets = row["http.request.method"], row["http.request.uri"]
    kept = tuple(
        sorted(
            text.replace("\\r\\n", "").strip()
            for text in row["http.request.line"]
            if text.partition(":")[0].strip().lower() in names
        )
    )
    for method, target in zip(methods, targets, strict=False):
        # Several requests in one frame share its lines; each of them is told all.
        stream.requests.append((method, target, kept, frame))


def find_disagreements(trace: Trace, opinion: Opinion, names: Sequence[str]) -> Iterator[str]:
    """One sentence for each fact that differs, with the frames of both."""
    limit = len(trace.packets)
    if trace.damage:
        limit = min(limit, opinion.frame_count)
    elif opinion.frame_count != limit:
        yield f"frames: we count {limit}, tshark {opinion.frame_count}"
    by_frame = {frame: number for number, s in opinion.streams.items() for frame in s.frames}
    for connection in trace.connections:
        if connection.packets[-1] > limit:
            continue
        theirs = {by_frame.get(number) for number in connection.packets}
        told = f"{connection.client} to {connection.server} (packets {_range(connection.packets)})"
        if len(theirs) != 1 or None in theirs:
            streams = ", ".join("none" if t is None else str(t) for t in sorted(theirs, key=str))
            yield f"{told}: one connection to us, streams {streams} to tshark"
            continue
        stream = opinion.streams[next(t for t in theirs if t is not None)]
        extra = sorted(
            f for f in stream.frames - set(connection.packets) if _is_tcp(trace, PacketNumber(f))
        )
        if extra:
            yield f"{told}: tshark counts packet {extra[0]} and {len(extra) - 1} more to it as well"
        for difference in _compare(connection, stream, names):
            yield f"{told}: {difference}"


def _is_tcp(trace: Trace, number: PacketNumber) -> bool:
    if not 0 < number <= len(trace.packets):
        return True  # A frame that only tshark has.
    packet = trace.packet(number)
    return packet.flow is not None and packet.flow.protocol == 6 and packet.note is None


def _compare(connection: Connection, stream: _Stream, names: Sequence[str]) -> Iterator[str]:
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


def _compare_tls(layers: Sequence[Layers], stream: _Stream) -> Iterator[str]:
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
    layers: Sequence[Layers], stream: _Stream, names: Sequence[str]
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
