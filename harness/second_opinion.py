"""The second opinion: tshark reads the same file, and its facts are compared with ours, one by one.

A disagreement says that one of two readers is wrong, so nothing that rests on the fact is known: UNKNOWN. Differences
that are known to be innocent are in INNOCENT with their reason, and are not told.
"""

from __future__ import annotations

import resource
import select
import shutil
import subprocess
import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness.net.forwarding import FORWARDED_FOR, REMOTE_PORT
from harness.trace.connection import Connection, Layers
from harness.trace.http import HTTP_2
from harness.trace.packet import Packet, PacketNumber
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict

CHECK = "second opinion"
PROMISE = "Another reader of the same file, tshark, sees the same facts."
PROGRAM = "tshark"
TIMEOUT_S = 600
"""For so long it may print nothing."""
MEMORY_BYTES = 8 << 30
"""Address space of tshark: it keeps state for every packet."""
_TCP = 6
_MAX_STREAMS = 1 << 31
SHOWN = 3
"""Disagreements that are told; the rest is counted."""

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


class Opinion:
    """What tshark says, as far as it was read; what was compared is let go of."""

    def __init__(self, lines: Iterable[str], names: Sequence[str]) -> None:
        """Take the lines that tshark prints, one a frame; `names` are header fields of interest, in lower case."""
        self.frame_count = 0
        self.streams: dict[int, _Stream] = defaultdict(_Stream)
        """By tshark's number: those that were not compared yet."""
        self.stream_of: dict[int, int] = {}
        """By frame: its stream."""
        self._lines = iter(lines)
        self._names = names
        self._owners = array("I")
        """By stream: the number of the connection that it was compared with, or 0."""

    def advance(self, number: int | None) -> None:
        """Read up to this frame; None: all.

        Raises:
            SecondOpinionError: a line is not of the form that was asked for.
        """
        while number is None or self.frame_count < number:
            line = next(self._lines, None)
            if line is None:
                return
            self._read(line)

    def let_go(self, stream: int, owner: int) -> None:
        """It was compared with the connection of this number."""
        for frame in self.streams.pop(stream).frames:
            del self.stream_of[frame]
        if stream >= len(self._owners):
            self._owners.extend([0] * (stream + 1 - len(self._owners)))
        self._owners[stream] = owner

    def find_owner(self, stream: int) -> int:
        """The number of the connection that a stream was compared with before; 0: with none."""
        return self._owners[stream] if stream < len(self._owners) else 0

    def _read(self, line: str) -> None:
        cells = [cell.split(_UNIT) if cell else [] for cell in line.split(_RECORD)]
        if len(cells) != len(_FIELDS):
            raise SecondOpinionError(
                f"{PROGRAM} printed {len(cells)} fields; expected {len(_FIELDS)}"
            )
        self.frame_count += 1
        row = dict(zip(_FIELDS, cells, strict=True))
        if not row["tcp.stream"]:
            return
        try:
            number, frame = int(row["tcp.stream"][0]), int(row["frame.number"][0])
            if not 0 <= number < _MAX_STREAMS:
                raise ValueError(f"stream {number}")
            _read_frame(self.streams[number], row, self._names)
        except (ValueError, IndexError) as error:
            raise SecondOpinionError(f"{PROGRAM} printed {line[:80]!r}: {error}") from error
        self.stream_of[frame] = number


@dataclass(frozen=True, slots=True)
class TsharkKeys:
    """Files that tshark takes keys from."""

    log: Path | None = None
    """NSS key log."""
    rsa: tuple[Path, ...] = ()
    """Private keys of servers, in PEM."""


NO_KEYS = TsharkKeys()


class Ours(Protocol):
    """What we read, in bounded memory: it is gone through as often as somebody asks."""

    def read(self) -> Iterator[Connection]:
        """All connections, each when it ends."""

    def find_packets(self, numbers: frozenset[PacketNumber]) -> Sequence[Packet]:
        """Packets of these numbers, as far as there are any."""

    @property
    def packet_count(self) -> int:
        """Packets of the file; known when all was read."""

    @property
    def is_damaged(self) -> bool:
        """Reading ended at a damaged place."""

    @property
    def late_count(self) -> int:
        """Packets that were passed over, since they came after the end of their connection."""


@dataclass(frozen=True, slots=True)
class OfTrace:
    """A trace as what we read."""

    trace: Trace

    def read(self) -> Iterator[Connection]:
        """See Ours."""
        return iter(self.trace.connections)

    def find_packets(self, numbers: frozenset[PacketNumber]) -> Sequence[Packet]:
        """See Ours."""
        return [self.trace.packet(n) for n in sorted(numbers) if 0 < n <= len(self.trace.packets)]

    @property
    def packet_count(self) -> int:
        """See Ours."""
        return len(self.trace.packets)

    @property
    def is_damaged(self) -> bool:
        """See Ours."""
        return bool(self.trace.damage)

    @property
    def late_count(self) -> int:
        """See Ours."""
        return 0


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
    with closing(_run(_find_protocols(ours.read()), capture, keys)) as lines:
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
    with closing(_run(_find_protocols(trace.connections), capture, keys)) as lines:
        return read_lines(lines, names)


def _run(
    protocols: Mapping[int, str], capture: Path, keys: TsharkKeys
) -> Generator[str, None, None]:
    """The lines that tshark prints, one a frame, as it prints them; it is ended with this."""
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
    for port, protocol in sorted(protocols.items()):
        command += ["-d", f"tcp.port=={port},{protocol}"]
    command += ["-T", "fields", "-E", f"separator={_RECORD}", "-E", f"aggregator={_UNIT}"]
    command += [part for name in _FIELDS for part in ("-e", name)]
    with tempfile.TemporaryFile("w+b") as errors:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=_limit,
            )
        except OSError as error:
            raise SecondOpinionError(f"{PROGRAM} cannot be started: {error.strerror}") from error
        with child:
            try:
                yield from _read_output(child)
                code = child.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                raise SecondOpinionError(f"{PROGRAM} said nothing for {TIMEOUT_S} s") from error
            finally:
                child.kill()
        errors.seek(0)
        said = errors.read(4096).decode("utf-8", "replace").strip().splitlines()
        # 2 and "cut short" also come with damaged files, whose good part was printed: then the frames are compared.
        if code not in (0, 2):
            told = said[-1] if said else f"exit code {code}"
            raise SecondOpinionError(
                f"{PROGRAM} failed: {told} (it keeps state for every packet, some 1 to 3 GB for a GB, and gets "
                f"{MEMORY_BYTES >> 30} GB: cut larger files, editcap -A -B)"
            )


def _read_output(child: subprocess.Popen[bytes]) -> Iterator[str]:
    """Whole lines.

    Raises:
        TimeoutExpired: nothing came for so long.
    """
    assert child.stdout is not None
    rest = b""
    while True:
        if not select.select([child.stdout], [], [], TIMEOUT_S)[0]:
            raise subprocess.TimeoutExpired(PROGRAM, TIMEOUT_S)
        data = child.stdout.read1(1 << 18)  # type: ignore[attr-defined] # it is buffered
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


def _limit() -> None:
    """In the child, before tshark starts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _find_protocols(connections: Iterable[Connection]) -> Mapping[int, str]:
    """What runs on the servers' ports, where it is one thing; without it tshark does not look."""
    found: dict[int, set[str]] = defaultdict(set)
    for connection in connections:
        if connection.tls is not None:
            found[connection.server.port].add("tls")
        elif connection.exchanges:
            found[connection.server.port].add("http")
    listed = {port: kinds.pop() for port, kinds in found.items() if len(kinds) == 1}
    return dict(sorted(listed.items())[:200])


def read_lines(lines: Iterable[str], names: Sequence[str]) -> Opinion:
    """What lines of tshark's say, all of them.

    Raises:
        SecondOpinionError: a line is not of the form that was asked for.
    """
    opinion = Opinion(lines, names)
    opinion.advance(None)
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
