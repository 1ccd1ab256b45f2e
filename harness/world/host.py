"""What an actor may touch: its Host, and the streams it gets from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.net.address import Address, Endpoint


class NoPortError(ConnectionError):
    """Every local port of this host is in use toward that server: its range is used up."""


class Clock(Protocol):
    """The only time an actor knows."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...

    async def sleep(self, duration_ns: int) -> None:
        """Let time pass."""
        ...


class Stream(Protocol):
    """A byte stream both ways: a TCP connection, or TLS over one. A broken one raises ConnectionError."""

    @property
    def local(self) -> Endpoint:
        """This end, as in its packets."""
        ...

    @property
    def peer(self) -> Endpoint:
        """The other end."""
        ...

    async def read(self, limit: int = 65536) -> bytes:
        """At least one byte and at most `limit`; b"" at the peer's end of stream."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of it, waiting while the peer's window is full."""
        ...

    async def write_eof(self) -> None:
        """Send FIN (or close_notify); reading goes on."""
        ...

    async def close(self) -> None:
        """End in order: FIN, then read to the peer's end for at most a second, so that no RST is sent."""
        ...

    def abort(self) -> None:
        """End at once with RST."""
        ...


class Listener(Protocol):
    """A listening port."""

    @property
    def local(self) -> Endpoint:
        """Where it listens."""
        ...

    async def close(self) -> None:
        """Stop accepting; connections already accepted go on."""
        ...


Serve = Callable[[Stream], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of others that serves on a machine."""

    command: tuple[str, ...]
    """Its path and its arguments; it must stay in the foreground, as one process."""
    files: Mapping[str, str]
    """What stands in the folder in which it runs: name to text. Nobody else may read it."""
    listens: tuple[Endpoint, ...]
    """Where it accepts connections as soon as it is ready."""


class RunningProgram(Protocol):
    """A program while it runs."""

    async def stop(self, *, timeout_ns: int) -> None:
        """Let it end as soon as nobody is connected to its ports, or after the time-out.

        Raises:
            ProgramError: it has ended by itself before.
        """
        ...

    async def kill(self) -> None:
        """End it at once; the kernel closes its connections."""
        ...


class ProgramError(Exception):
    """A program that cannot be started, or ended by itself; the text has its last words."""


class Host(Protocol):
    """One machine of the world."""

    @property
    def name(self) -> str:
        """`node1`."""
        ...

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Its own, loopback not included."""
        ...

    @property
    def clock(self) -> Clock:
        """Its clock."""
        ...

    def entropy(self, size: int) -> bytes:
        """Random bytes."""
        ...

    def resolve(self, name: str) -> tuple[Address, ...]:
        """Addresses of a name (or of an address in its written form); () when unknown. Sends no packet.

        Of a name only those whose family (IPv4, IPv6) this host has itself.
        """
        ...

    async def connect(
        self,
        server: Endpoint,
        *,
        source: Address | None = None,
        source_port: int | None = None,
        timeout_ns: int,
    ) -> Stream:
        """Open a TCP connection.

        Raises:
            ConnectionRefusedError, ConnectionResetError, TimeoutError.
            NoPortError: there is no local port left.
        """
        ...

    async def listen(
        self,
        port: int,
        serve: Serve,
        *,
        address: Address | None = None,
        accept_from: tuple[Address, ...] | None = None,
    ) -> Listener:
        """Serve each accepted connection in a task of its own; the stream is closed when `serve` returns or raises.

        Args:
            port: where to listen.
            serve: called for each connection.
            address: one of the host's own, or None for all of them (loopback included).
            accept_from: a packet filter before the port: SYNs from other sources get no answer at all.
        """
        ...

    async def launch(self, program: Program, *, timeout_ns: int) -> RunningProgram:
        """Start a program of others on this machine, and wait until it listens. It ends with the world.

        Raises:
            ProgramError: it did not listen in time, or this wire carries no programs.
        """
        ...


class Wire(Protocol):
    """What carries the packets between hosts."""

    def host(self, name: str, address: Address | None = None) -> Host:
        """The machine of this name; with `address`, seen from this one of its addresses."""
        ...
