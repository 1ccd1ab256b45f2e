"""The connections that an actor serves: bounded in number, ended in order or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from harness.net.address import Address
from harness.world.host import Host, Listener, Stream

LIMIT = 4096
"""Connections of one actor at the same time; one more is reset at once."""


class Connections:
    """The listeners of one actor, and every connection they accepted."""

    def __init__(self, host: Host, *, timeout_ns: int, limit: int = LIMIT) -> None:
        """Nothing listens yet; `timeout_ns` is how long `stop` waits."""
        self._host = host
        self._timeout_ns = timeout_ns
        self._limit = limit
        self._listeners: list[Listener] = []
        self._running: dict[asyncio.Task[None], Stream] = {}
        self._failures: list[Exception] = []

    async def listen(
        self,
        port: int,
        serve: Callable[[Stream], Awaitable[None]],
        *,
        accept_from: tuple[Address, ...] | None = None,
    ) -> None:
        """Serve a port. A connection may end with ConnectionError or TimeoutError; anything else is a bug of ours."""

        async def guarded(stream: Stream) -> None:
            if len(self._running) >= self._limit:
                stream.abort()
                return
            await self._watch(stream, serve)

        self._listeners.append(await self._host.listen(port, guarded, accept_from=accept_from))

    async def _watch(self, stream: Stream, serve: Callable[[Stream], Awaitable[None]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = stream
        try:
            await serve(stream)
        except (ConnectionError, TimeoutError):
            # The peer's doing, and in the packets; whoever served has closed what is above this stream.
            pass
        except Exception as error:  # noqa: BLE001 (kept, and raised again by `stop`)
            self._failures.append(error)
            stream.abort()
        finally:
            del self._running[task]

    async def kill(self) -> None:
        """Stop listening and reset everything at once, as the kernel does for a process that is killed."""
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        running = tuple(self._running.items())
        for task, stream in running:
            stream.abort()
            task.cancel()
        if running:
            await asyncio.wait(tuple(task for task, _ in running), timeout=1)

    async def stop(self) -> None:
        """Stop listening, wait for what is running, and reset what is left after the time-out.

        Raises:
            ExceptionGroup: a connection met a bug of ours.
        """
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=self._timeout_ns / 1e9)
        for task, stream in tuple(self._running.items()):
            stream.abort()
            task.cancel()
        if self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait(tuple(self._running), timeout=1)
        if self._failures:
            failures, self._failures = self._failures, []
            raise ExceptionGroup(f"connections of {self._host.name}", failures)
