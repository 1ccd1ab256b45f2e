"""TCP streams on the kernel wire: how they end, and what they do when the other side does not read."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from harness.net.address import Endpoint
from harness.world.host import Serve, Stream
from harness.world.recorder.recorder import Recorder
from harness.world.recorder.recording import Recording
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode
from tests.world.private_world import FIN, NODE1, RST, SECOND, Live, finish, segments, site_plan

SIZE = 4 * 1024 * 1024
CHUNK = bytes(range(256)) * 256
PUSHED = 512
"""32 MiB: more than both ends' socket buffers may grow to."""


class Line:
    """A wire with one connection from node2 to node1, recorded."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def __aenter__(self) -> Stream:
        self.wire = await KernelWire.build(site_plan())
        self.recorder = Recorder(self.wire.taps)
        self.recorder.start()
        await self.wire.host("node1").listen(443, self._serve)
        return await self.wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)

    async def __aexit__(self, *_: object) -> None:
        self.recording: Recording = await finish(self.recorder)
        await self.wire.close()

    @property
    def flags(self) -> int:
        """All TCP flags seen, in one."""
        seen = 0
        for segment in segments(self.recording):
            seen |= segment.flags
        return seen


async def _read_all(stream: Stream) -> bytes:
    data = bytearray()
    while more := await stream.read():
        data += more
    return bytes(data)


async def _half_close(_: Mode) -> tuple[bytes, int]:
    async def answer_after_the_end(stream: Stream) -> None:
        await stream.write(b"answer to " + await _read_all(stream))

    line = Line(answer_after_the_end)
    async with line as stream:
        await stream.write(b"question")
        await stream.write_eof()
        answer = await _read_all(stream)
        await stream.close()
    return answer, line.flags & RST


def test_a_half_closed_stream_still_reads(live: Live) -> None:
    """After write_eof the peer sees the end and its answer still arrives; no RST."""
    assert live(_half_close) == (b"answer to question", 0)


async def _write_for_ever(stream: Stream) -> None:
    while True:
        await stream.write(b"x")
        await asyncio.sleep(0)


async def _reset(_: Mode) -> tuple[bytes, str, str, int]:
    async def answer_and_abort(stream: Stream) -> None:
        await stream.write(b"last words")
        stream.abort()

    line = Line(answer_and_abort)
    async with line as stream:
        # Let the reset arrive before reading: what came earlier must still be there.
        with pytest.raises(ConnectionError):
            await _write_for_ever(stream)
        read = await stream.read()
        with pytest.raises(ConnectionError) as reading:
            await stream.read()
        with pytest.raises(ConnectionError) as writing:
            await stream.write(b"too late")
        await stream.close()
    return (
        read,
        type(reading.value).__name__,
        type(writing.value).__name__,
        line.flags & (FIN | RST),
    )


def test_a_reset_gives_what_came_before_it(live: Live) -> None:
    """Bytes before an RST are read; then reading and writing raise ConnectionError; no FIN was sent."""
    read, reading, writing, flags = live(_reset)

    assert read == b"last words"
    assert {reading, writing} <= {"ConnectionResetError", "BrokenPipeError"}
    assert flags == RST


async def _end_after_a_reset(_: Mode, act: str) -> str:
    accepted: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def hold(stream: Stream) -> None:
        accepted.set_result(stream)
        await ended.wait()

    async with Line(hold) as stream:
        (await accepted).abort()
        # The reset goes out in this turn of the loop, which looks at this end's socket in the next one.
        await asyncio.sleep(0)
        try:
            await getattr(stream, act)()
        except OSError as error:
            return type(error).__name__
        finally:
            ended.set()
    return "ended"


@pytest.mark.parametrize(
    ("act", "expected"), [("close", "ended"), ("write_eof", "ConnectionResetError")]
)
def test_a_reset_of_which_nobody_has_told_is_one(live: Live, act: str, expected: str) -> None:
    """The kernel knows of it before the loop does: closing ends in order, a FIN cannot be sent any more."""
    assert live(_end_after_a_reset, act) == expected


async def _close_unread(_: Mode, server_first: bool) -> int:
    closed = asyncio.Event()

    async def talk(stream: Stream) -> None:
        await stream.write(b"greeting nobody reads")
        if not server_first:
            await closed.wait()

    line = Line(talk)
    async with line as stream:
        closing = asyncio.create_task(stream.close())
        closed.set()
        await closing
    return line.flags


@pytest.mark.parametrize("server_first", [True, False])
def test_close_sends_no_reset(live: Live, server_first: bool) -> None:
    """Whoever closes first, with bytes unread: FIN both ways and no RST."""
    assert live(_close_unread, server_first) & (FIN | RST) == FIN


async def _close_silent_peer(_: Mode) -> float:
    asked = asyncio.Event()

    async def stay(_: Stream) -> None:
        await asked.wait()

    line = Line(stay)
    async with line as stream:
        before = asyncio.get_running_loop().time()
        await stream.close()
        took = asyncio.get_running_loop().time() - before
        asked.set()
    return took


def test_close_does_not_wait_for_ever(live: Live) -> None:
    """A peer that never ends is waited for one second."""
    assert 0.9 < live(_close_silent_peer) < 5


async def _transfer(_: Mode) -> tuple[str, list[int], int, int]:
    digest: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def swallow(stream: Stream) -> None:
        digest.set_result(hashlib.sha256(await _read_all(stream)).hexdigest())

    line = Line(swallow)
    async with line as stream:
        for _chunk in range(SIZE // len(CHUNK)):
            await stream.write(CHUNK)
        await stream.close()
        received = await digest
    frames = [f.data for f in line.recording.frames]
    bad = sum(1 for data in frames if _checksum(data[14:34]) != 0)
    bad_tcp = sum(1 for data in frames if _tcp_checksum(data) != 0)
    return (
        received,
        [max(map(len, frames)), len({f.size - len(f.data) for f in line.recording.frames})],
        bad,
        bad_tcp,
    )


def _checksum(data: bytes) -> int:
    """RFC 1071; 0 over a header that carries a right one."""
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0")) for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _tcp_checksum(frame: bytes) -> int:
    """Over the pseudo header (RFC 9293 section 3.1); the number modulo 65535 is the same sum, faster."""
    end = 14 + int.from_bytes(frame[16:18])
    segment = frame[34:end]
    pseudo = frame[26:34] + b"\0\6" + len(segment).to_bytes(2)
    return int.from_bytes(pseudo + segment + b"\0" * (len(segment) % 2)) % 0xFFFF


def test_a_big_transfer_is_whole_and_looks_like_a_wire(live: Live) -> None:
    """Megabytes arrive unchanged in frames of at most 1514 bytes, kept whole, with right checksums."""
    digest, sizes, bad_ip, bad_tcp = live(_transfer)

    assert digest == hashlib.sha256(CHUNK * (SIZE // len(CHUNK))).hexdigest()
    assert sizes == [1514, 1]
    assert (bad_ip, bad_tcp) == (0, 0)


async def _push_back(_: Mode) -> tuple[bool, int, int]:
    reading = asyncio.Event()
    total = 0

    async def read_when_told(stream: Stream) -> None:
        nonlocal total
        await reading.wait()
        total = len(await _read_all(stream))

    line = Line(read_when_told)
    async with line as stream:
        written = 0

        async def push() -> None:
            nonlocal written
            for _chunk in range(PUSHED):
                await stream.write(CHUNK)
                written += len(CHUNK)
            await stream.write_eof()

        pushing = asyncio.create_task(push())
        done, _waiting = await asyncio.wait((pushing,), timeout=0.5)
        stuck_at = written
        reading.set()
        await pushing
        await stream.close()
    return not done, stuck_at, total


def test_writing_waits_for_the_reader(live: Live) -> None:
    """A peer that does not read stops the writer long before everything is sent; reading lets it go on."""
    waited, stuck_at, total = live(_push_back)

    assert waited
    assert stuck_at < PUSHED * len(CHUNK) // 2
    assert total == PUSHED * len(CHUNK)
