"""A simulated TCP connection as a Stream: the application's side of one end."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable

from harness.net.address import Endpoint
from harness.world.wire.sim_state import State
from harness.world.wire.sim_tcp import TcpEnd

_SEND_BUFFER_BYTES = 256 * 1024
"""`write` is done when no more than this waits to be acknowledged."""
_CLOSE_SECONDS = 1.0
"""How long `close` reads for the peer's FIN (the contract of Stream.close)."""


class SimStream:
    """One end of a connection that is established."""

    def __init__(
        self,
        end: TcpEnd,
        *,
        local: Endpoint,
        peer: Endpoint,
        lost: Callable[[SimStream], None],
    ) -> None:
        """Take over an end; `lost` is called once, when the application has let go or the connection broke."""
        self._end = end
        self._local, self._peer = local, peer
        self._lost = lost
        self._is_released = False
        self._is_write_ended = False
        self._waiters: list[tuple[asyncio.Future[None], Callable[[], bool]]] = []
        """Each with what it waits for."""
        end.changed = self._wake

    @property
    def local(self) -> Endpoint:
        """This end, as in its packets."""
        return self._local

    @property
    def peer(self) -> Endpoint:
        """The other end."""
        return self._peer

    def _wake(self) -> None:
        # Most news is an acknowledgement, for which nobody waits.
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter, is_due in waiters:
                if waiter.done():
                    continue
                if is_due():
                    waiter.set_result(None)
                else:
                    self._waiters.append((waiter, is_due))

    async def _wait(self, is_due: Callable[[], bool]) -> None:
        """Wait for news after which this holds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((waiter, is_due))
        await waiter

    def _has_failed(self) -> bool:
        return self._is_released or self._end.error is not None

    def _can_read(self) -> bool:
        receiver = self._end.receiver
        return bool(receiver.unread) or receiver.is_ended or self._has_failed()

    def _can_write(self) -> bool:
        return self._end.sender.pending <= _SEND_BUFFER_BYTES or self._has_failed()

    def _can_discard(self) -> bool:
        return self._can_read() or self._end.state is State.CLOSED

    @property
    def _failure(self) -> ConnectionError | None:
        end = self._end
        if end.error is None and not self._is_released:
            return None
        if end.error is not None:
            return type(end.error)(
                end.error.errno, f"connection to {self._peer}: {end.error.strerror}"
            )
        return ConnectionResetError(
            errno.ECONNRESET, f"connection to {self._peer}: closed at this end"
        )

    async def read(self, limit: int = 65536) -> bytes:
        """See Stream.read; bytes that came before a reset are still given."""
        receiver = self._end.receiver
        while not receiver.unread:
            if receiver.is_ended:
                return b""
            if (failure := self._failure) is not None:
                raise failure
            await self._wait(self._can_read)
        return self._end.read(limit)

    async def write(self, data: bytes) -> None:
        """See Stream.write; done when the rest fits the send buffer."""
        if (failure := self._failure) is not None:
            raise failure
        if self._is_write_ended:
            raise BrokenPipeError(
                errno.EPIPE, f"{os.strerror(errno.EPIPE)}: to {self._peer}, ended at this end"
            )
        if data:
            self._end.write(data)
        while self._end.sender.pending > _SEND_BUFFER_BYTES:
            if (failure := self._failure) is not None:
                raise failure
            await self._wait(self._can_write)

    async def write_eof(self) -> None:
        """See Stream.write_eof."""
        if (failure := self._failure) is not None:
            raise failure
        self._is_write_ended = True
        self._end.end()

    async def close(self) -> None:
        """See Stream.close."""
        try:
            if self._failure is None:
                self._is_write_ended = True
                self._end.end()
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._discard()
        except TimeoutError:
            pass  # The peer did not end in order; then this end does not wait for it.
        finally:
            self._release(self._end.release)

    async def _discard(self) -> None:
        end = self._end
        while not end.receiver.is_ended and end.error is None and end.state is not State.CLOSED:
            if end.receiver.unread:
                end.read(len(end.receiver.unread))
            await self._wait(self._can_discard)

    def abort(self) -> None:
        """See Stream.abort."""
        self._release(self._end.abort)

    def _release(self, let_go: Callable[[], None]) -> None:
        if not self._is_released:
            self._is_released = True
            let_go()
            self._wake()
            self._lost(self)
