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

    async def copy(source: Stream, sink: Stream) -> None:
        while data := await source.read():
            await sink.write(data)
            limit.reschedule(loop.time() + idle_s)
        await sink.write_eof()

    async with asyncio.timeout(idle_s) as limit:
        copies = [asyncio.ensure_future(copy(one, other)), asyncio.ensure_future(copy(other, one))]
        try:
            await asyncio.gather(*copies)
        finally:
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
