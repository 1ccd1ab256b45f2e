"""Two streams joined back to back in memory, with a window, FIN and RST."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address

from harness.net.address import Endpoint

CLIENT = Endpoint(IPv4Address("203.0.113.10"), 40000)
SERVER = Endpoint(IPv4Address("10.20.0.10"), 443)

_WINDOW_BYTES = 1 << 18


class MemoryStream:
    """One end; implements world.host.Stream."""

    def __init__(self, local: Endpoint, peer: Endpoint) -> None:
        """Use `connect_memory` instead."""
        self.local = local
        self.peer = peer
        self.sent = bytearray()
        """Everything ever written at this end."""
        self.is_closed = False
        self.is_aborted = False
        self.close_timeout_s = 1.0
        self._other: MemoryStream = self
        self._buffer = bytearray()
        self._is_at_eof = False
        self._is_reset = False
        self._is_eof_sent = False
        self._changed = asyncio.Event()
        self._is_next_altered = False
        self._held_size: int | None = None
        self._held = bytearray()

    def alter_next_write(self) -> None:
        """Flip the last bit of the next bytes on their way."""
        self._is_next_altered = True

    def hold_back(self, size: int) -> None:
        """Deliver only so many of the bytes to come, until `let_go`."""
        self._held_size = size

    def let_go(self) -> None:
        """Deliver what was held back."""
        self._held_size = None
        self._other._buffer += self._held
        self._held.clear()
        self._other._wake()

    def _wake(self) -> None:
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def read(self, limit: int = 65536) -> bytes:
        """Wait for bytes, FIN or RST."""
        while True:
            if self._is_reset:
                raise ConnectionResetError(f"{self.peer} reset the connection")
            if self._buffer:
                data = bytes(self._buffer[:limit])
                del self._buffer[:limit]
                self._other._wake()
                return data
            if self._is_at_eof:
                return b""
            await self._wait()

    async def write(self, data: bytes) -> None:
        """Put bytes into the other end's buffer, waiting while it is full."""
        view = memoryview(data)
        while view:
            if self._is_reset or self.is_aborted:
                raise ConnectionResetError(f"{self.peer} reset the connection")
            if self._is_eof_sent:
                raise BrokenPipeError("write after FIN")
            room = _WINDOW_BYTES - len(self._other._buffer)
            if room <= 0:
                await self._wait()
                continue
            self.sent += view[:room]
            self._deliver(bytearray(view[:room]))
            view = view[room:]
            self._other._wake()

    def _deliver(self, data: bytearray) -> None:
        if self._is_next_altered:
            self._is_next_altered = False
            data[-1] ^= 1
        if self._held_size is not None:
            passed, kept = data[: self._held_size], data[self._held_size :]
            self._held_size -= len(passed)
            self._held += kept
            data = passed
        self._other._buffer += data

    async def write_eof(self) -> None:
        """Send FIN."""
        self._is_eof_sent = True
        self._other._is_at_eof = True
        self._other._wake()

    async def close(self) -> None:
        """FIN, then read to the other end's FIN for at most a second."""
        self.is_closed = True
        if self.is_aborted or self._is_reset:
            return
        await self.write_eof()
        try:
            async with asyncio.timeout(self.close_timeout_s):
                while await self.read():
                    pass
        except (TimeoutError, ConnectionError):
            return

    def abort(self) -> None:
        """RST."""
        self.is_aborted = True
        self._other._is_reset = True
        self._other._wake()
        self._wake()


def connect_memory(
    *, client: Endpoint = CLIENT, server: Endpoint = SERVER
) -> tuple[MemoryStream, MemoryStream]:
    """Return the client's and the server's end of a new connection."""
    near, far = MemoryStream(client, server), MemoryStream(server, client)
    near._other, far._other = far, near
    return near, far
