"""Growth: four times the input may take four times the work, not sixteen. Every reader, with input that repeats.

Measured in processor time at two sizes, and only believed when a second, larger pair says the same.
"""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Callable

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.target import Target
from harness.capture.annotation import decode_annotations
from harness.capture.keylog import parse_keylog
from harness.capture.pcapng import read_blocks
from harness.decode.http.http1 import HttpDecoder
from harness.decode.layers import LayerStack
from harness.decode.tcp.reassembly import Reassembler
from harness.decode.tls.session import TlsDecoder
from harness.net.allow_list import AllowList, AllowListError
from harness.scenario.yaml import ScenarioError, load_scenario
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side
from tests.packet_builder import build_capture

from fuzz.targets.tcp import segment  # isort: skip

_ENOUGH_S = 0.4
"""Below this nobody has to wait, whatever the curve."""
_STEEP = 9.0
"""Between linear (4) and quadratic (16), with room for noise."""
_SIZES = (16, 64, 256)
"""Kilobytes: two pairs of neighbours."""

_UNITS: tuple[bytes, ...] = (
    b"a",
    b"\n",
    b"\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"A: b\r\n",
    b"1\r\nx\r\n",
    b"0\r\n\r\n",
)
_UNITS += (b"\x16\x03\x03\x00\x01\x01", b"\x17\x03\x03\x00\x10" + bytes(16), b"\x16", b"\x16\x03")
_UNITS += (b"\x17\x03\x03\x40\x00", b"\x15\x03\x03\x00\x02\x01\x00", b"\x14\x03\x03\x00\x01\x01")
_UNITS += (
    b"\x06\0\0\0\x10\0\0\0\0\0\0\0\x10\0\0\0",
    b"\x06\0\0\0",
    b"\x0a\x0d\x0d\x0a",
    b"\x01\0\0\0",
)
_UNITS += (b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n")
_UNITS += (b"- ", b"a: 1\n", b"[", b"{", b"*a ", b"&a ", b'"', b"# x\n", b"10.0.0.1;", b"; ", b" ")
_UNITS += (b"CLIENT_RANDOM " + b"aa" * 32 + b" bb\n", b"RSA x y\n", b"HEAD / HTTP/1.1\r\n\r\n")
_PREFIXES: tuple[bytes, ...] = (
    b"",
    b"GET / HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
)
_PREFIXES += (
    b"HTTP/1.1 200 OK\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"scenario: ",
)
_PREFIXES += (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"x:\n", b"site: {fqdn: [")
_PIECES = (1, 3, 50, 1400, 65536)


def grow_growth(choices: Choices) -> bytes:
    """A reader, what is repeated, and how it is cut."""
    reader = choices.pick(tuple(READERS))
    unit = choices.pick(_UNITS)
    if choices.rarely():
        unit = choices.take(choices.below(12) + 1) or unit
    return pack(
        [
            reader,
            choices.pick(_PREFIXES),
            unit,
            choices.pick(_PIECES),
            choices.pick(("client", "server")),
        ]
    )


def _seen(number: int) -> Seen:
    return Seen(time_ns=number, packets=(PacketNumber(number),))


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def _read_file(data: bytes, piece: int, side: Side) -> None:
    for _ in read_blocks(io.BytesIO(data)):
        pass


def _read_damaged(data: bytes, piece: int, side: Side) -> None:
    whole = build_capture([b"\0" * 60] * 5).getvalue()
    _read_file(whole + data + whole, piece, side)


def _read_http(data: bytes, piece: int, side: Side) -> None:
    decoder = HttpDecoder()
    for number, part in enumerate(_pieces(data, piece), 1):
        decoder.feed(side, part, _seen(number))
    decoder.end(client_closed=True, server_closed=True)


def _read_tls(data: bytes, piece: int, side: Side) -> None:
    decoder = TlsDecoder(parse_keylog(b""))
    for number, part in enumerate(_pieces(data, piece), 1):
        decoder.feed(side, part, PacketNumber(number), number)
    decoder.finish()


def _read_layers(data: bytes, piece: int, side: Side) -> None:
    stack = LayerStack(parse_keylog(b""))
    for number, part in enumerate(_pieces(data, piece), 1):
        stack.feed(side, part, PacketNumber(number), number)
    stack.finish(client_closed=True, server_closed=True)


def _read_segments(data: bytes, piece: int, side: Side) -> None:
    """The bytes are not content but order: small segments ahead of, behind and over one another."""
    reassembler = Reassembler(lambda: LayerStack(parse_keylog(b"")))
    number = 1
    for value in data[: len(data) // 8]:
        step = [int(side == "server"), 1 + number * 3 + (value - 128) * 40, 0, 16, 3 + value % 5]
        step += [step[4], value & 1, 0]
        reassembler.feed("dmz", segment(number, [0, 0], step, number))
        number += 1
    for _ in reassembler.finish():
        pass


def _read_keylog(data: bytes, piece: int, side: Side) -> None:
    parse_keylog(data)


def _read_scenario(data: bytes, piece: int, side: Side) -> None:
    try:
        load_scenario(data[: len(data) // 8].decode("utf-8", "replace"), name="fuzz.yaml")
    except ScenarioError as error:
        str(error)


def _read_allow_list(data: bytes, piece: int, side: Side) -> None:
    try:
        AllowList.parse(data.decode("latin-1"))
    except AllowListError as error:
        str(error)


def _read_comments(data: bytes, piece: int, side: Side) -> None:
    text = data.decode("latin-1")
    count = len(text) // 64
    decode_annotations(f"certproxy-harness x {i + 1}/{count}\n{text[:60]}" for i in range(count))


READERS: dict[str, Callable[[bytes, int, Side], None]] = {
    "file": _read_file,
    "damaged": _read_damaged,
    "http": _read_http,
    "tls": _read_tls,
    "layers": _read_layers,
    "segments": _read_segments,
    "keylog": _read_keylog,
    "scenario": _read_scenario,
    "allow_list": _read_allow_list,
    "comments": _read_comments,
}


def check_growth(material: bytes) -> None:
    """The time grows with the size, and not with its square."""
    reader, prefix, unit, piece, side = unpack(material)

    def measure(kilobytes: int) -> float:
        size = kilobytes << 10
        data = prefix + unit * (size // len(unit))
        gc.collect()
        begin = time.process_time()
        READERS[reader](data, piece, side)
        return time.process_time() - begin

    small = measure(_SIZES[0])
    middle = measure(_SIZES[1])
    if middle < _ENOUGH_S / 16 or middle < small * _STEEP / 1.5:
        return
    large = measure(_SIZES[2])
    again = measure(_SIZES[1])
    steep = large / max(again, 1e-6)
    assert large < _ENOUGH_S or steep < _STEEP, (
        f"{reader}: {again:.3f} s for {_SIZES[1]} KB, {large:.3f} s for {_SIZES[2]} KB of {unit!r} by {piece}"
    )


GROWTH = Target(
    name="growth",
    promise="Work grows with the size of the input, whatever is repeated in it.",
    grow=grow_growth,
    check=check_growth,
    max_size=64,
    is_guided=False,
    patience_s=60.0,
)
