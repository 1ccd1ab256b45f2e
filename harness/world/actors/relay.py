"""The relay: bytes of two streams, both ways, with half-close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.world.host import Stream
from harness.world.tls.alert import TlsError


async def relay(one: Stream, other: Stream, *, idle_ns: int) -> None:
    """Copy until both directions have ended; then both streams may be closed in order.

    Args:
        one: a stream.
        other: the stream it is joined to.
        idle_ns: with no byte either way for so long, it ends.

    Raises:
        ConnectionError: a stream broke.
        TimeoutError: nobody said anything for `idle_ns`.
    """
    loop = asyncio.get_running_loop()
    idle_s = idle_ns / 1e9
    heard_s = loop.time()

    async def copy(source: Stream, sink: Stream) -> None:
        nonlocal heard_s
        while data := await source.read():
            await sink.write(data)
            heard_s = loop.time()
        await sink.write_eof()

    watch: asyncio.TimerHandle | None = None

    def look() -> None:
        # One timer that looks back, and not another one for each piece.
        nonlocal watch
        end_s = heard_s + idle_s
        if loop.time() < end_s:
            watch = loop.call_at(end_s, look)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        look()
        copies = [asyncio.ensure_future(copy(one, other)), asyncio.ensure_future(copy(other, one))]
        try:
            await asyncio.gather(*copies)
        finally:
            if watch is not None:
                watch.cancel()
            for task in copies:
                task.cancel()
            await asyncio.gather(*copies, return_exceptions=True)


async def join(
    one: Stream, other: Stream, *, idle_ns: int, ended: Callable[[], None] = lambda: None
) -> None:
    """Relay, then end both streams: in order, but with RST where one was reset or both fell silent.

    `ended` is called as soon as nothing is relayed any more, before the streams are closed.
    """
    try:
        await relay(one, other, idle_ns=idle_ns)
    except TlsError:
        # The peer of one end refused or gave up; the other end is told in order that nothing more comes.
        pass
    except (ConnectionError, TimeoutError):
        one.abort()
        other.abort()
        return
    finally:
        ended()
    await asyncio.gather(one.close(), other.close())
