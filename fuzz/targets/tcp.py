"""TCP: segments in any order, lost, repeated, overlapping, wrapping around; and hostile ones.

The byte at each place of a stream is a function of the place, so what is delivered can be told from what was sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import rearrange
from fuzz.target import Target
from harness.decode.packet.frame import ACK, FIN, RST, SYN, Segment
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.reassembly import Reassembler
from harness.decode.tcp.talk import Talk
from harness.net.address import Endpoint, parse_address
from harness.trace.packet import Flow, PacketNumber
from harness.trace.tls import Side

_CLIENT = Endpoint(parse_address("203.0.113.5"), 50000)
_SERVER = Endpoint(parse_address("10.20.0.10"), 443)
_STREAM = 1 << 17
"""Bytes of each side's stream."""

Step = list[int]
"""side, sequence number less the initial one, acknowledged offset, flags, size, seen size, salt, milliseconds."""


@cache
def stream(side: str) -> bytes:
    """What a side sends: no 40 bytes of it occur twice, nor in the other side's."""
    blocks = (hashlib.sha256(f"{side}{i}".encode()).digest() for i in range(_STREAM // 32))
    return b"".join(blocks)


@dataclass(slots=True)
class _Sink:
    """Takes what reassembly delivers."""

    wants: bool = True
    wants_all: bool = True
    is_hashed: bool = True
    is_brief: bool = False
    runs: dict[Side, list[bytes | int | None]] = field(
        default_factory=lambda: {"client": [], "server": []}
    )

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        del number, time_ns
        assert data, "an empty delivery"
        self.runs[side].append(bytes(data))

    def feed_talk(self, talk: Talk) -> None:
        for side, run in talk.build_runs():
            for data, number, time_ns in run.pieces():
                self.feed(side, data, number, time_ns)

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        del number, time_ns
        assert size is None or size > 0, f"a gap of {size} bytes"
        self.runs[side].append(size)


def grow_tcp(choices: Choices) -> bytes:
    """A talk in segments, shaken; hostile ones also lie about bytes, numbers and flags."""
    is_hostile = choices.flag()
    isn = [choices.pick((1000, 0, 0xFFFFFFF0, 0x7FFFFFFF)) for _ in range(2)]
    steps: list[Step] = [[0, 0, 0, SYN, 0, 0, 0, 0], [1, 0, 0, SYN | ACK, 0, 0, 0, 0]]
    steps.append([0, 1, 0, ACK, 0, 0, 0, 0])
    sent = [0, 0]
    for _ in range(choices.below(24)):
        side = choices.below(2)
        size = choices.pick((1, 2, 10, 100, 536, 1448, 4000, 0))
        begin = sent[side]
        if choices.rarely():  # a retransmission that begins elsewhere
            begin = max(0, begin - choices.below(3000))
        seen = size if not choices.rarely() else choices.below(size + 1)
        step = [side, begin + 1, sent[1 - side], ACK, size, seen, 0, choices.pick((0, 1, 4000))]
        if is_hostile:
            _twist(step, choices)
        steps.append(step)
        sent[side] = max(sent[side], begin + size)
    if choices.flag():
        steps.append([0, sent[0] + 1, sent[1], FIN | ACK, 0, 0, 0, 0])
        steps.append([1, sent[1] + 1, sent[0] + 1, FIN | ACK, 0, 0, 0, 0])
        steps.append([0, sent[0] + 2, sent[1] + 1, ACK, 0, 0, 0, 0])
    return pack([int(is_hostile), isn, rearrange(steps, choices, most=6)])


def _twist(step: Step, choices: Choices) -> None:
    kind = choices.below(8)
    if kind == 0:
        step[6] = choices.byte()
    elif kind == 1:
        step[1] = choices.number(4)
    elif kind == 2:
        step[2] = choices.number(4)
    elif kind == 3:
        step[3] = choices.below(512)
    elif kind == 4:
        step[3] |= choices.pick((SYN, FIN, RST, SYN | RST))
    elif kind == 5:
        step[1] += choices.pick((1, -1, 1 << 20, 1 << 30, 1 << 31, -(1 << 31)))


def segment(number: int, isn: list[int], step: Step, time_ns: int) -> Segment:
    """The packet of one step."""
    side, relative, acked, flags, size, seen, salt, _ = step
    source, destination = (_CLIENT, _SERVER) if side == 0 else (_SERVER, _CLIENT)
    begin = max(relative - 1, 0) % (_STREAM - 5000)
    data = stream("client" if side == 0 else "server")[begin : begin + size][:seen]
    if salt:
        data = bytes(byte ^ salt for byte in data)
    return Segment(
        PacketNumber(number),
        time_ns,
        Flow(
            src=source.address,
            dst=destination.address,
            protocol=6,
            src_port=source.port,
            dst_port=destination.port,
        ),
        source.address.packed + source.port.to_bytes(2, "big"),
        destination.address.packed + destination.port.to_bytes(2, "big"),
        (isn[side] + relative) & 0xFFFFFFFF,
        (isn[1 - side] + 1 + acked) & 0xFFFFFFFF if flags & ACK else 0,
        flags,
        data,
        max(size, len(data)),
    )


def check_tcp(material: bytes) -> None:
    """Bytes and gaps make up the stream; of honest segments no byte is at another place than where it was sent."""
    is_hostile, isn, steps = unpack(material)
    reassembler: Reassembler[_Sink] = Reassembler(_Sink)
    time_ns, fed = 0, 0
    for number, step in enumerate(steps, 1):
        time_ns += step[7] * 1_000_000
        packet = segment(number, isn, step, time_ns)
        fed += len(packet.data)
        reassembler.feed("dmz", packet)
    given = 0
    for connection in reassembler.finish():
        assert isinstance(connection, TcpConnection), "segments came one by one"
        sink = connection.receiver
        assert connection.packets == sorted(connection.packets)
        for side in ("client", "server"):
            built = connection.direction(side).build_stream()
            runs = sink.runs[side]
            data = b"".join(run for run in runs if isinstance(run, bytes))
            missing = sum(run for run in runs if isinstance(run, int))
            given += len(data)
            assert built.size == len(data) + missing, f"{side}: {built} of {runs}"
            assert missing == sum(gap.size for gap in built.gaps)
            if built.sha256 is not None:
                assert built.sha256 == hashlib.sha256(data).hexdigest()
            if not is_hostile:
                _check_places(side, runs, from_start=connection.direction(side).from_start)
    assert given <= fed, f"{given} bytes out of {fed}"


def _check_places(side: str, runs: list[bytes | int | None], *, from_start: bool) -> None:
    """Each run stands in the stream where counting says it stands."""
    true = stream(side)
    place: int | None = 0 if from_start else None
    for run in runs:
        match run:
            case None:
                place = None
            case int():
                place = None if place is None else place + run
            case bytes():
                if place is None:
                    if len(run) < 40:
                        continue
                    place = true.find(run)
                    assert place >= 0, f"{side}: bytes that nobody sent"
                assert true[place : place + len(run)] == run, f"{side}: other bytes at {place}"
                place += len(run)


TCP = Target(
    name="tcp",
    promise="Whatever order segments come in, a stream has the bytes that were sent, at their places, or a gap.",
    grow=grow_tcp,
    check=check_tcp,
)
