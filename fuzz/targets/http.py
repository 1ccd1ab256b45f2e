"""HTTP/1.1: requests and answers out of a grammar with the ambiguous forms in it, cut anywhere, with holes."""

from __future__ import annotations

from dataclasses import replace

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import interleave
from fuzz.target import Target
from harness.decode.http.http1 import HttpDecoder, TunnelBytes
from harness.trace.http import Exchange, Malformed, Message
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

_METHODS = (b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS", b"PUT", b"get", b"G\0T", b"")
_TARGETS = (b"/", b"/certificate/40001", b"a.example:443", b"*", b"http://a/b", b"/a b", b"")
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"")
_ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n")
_STATUS = (b"200", b"200", b"204", b"304", b"100", b"101", b"407", b"502", b"20", b"999", b"abc")
_FIELDS = (
    b"Host: a",
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding : chunked",
    b"Connection: close",
    b"Connection: RemotePort",
    b"Upgrade: x",
    b"RemotePort: 40001",
    b"X-Forwarded-For: 10.0.0.1, 10.0.0.2",
    b" folded",
    b"no colon",
    b": empty",
    b"A\0B: c",
    b"A: \x80\xff",
)
_BODIES = (
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;a=b\r\nhello\r\n0\r\nT: v\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello",
    b"",
    b"0\r\n\r\n",
)


def grow_http(choices: Choices) -> bytes:
    """Both sides of a connection in pieces; holes have a size, or none."""
    sides: dict[Side, bytes] = {"client": b"", "server": b""}
    for _ in range(choices.below(4) + 1):
        sides["client"] += _message(choices, is_request=True)
        sides["server"] += _message(choices, is_request=False)
    return pack([interleave(sides, choices, most=3), choices.flag(), choices.flag()])


def _message(choices: Choices, *, is_request: bool) -> bytes:
    end = choices.pick(_ENDS)
    if is_request:
        words = (choices.pick(_METHODS), choices.pick(_TARGETS), choices.pick(_VERSIONS))
    else:
        words = (choices.pick(_VERSIONS), choices.pick(_STATUS), b"OK")
    fields = [choices.pick(_FIELDS) for _ in range(choices.below(6))]
    return b" ".join(words) + end + b"".join(f + end for f in fields) + end + choices.pick(_BODIES)


def _decode(
    parts: list[tuple[Side, bytes | int | None]], *, closed: tuple[bool, bool]
) -> tuple[HttpDecoder, list[TunnelBytes]]:
    decoder = HttpDecoder()
    tunnel: list[TunnelBytes] = []
    for number, (side, part) in enumerate(parts, 1):
        seen = Seen(time_ns=number, packets=(PacketNumber(number),))
        if isinstance(part, bytes):
            tunnel += decoder.feed(side, part, seen)
        else:
            tunnel += decoder.gap(side, part, seen)
    decoder.end(client_closed=closed[0], server_closed=closed[1])
    return decoder, tunnel


def check_http(material: bytes) -> None:
    """However the bytes are cut, the exchanges are the same; nothing is in them that was not sent."""
    parts, *ends = unpack(material)
    closed = (bool(ends[0]), bool(ends[1]))
    decoder, tunnel = _decode(parts, closed=closed)
    has_gap = any(not isinstance(p, bytes) for _, p in parts)
    for side, kept in (("client", "request"), ("server", "response")):
        sent = b"".join(p for who, p in parts if who == side and isinstance(p, bytes))
        messages = [m for e in decoder.exchanges() if (m := getattr(e, kept)) is not None]
        seen = sum(m.body_size for m in messages)
        assert has_gap or seen <= len(sent)
        assert all(len(m.body) <= len(sent) for m in messages)
        through = b"".join(t.data for t in tunnel if t.side == side)
        assert has_gap or sent.endswith(through)
    assert all(e.request or e.response for e in decoder.exchanges())
    if has_gap:
        return  # After a hole a message is believed only where a segment begins with one.
    again, more = _decode(_bytewise(parts), closed=closed)
    assert _plain(again.exchanges()) == _plain(decoder.exchanges()), "cut otherwise, read otherwise"
    assert _told(again.malformed()) == _told(decoder.malformed()), "cut otherwise, told otherwise"
    assert _joined(more) == _joined(tunnel)


def _bytewise(
    parts: list[tuple[Side, bytes | int | None]],
) -> list[tuple[Side, bytes | int | None]]:
    """The same bytes in the same order, one by one."""
    out: list[tuple[Side, bytes | int | None]] = []
    for side, part in parts:
        if isinstance(part, bytes):
            out += [(side, part[i : i + 1]) for i in range(len(part))]
        else:
            out.append((side, part))
    return out


def _plain(exchanges: tuple[Exchange, ...]) -> list[tuple[Message | None, Message | None]]:
    return [(_bare(e.request), _bare(e.response)) for e in exchanges]


def _bare(message: Message | None) -> Message | None:
    """Without times and packets, which depend on the cuts."""
    return (
        None if message is None else replace(message, first_ns=0, last_ns=0, packets=())  # as sent
    )


def _told(malformed: tuple[Malformed, ...]) -> list[tuple[str, str]]:
    return [(m.sender, m.message) for m in malformed]


def _joined(tunnel: list[TunnelBytes]) -> dict[str, bytes]:
    return {
        side: b"".join(t.data for t in tunnel if t.side == side) for side in ("client", "server")
    }


HTTP = Target(
    name="http",
    promise="The cuts of the bytes do not change what is read; no body has more than was sent.",
    grow=grow_http,
    check=check_http,
)
