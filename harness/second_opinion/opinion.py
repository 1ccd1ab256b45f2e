"""Opinion: what tshark says about a capture, stream by stream, as far as it was read."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.second_opinion.tshark import FIELDS, PROGRAM, RECORD, UNIT, SecondOpinionError

_MAX_STREAMS = 1 << 31


@dataclass(slots=True)
class Stream:
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
        self.streams: dict[int, Stream] = defaultdict(Stream)
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
        cells = [cell.split(UNIT) if cell else [] for cell in line.split(RECORD)]
        if len(cells) != len(FIELDS):
            raise SecondOpinionError(
                f"{PROGRAM} printed {len(cells)} fields; expected {len(FIELDS)}"
            )
        self.frame_count += 1
        row = dict(zip(FIELDS, cells, strict=True))
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


def read_lines(lines: Iterable[str], names: Sequence[str]) -> Opinion:
    """What lines of tshark's say, all of them.

    Raises:
        SecondOpinionError: a line is not of the form that was asked for.
    """
    opinion = Opinion(lines, names)
    opinion.advance(None)
    return opinion


def _read_frame(stream: Stream, row: Mapping[str, list[str]], names: Sequence[str]) -> None:
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
