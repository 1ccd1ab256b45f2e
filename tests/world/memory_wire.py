"""A wire in memory: hosts that connect to each other's listeners, with addresses, ephemeral ports and refusals."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from harness.net.address import Address, Endpoint
from harness.world.host import Clock, Program, ProgramError, RunningProgram, Serve
from tests.world.memory_stream import MemoryStream, connect_memory

LOOPBACK = ip_address("127.0.0.1")
FIRST_EPHEMERAL_PORT = 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One SYN."""

    host: str
    client: Endpoint
    server: Endpoint
    outcome: Literal["connected", "refused", "silence"]


async def until(is_so: Callable[[], bool]) -> None:
    """Let everybody else run until something is so; five seconds at most."""
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.001)


class MemoryClock:
    """Real time."""

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, duration_ns: int) -> None:
        await asyncio.sleep(duration_ns / 1e9)


class MemoryListener:
    """A port of one host."""

    def __init__(
        self,
        host: MemoryHost,
        local: Endpoint,
        serve: Serve,
        accept_from: tuple[Address, ...] | None,
    ) -> None:
        self.local = local
        self.serve = serve
        self.accept_from = accept_from
        self._host = host

    async def close(self) -> None:
        self._host.listeners.pop(self.local.port, None)


class MemoryHost:
    """Implements world.host.Host."""

    def __init__(self, wire: MemoryWire, name: str, addresses: tuple[Address, ...]) -> None:
        self.name = name
        self.addresses = addresses
        self.clock: Clock = MemoryClock()
        self.listeners: dict[int, MemoryListener] = {}
        self.next_port = FIRST_EPHEMERAL_PORT
        self.resolved: list[str] = []
        """Every name that was asked for."""
        self._wire = wire
        self._random = random.Random(name)

    def entropy(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def resolve(self, name: str) -> tuple[Address, ...]:
        self.resolved.append(name)
        if name == "localhost":
            return (LOOPBACK,)
        with contextlib.suppress(ValueError):
            return (ip_address(name),)
        return self._wire.names.get(name, ())

    async def connect(
        self,
        server: Endpoint,
        *,
        source: Address | None = None,
        source_port: int | None = None,
        timeout_ns: int,
    ) -> MemoryStream:
        """Connect at once; a filtered or unowned address is a time-out without the wait."""
        if source_port is None:
            source_port = self.next_port
            self.next_port += 1
        is_own = server.address.is_loopback or server.address in self.addresses
        client = Endpoint(server.address if is_own else source or self.addresses[0], source_port)
        host = self if is_own else self._wire.owner(server.address)
        listener = host.listeners.get(server.port) if host else None
        if host is None or (
            listener
            and listener.accept_from is not None
            and client.address not in listener.accept_from
        ):
            self._wire.note(self.name, client, server, "silence")
            raise TimeoutError(f"{server} did not answer")
        if listener is None:
            self._wire.note(self.name, client, server, "refused")
            raise ConnectionRefusedError(f"{server} refused")
        self._wire.note(self.name, client, server, "connected")
        near, far = connect_memory(client=client, server=server)
        self._wire.serve(listener.serve, far)
        return near

    async def listen(
        self,
        port: int,
        serve: Serve,
        *,
        address: Address | None = None,
        accept_from: tuple[Address, ...] | None = None,
    ) -> MemoryListener:
        assert port not in self.listeners, f"{self.name} listens on {port} already"
        local = Endpoint(address or self.addresses[0], port)
        self.listeners[port] = MemoryListener(self, local, serve, accept_from)
        return self.listeners[port]

    async def launch(self, program: Program, *, timeout_ns: int) -> RunningProgram:
        raise ProgramError(f"no {program.command[0]} in memory")


class MemoryWire:
    """All hosts of a test."""

    def __init__(self, names: Mapping[str, tuple[Address, ...]] | None = None) -> None:
        self.names = dict(names or {})
        self.attempts: list[Attempt] = []
        """Every SYN, in order."""
        self.served: list[MemoryStream] = []
        """The server's end of every connection."""
        self._hosts: list[MemoryHost] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    def host(self, name: str, *addresses: str | Address) -> MemoryHost:
        """Add a machine, known by its name."""
        owned = tuple(ip_address(str(address)) for address in addresses)
        host = MemoryHost(self, name, owned)
        self._hosts.append(host)
        self.names.setdefault(name, owned)
        return host

    def owner(self, address: Address) -> MemoryHost | None:
        return next((host for host in self._hosts if address in host.addresses), None)

    def note(
        self,
        host: str,
        client: Endpoint,
        server: Endpoint,
        outcome: Literal["connected", "refused", "silence"],
    ) -> None:
        self.attempts.append(Attempt(host=host, client=client, server=server, outcome=outcome))

    def servers(self, host: str) -> tuple[str, ...]:
        """Whom a host sent a SYN, as `ADDRESS:PORT`, in order."""
        return tuple(str(attempt.server) for attempt in self.attempts if attempt.host == host)

    def serve(self, serve: Serve, stream: MemoryStream) -> None:
        task = asyncio.ensure_future(self._serve(serve, stream))
        self._tasks.add(task)
        self.served.append(stream)

    async def _serve(self, serve: Serve, stream: MemoryStream) -> None:
        try:
            await serve(stream)
        except Exception as error:  # noqa: BLE001 (raised again by `close`)
            self._failures.append(error)
        finally:
            await stream.close()
            self._tasks.discard(asyncio.current_task())

    async def close(self) -> None:
        """Wait for every connection; what a `serve` raised is raised here."""
        if self._tasks:
            _, pending = await asyncio.wait(tuple(self._tasks), timeout=5)
            for task in pending:
                task.cancel()
            assert not pending, f"{len(pending)} connections did not end"
        if self._failures:
            raise BaseExceptionGroup("what serving raised", self._failures)
