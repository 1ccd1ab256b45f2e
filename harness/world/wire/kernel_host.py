"""A host of the kernel wire: sockets made inside its network namespace, served by the one asyncio loop."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.net.address import Address, Endpoint, parse_address
from harness.world.host import Clock, NoPortError, Program, Serve
from harness.world.wire import accept_filter
from harness.world.wire.family import find_localhosts, require_family, usable
from harness.world.wire.kernel_program import KernelProgram
from harness.world.wire.namespace import Namespace
from harness.world.wire.tcp_stream import TcpStream, endpoint_of

_IP_BIND_ADDRESS_NO_PORT = 24
_BACKLOG = 16384
"""A fleet connects all at once."""
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}


class KernelClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    async def sleep(self, duration_ns: int) -> None:
        """Let time pass."""
        await asyncio.sleep(duration_ns / 1_000_000_000)


@dataclass(slots=True)
class Machine:
    """What all Hosts of one namespace share: its open ends, so that the wire can close them."""

    name: str
    namespace: Namespace
    addresses: tuple[Address, ...]
    folder: Path
    """Where programs run: made for each, and gone with it."""
    streams: set[TcpStream] = field(default_factory=set)
    listeners: set[KernelListener] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    programs: list[KernelProgram] = field(default_factory=list)

    def socket(self, version: int, kind: socket.SocketKind, protocol: int) -> socket.socket:
        """A socket of this machine for IPv4 or IPv6, not blocking."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with self.namespace.entered():
            # asyncio sets TCP_NODELAY only on sockets whose protocol is given; without it each answer takes 40 ms.
            made = socket.socket(family, kind, protocol)
        made.settimeout(0)
        return made

    async def close(self) -> None:
        """End everything that is still open, with RST."""
        for program in self.programs:
            program.end()
        for listener in tuple(self.listeners):
            await listener.close()
        for task in tuple(self.tasks):
            task.cancel()
        for stream in tuple(self.streams):
            stream.abort()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.namespace.close()


class KernelListener:
    """A listening port: one socket for each family."""

    def __init__(self, machine: Machine) -> None:
        """Nothing listens yet."""
        self._machine = machine
        self.servers: list[asyncio.Server] = []

    @property
    def local(self) -> Endpoint:
        """Where it listens, IPv4 first."""
        return endpoint_of(self.servers[0].sockets[0].getsockname())

    async def close(self) -> None:
        """Stop accepting; connections already accepted go on."""
        for server in self.servers:
            server.close()
        self._machine.listeners.discard(self)


async def _serve(machine: Machine, serve: Serve, stream: TcpStream) -> None:
    try:
        await serve(stream)
    except ConnectionError:
        pass  # The peer broke off; how it did is in the packets.
    except Exception as bug:  # noqa: BLE001 - a task has no caller; the loop's handler is told
        asyncio.get_running_loop().call_exception_handler(
            {
                "message": f"{machine.name}: serving {stream.peer} at {stream.local} failed",
                "exception": bug,
            }
        )
    finally:
        await stream.close()


class KernelHost:
    """One machine, or one address of a machine that has many (a fleet)."""

    def __init__(
        self, machine: Machine, names: Mapping[str, tuple[Address, ...]], address: Address | None
    ) -> None:
        """Args: `names` in lower case; `address` is the source of all that this Host sends, None leaves it open."""
        self._machine, self._names, self._address = machine, names, address
        self._clock = KernelClock()

    @property
    def name(self) -> str:
        """`node1`."""
        return self._machine.name

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Its own, loopback not included."""
        return self._machine.addresses if self._address is None else (self._address,)

    @property
    def clock(self) -> Clock:
        """Its clock."""
        return self._clock

    def entropy(self, size: int) -> bytes:
        """Random bytes of the kernel."""
        return os.urandom(size)

    def resolve(self, name: str) -> tuple[Address, ...]:
        """See Host.resolve; names are compared without case (RFC 4343)."""
        key = name.lower().removesuffix(".")
        if key == "localhost":
            return find_localhosts(self.addresses)
        if (known := self._names.get(key)) is not None:
            return usable(known, self.addresses)
        try:
            return (parse_address(name),)
        except ValueError:
            return ()

    async def connect(
        self,
        server: Endpoint,
        *,
        source: Address | None = None,
        source_port: int | None = None,
        timeout_ns: int,
    ) -> TcpStream:
        """See Host.connect.

        Raises:
            ConnectionRefusedError, ConnectionResetError, TimeoutError, NoPortError: as in Host.
            OSError: `source` is not an address of this host, or `source_port` is in use.
        """
        require_family(self.name, server.address, self.addresses)
        version = server.address.version
        raw = self._machine.socket(version, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        loop = asyncio.get_running_loop()
        try:
            self._bind(raw, server, source, source_port)
            async with asyncio.timeout(timeout_ns / 1_000_000_000):
                await loop.sock_connect(raw, (str(server.address), server.port))
            _, stream = await loop.create_connection(self._stream, sock=raw)
        except OSError as error:
            raw.close()
            if error.errno in _UNREACHABLE:
                raise ConnectionRefusedError(
                    error.errno, f"{self.name} to {server}: {error.strerror}"
                ) from error
            if source is None and source_port is None and error.errno == errno.EADDRNOTAVAIL:
                raise NoPortError(
                    error.errno,
                    f"{self.name} to {server}: no free port: all of its range are in use; "
                    "widen port_ranges, or let fewer connections be open at the same time",
                ) from error
            if isinstance(error, TimeoutError):
                raise TimeoutError(
                    f"{self.name} to {server}: no answer in {timeout_ns / 1e9:g} s"
                ) from error
            raise
        except BaseException:
            raw.close()
            raise
        return stream

    def _bind(
        self, raw: socket.socket, server: Endpoint, source: Address | None, source_port: int | None
    ) -> None:
        # What goes to 127.0.0.1 comes from there too, unless the caller says otherwise.
        chosen = source or (None if server.address.is_loopback else self._address)
        if chosen is None and source_port is None:
            return
        if source_port is None:
            # The port is chosen at connect, when the whole four-tuple is known: a fleet shares no port space.
            raw.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        else:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        local = ("" if chosen is None else str(chosen), source_port or 0)
        try:
            raw.bind(local)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self.name}: cannot connect from {local[0]}:{local[1]}: {error.strerror}",
            ) from error

    def _stream(self) -> TcpStream:
        return TcpStream(opened=self._machine.streams.add, lost=self._machine.streams.discard)

    async def listen(
        self,
        port: int,
        serve: Serve,
        *,
        address: Address | None = None,
        accept_from: tuple[Address, ...] | None = None,
    ) -> KernelListener:
        """See Host.listen. Port 0: the kernel chooses one.

        An exception of `serve` that is not a ConnectionError goes to the loop's exception handler.

        Raises:
            OSError: `address` is not one of this host, or the port is in use.
        """
        machine = self._machine

        def opened(stream: TcpStream) -> None:
            machine.streams.add(stream)
            task = asyncio.get_running_loop().create_task(_serve(machine, serve, stream))
            machine.tasks.add(task)
            task.add_done_callback(machine.tasks.discard)

        versions = {a.version for a in ((address,) if address else machine.addresses)}
        listener = KernelListener(machine)
        try:
            for version in sorted(versions):
                raw = self._open_port(version, port, address, accept_from)
                listener.servers.append(await self._accept(raw, opened))
                port = raw.getsockname()[1]
        except BaseException:
            await listener.close()
            raise
        machine.listeners.add(listener)
        return listener

    def _open_port(
        self,
        version: int,
        port: int,
        address: Address | None,
        accept_from: tuple[Address, ...] | None,
    ) -> socket.socket:
        """A socket bound to a port of one family, with its filter."""
        raw = self._machine.socket(version, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if version == 6:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            raw.bind(("" if address is None else str(address), port))
            if accept_from is not None:
                accept_filter.attach(raw, accept_from)
        except OSError as error:
            raw.close()
            raise OSError(
                error.errno,
                f"{self.name}: cannot listen on {address or '*'}:{port}: {error.strerror}",
            ) from error
        except BaseException:
            raw.close()
            raise
        return raw

    async def _accept(
        self, raw: socket.socket, opened: Callable[[TcpStream], None]
    ) -> asyncio.Server:
        lost = self._machine.streams.discard
        try:
            return await asyncio.get_running_loop().create_server(
                lambda: TcpStream(opened=opened, lost=lost), sock=raw, backlog=_BACKLOG
            )
        except BaseException:
            raw.close()
            raise

    async def launch(self, program: Program, *, timeout_ns: int) -> KernelProgram:
        """See Host.launch."""
        machine = self._machine
        running = KernelProgram(machine.name, machine.namespace, program, machine.folder)
        machine.programs.append(running)
        await running.wait_until_it_listens(program.listens, timeout_ns=timeout_ns)
        return running
