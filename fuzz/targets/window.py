"""Window: many packets looked at together give what packets looked at singly give. Stored runs and frames, changed."""

from __future__ import annotations

import io

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.target import Target
from fuzz.targets.file import grow_file
from fuzz.targets.replay import grow_replay
from fuzz.targets.tcp import segment
from harness.capture.writer import PcapngWriter
from harness.decode.brief import decode_briefly
from harness.decode.connections import decode_connections
from tests.packet_builder import START_NS, STEP_NS, build_ethernet, build_ip, build_tcp

_WINDOWS = (1, 3000, 20_000, 1 << 24)


def grow_window(choices: Choices) -> bytes:
    """A file of any kind, and how many bytes are looked at together."""
    window = choices.pick(_WINDOWS)
    way = choices.below(4)
    if way == 0:
        return pack([window, grow_file(choices)])
    if way == 1:
        return pack([window, unpack(grow_replay(choices))[-1]])
    return pack([window, _talk(choices)])


def _talk(choices: Choices) -> bytes:
    """Segments of a few connections: two clients, flags, sizes and orders; one tap, or one for each direction."""
    frames: list[tuple[int, bytes]] = []
    taps = choices.pick((1, 1, 2))
    places = {"client": 1, "server": 1}
    for number in range(choices.below(60) + 1):
        side = choices.pick(("client", "server"))
        size = choices.pick((0, 1, 10, 500, 1448))
        begin = places[side] if not choices.rarely() else choices.below(5000)
        flags = choices.pick((16, 16, 16, 24, 16)) if number > 2 else (2, 18, 16)[number]
        if choices.rarely():
            flags = choices.below(256)
        step = [int(side == "server"), begin, places["server"], flags, size, size, 0, 0]
        made = segment(number + 1, [1000, 9000], step, number)
        port = 50000 + (choices.below(2) if choices.rarely() else 0)
        ends = (("203.0.113.5", port), ("10.20.0.10", 443))
        src, dst = ends if side == "client" else ends[::-1]
        tcp = build_tcp(src, dst, seq=made.seq, ack=made.ack, flags=flags, data=made.data)
        tap = number if choices.rarely() else int(side == "server")
        frames.append((tap % taps, build_ethernet(build_ip(src[0], dst[0], 6, tcp))))
        places[side] = max(places[side], begin + size)
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    for tap in range(taps):
        writer.write_interface(f"tap{tap}", link_type=1)
    for number, (tap, frame) in enumerate(frames):
        writer.write_packet(tap, START_NS + number * STEP_NS, frame)
    return stream.getvalue()


def check_window(material: bytes) -> None:
    """The same connections, counts and damage."""
    window, data = unpack(material)
    singly = decode_connections(io.BytesIO(data), window=0)
    one = sorted(singly, key=lambda c: c.number)
    together = decode_connections(io.BytesIO(data), window=window)
    many = sorted(together, key=lambda c: c.number)
    assert len(many) == len(one), f"{len(many)} connections, singly {len(one)}"
    for left, right in zip(many, one, strict=True):
        assert left == right, f"connection {left.number} is another one"
    assert together.packet_count == singly.packet_count
    assert +together.skipped == +singly.skipped, f"{together.skipped} and singly {singly.skipped}"
    assert together.damage == singly.damage
    for level in ("connections", "handshakes", "exchanges"):
        told = [
            sorted(decode_briefly(io.BytesIO(data), level, window=size)) for size in (0, window)
        ]
        assert told[0] == told[1], f"{level} are told in another way"


WINDOW = Target(
    name="window",
    promise="How many packets are looked at together changes nothing that is seen.",
    grow=grow_window,
    check=check_window,
    max_size=1024,
    patience_s=5.0,
)
