"""A TCP connection as a Stream: bytes both ways, with back-pressure, FIN and RST under the actor's control.

Not asyncio's own streams, because those throw away what had arrived before a reset.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import cast

from harness.net.address import Endpoint

_READ_AHEAD_BYTES = 256 * 1024
"""More unread bytes than this stop the reading, so that the peer's window fills up."""
_CLOSE_SECONDS = 1.0
"""How long `close` reads for the peer's FIN (the contract of Stream.close)."""


def endpoint_of(name: tuple[str, int] | tuple[str, int, int, int]) -> Endpoint:
    """What getsockname and getpeername give, as an Endpoint."""
    return Endpoint(ip_address(name[0]), name[1])


class TcpStream(asyncio.Protocol):
    """One end of a connection; made by asyncio around a connected socket."""

    def __init__(
        self, *, opened: Callable[[TcpStream], None], lost: Callable[[TcpStream], None]
    ) -> None:
        """Args: `opened` is called once the stream can be used, `lost` when its socket is closed."""
        self._opened, self._lost = opened, lost
        self._buffer = bytearray()
        self._end = False
        self._paused = False
        self._full = False
        self._error: ConnectionError | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._closed = asyncio.get_running_loop().create_future()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the transport is there."""
        self._transport = cast(asyncio.Transport, transport)
        # No buffer of our own: a write that is done has reached the kernel.
        self._transport.set_write_buffer_limits(high=0)
        self._local = endpoint_of(transport.get_extra_info("sockname"))
        self._peer = endpoint_of(transport.get_extra_info("peername"))
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self._buffer += data
        if len(self._buffer) > _READ_AHEAD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """asyncio: FIN came; writing goes on."""
        self._end = True
        self._wake()
        return True

    def pause_writing(self) -> None:
        """asyncio: the kernel's send buffer is full."""
        self._full = True

    def resume_writing(self) -> None:
        """asyncio: everything is with the kernel."""
        self._full = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the socket is about to be closed."""
        if exc is not None:
            self._save_unread()
        if isinstance(exc, ConnectionError):
            self._error = exc
        elif self._error is None:
            why = "closed at this end" if exc is None else str(exc)
            self._error = ConnectionResetError(
                errno.ECONNRESET, f"connection to {self._peer}: {why}"
            )
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()
        self._lost(self)

    def _save_unread(self) -> None:
        """A write that meets an RST ends the transport; what the kernel still holds came before that RST."""
        fd = self._transport.get_extra_info("socket").fileno()
        with suppress(OSError):
            while data := os.read(fd, 65536):
                self._buffer += data

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _change(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    # the actor's side

    @property
    def local(self) -> Endpoint:
        """This end, as in its packets."""
        return self._local

    @property
    def peer(self) -> Endpoint:
        """The other end."""
        return self._peer

    async def read(self, limit: int = 65536) -> bytes:
        """See Stream.read; bytes that came before a reset are still given."""
        while not self._buffer:
            if self._end:
                return b""
            if self._error is not None:
                raise self._error
            await self._change()
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        if self._paused and len(self._buffer) <= _READ_AHEAD_BYTES // 2:
            self._resume()
        return data

    def _resume(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    async def write(self, data: bytes) -> None:
        """See Stream.write; done when the kernel has all of it."""
        if self._error is not None:
            raise self._error
        if self._transport.is_closing():
            raise BrokenPipeError(
                errno.EPIPE, f"{os.strerror(errno.EPIPE)}: to {self._peer}, closed at this end"
            )
        self._transport.write(data)
        while self._full and self._error is None:
            await self._change()
        if self._error is not None:
            raise self._error

    async def write_eof(self) -> None:
        """See Stream.write_eof."""
        if self._error is not None:
            raise self._error
        self._send_fin()

    def _send_fin(self) -> None:
        """As soon as everything written is on its way.

        Raises:
            ConnectionResetError: a reset is here of which the loop has not told yet.
        """
        try:
            self._transport.write_eof()
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            raise ConnectionResetError(
                errno.ECONNRESET, f"{os.strerror(errno.ECONNRESET)} by {self._peer}"
            ) from error

    async def close(self) -> None:
        """See Stream.close."""
        try:
            if self._error is None and not self._transport.is_closing():
                self._send_fin()
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._discard()
        except (TimeoutError, ConnectionError):
            pass  # The peer did not end in order; then this end does not wait for it.
        finally:
            # Not `close`, which would wait for ever for a peer that does not read.
            self._transport.abort()
        await asyncio.shield(self._closed)

    async def _discard(self) -> None:
        while not self._end and self._error is None:
            self._buffer.clear()
            if self._paused:
                self._resume()
            await self._change()
        while self._transport.get_write_buffer_size() and self._error is None:
            await self._change()

    def abort(self) -> None:
        """See Stream.abort."""
        if self._error is None:
            raw = self._transport.get_extra_info("socket")
            # SO_LINGER with a time of zero: closing sends RST (RFC 9293 section 3.10.5, ABORT).
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
            self._transport.abort()
