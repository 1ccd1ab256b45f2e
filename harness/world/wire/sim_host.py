"""A host of the simulated wire: what an actor sees of a machine."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

from harness.net.address import Address, Endpoint, parse_address
from harness.world.host import Clock, Program, ProgramError, RunningProgram, Serve
from harness.world.wire.family import find_localhosts, require_family, usable
from harness.world.wire.sim_address import is_loopback, number_of
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_machine import Listening, SimMachine
from harness.world.wire.sim_stream import SimStream


class SimClock:
    """The clock of one machine: virtual time, and how far this clock is off."""

    def __init__(self, agenda: Agenda, *, start_ns: int, skew_ns: int = 0) -> None:
        """Args: `start_ns` is the time of day at which the agenda began, `skew_ns` how far ahead this clock is."""
        self._agenda = agenda
        self._start_ns = start_ns
        self.skew_ns = skew_ns

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, as this clock has them."""
        return self._start_ns + self.skew_ns + self._agenda.now_ns

    async def sleep(self, duration_ns: int) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(duration_ns / 1_000_000_000)


class SimListener:
    """A listening port."""

    def __init__(self, machine: SimMachine, listening: Listening, local: Endpoint) -> None:
        """Args: `listening` is open on `local`."""
        self._machine, self._listening, self._local = machine, listening, local

    @property
    def local(self) -> Endpoint:
        """Where it listens."""
        return self._local

    async def close(self) -> None:
        """Stop accepting; connections already accepted go on."""
        self._machine.close_port(self._listening)


class SimHost:
    """One machine, or one address of a machine that has many (a fleet)."""

    def __init__(
        self,
        machine: SimMachine,
        agenda: Agenda,
        clock: Clock,
        names: Mapping[str, tuple[Address, ...]],
        address: Address | None,
    ) -> None:
        """Args: `address` is the source of all that this Host sends; None leaves it to the route."""
        self._machine, self._agenda, self._names, self._address = machine, agenda, names, address
        self._clock = clock

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
        """Random bytes out of the run's seed."""
        return self._machine.entropy.take(size)

    def resolve(self, name: str) -> tuple[Address, ...]:
        """See Host.resolve; names are compared without case (RFC 4343), and may change in the middle of a run."""
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
    ) -> SimStream:
        """See Host.connect.

        Raises:
            ConnectionRefusedError, ConnectionResetError, TimeoutError: as in Host.
            OSError: `source` is not an address of this host, or the port is in use.
        """
        require_family(self.name, server.address, self.addresses)
        peer = number_of(server.address)
        own = self._source(source, peer)
        machine = self._machine
        port = source_port or machine.choose_port(own, peer, server.port)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def changed() -> None:
            if not done.done():
                done.set_result(None)

        end = machine.make_end((own, port, peer, server.port), changed)
        end.connect()
        try:
            async with asyncio.timeout(timeout_ns / 1_000_000_000):
                await done
        except TimeoutError as error:
            machine.drop(end)
            raise TimeoutError(
                f"{self.name} to {server}: no answer in {timeout_ns / 1e9:g} s"
            ) from error
        except BaseException:
            machine.drop(end)
            raise
        if end.error is not None:
            number, words = end.error.errno, end.error.strerror
            raise type(end.error)(number, f"{self.name} to {server}: {words}")
        return machine.adopt(end)

    def _source(self, source: Address | None, peer: int) -> int:
        # What goes to 127.0.0.1 comes from there too, unless the caller says otherwise.
        chosen = source or (None if is_loopback(peer) else self._address)
        if chosen is None:
            return self._machine.source_for(peer)
        if not self._machine.owns(number_of(chosen)):
            raise OSError(
                errno.EADDRNOTAVAIL, f"{self.name}: cannot connect from {chosen}: not its address"
            )
        return number_of(chosen)

    async def listen(
        self,
        port: int,
        serve: Serve,
        *,
        address: Address | None = None,
        accept_from: tuple[Address, ...] | None = None,
    ) -> SimListener:
        """See Host.listen. Port 0: the machine chooses one.

        An exception of `serve` that is not a ConnectionError goes to the loop's exception handler.

        Raises:
            OSError: `address` is not one of this host, or the port is in use.
        """
        allowed = None if accept_from is None else frozenset(map(number_of, accept_from))
        chosen = None if address is None else number_of(address)
        listening = Listening(port, chosen, allowed, serve)
        self._machine.open_port(listening)
        local = Endpoint(address or self._any(), listening.port)
        return SimListener(self._machine, listening, local)

    def _any(self) -> Address:
        """The unspecified address, of IPv4 where the machine has that."""
        has_ipv4 = any(address.version == 4 for address in self.addresses)
        return IPv4Address("0.0.0.0") if has_ipv4 else IPv6Address("::")

    async def launch(self, program: Program, *, timeout_ns: int) -> RunningProgram:
        """See Host.launch: nothing but actors lives in virtual time."""
        del timeout_ns
        raise ProgramError(f"{self.name}: no {program.command[0]} on a simulated machine")
