"""HTTP/2: frames and header blocks of both sides, good and nearly good, cut anywhere, with holes."""

from __future__ import annotations

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import interleave
from fuzz.target import Target
from harness.decode.http.http2 import MAX_FRAME_SIZE, PREFACE, Http2Decoder
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

_BLOCKS = (
    b"\x82\x87\x84\x41\x01h",
    b"\x82\x87\x85\xbe",
    b"\x88",
    b"\x8d\x0f\x0d\x015",
    b"\x48\x03103",
    b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
    b"\x00\x01n\x05a\r\nb:",
    b"\x40\x01n\x01v\xbe\xbe",
    b"\x20",
    b"\x3f\xe1\x1f",
    b"\xff\xff\xff\xff\x0f",
    b"\x00\x7f\xff\xff\x0f",
    b"\x00\x11transfer-encoding\x07chunked",
    b"",
)
_KINDS = (0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x42)
_FLAGS = (0, 1, 4, 5, 5, 5, 8, 0x0D, 0x20, 0x25)
_STREAMS = (0, 1, 1, 1, 3, 3, 5, 2, 0x7FFFFFFF, 0xFFFFFFFF)


def grow_http2(choices: Choices) -> bytes:
    """Both sides of a connection in pieces; holes have a size, or none."""
    sides: dict[Side, bytes] = {"client": PREFACE, "server": b""}
    for _ in range(choices.below(8) + 1):
        sides["client"] += _frame(choices)
        sides["server"] += _frame(choices)
    return pack(interleave(sides, choices, most=2))


def _frame(choices: Choices) -> bytes:
    kind, flags, stream = choices.pick(_KINDS), choices.pick(_FLAGS), choices.pick(_STREAMS)
    payload = b"".join(choices.pick(_BLOCKS) for _ in range(choices.below(3)))
    size = choices.pick((len(payload),) * 8 + (0, 1, MAX_FRAME_SIZE, MAX_FRAME_SIZE + 1))
    return size.to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _decode(parts: list[tuple[Side, bytes | int | None]]) -> Http2Decoder:
    decoder = Http2Decoder()
    for number, (side, part) in enumerate(parts, 1):
        seen = Seen(time_ns=number, packets=(PacketNumber(number),))
        if isinstance(part, bytes):
            decoder.feed(side, part, seen)
        else:
            decoder.gap(side, part, seen)
    decoder.end()
    return decoder


def check_http2(material: bytes) -> None:
    """However the bytes are cut, the exchanges are the same; bodies hold nothing that was not sent."""
    parts = unpack(material)
    decoder = _decode(parts)
    for side, kept in (("client", "request"), ("server", "response")):
        sent = b"".join(p for who, p in parts if who == side and isinstance(p, bytes))
        messages = [m for e in decoder.exchanges() if (m := getattr(e, kept)) is not None]
        assert sum(m.body_size for m in messages) <= len(sent)
        assert all(m.packets for m in messages)
    assert all(e.request or e.response for e in decoder.exchanges())
    again = _decode([(side, piece) for side, part in parts for piece in _bytes(part)])
    assert _plain(again.exchanges()) == _plain(decoder.exchanges()), "cut otherwise, read otherwise"
    told, retold = ([(m.message, m.exchange) for m in d.malformed()] for d in (decoder, again))
    assert retold == told, "cut otherwise, told otherwise"


def _bytes(part: bytes | int | None) -> list[bytes | int | None]:
    if not isinstance(part, bytes):
        return [part]
    return [part[at : at + 1] for at in range(len(part))]


def _plain(exchanges: tuple[Exchange, ...]) -> list[tuple[object, ...]]:
    """Without times and packets, which depend on the cuts."""
    found: list[tuple[object, ...]] = []
    for exchange in exchanges:
        for message in (exchange.request, exchange.response):
            if message is not None:
                said = (message.headers, message.trailers, message.body, message.complete)
                found.append((type(message).__name__, *said))
        found.append((exchange.is_reset,))
    return found


HTTP2 = Target(
    name="http2",
    promise="However the frames are cut, the exchanges are the same; bodies hold nothing that was not sent.",
    grow=grow_http2,
    check=check_http2,
)
