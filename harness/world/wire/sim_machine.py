"""One simulated machine: its interfaces, its ports, and the table of its connections."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.net.address import Address, Endpoint
from harness.world.entropy import Entropy
from harness.world.host import NoPortError, Serve
from harness.world.wire.sim_address import (
    address_of,
    is_loopback,
    number_of,
    version_of,
)
from harness.world.wire.sim_frame import (
    ACK,
    RST,
    SYN,
    TCP_BYTES,
    Segment,
    build_frame,
    build_packet,
    build_refusal,
    ip_bytes,
)
from harness.world.wire.sim_link import Link, SimTap
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_state import Key, State
from harness.world.wire.sim_stream import SimStream
from harness.world.wire.sim_tcp import TcpEnd

PORT_RANGE = (32768, 60999)
"""Linux' usual range of ports for outgoing connections."""
_PORTS_SKIPPED = 4096
"""The first port is one of so many: different from machine to machine and seed to seed."""
_TIME_WAIT_NS = 60_000_000_000
_BACKLOG = 4096
_LOOPBACK_NS = 5_000
_LOOPBACK_MTU = 1500
_LOOPBACK_MAC = bytes(6)


@dataclass(slots=True, eq=False)
class Listening:
    """One listening port."""

    port: int
    address: int | None
    """None: every address of the machine."""
    accept_from: frozenset[int] | None
    serve: Serve
    half_open: int = 0
    """Connections whose handshake is not finished."""


@dataclass(slots=True)
class _Leftover:
    """A connection in TIME_WAIT."""

    end: TcpEnd
    until_ns: int


class SimMachine:
    """What all Hosts of one machine share."""

    def __init__(
        self,
        name: str,
        addresses: tuple[Address, ...],
        agenda: Agenda,
        entropy: Entropy,
        *,
        loopback: SimTap | None,
        start_ns: int,
        port_range: tuple[int, int] | None,
    ) -> None:
        """No interface yet."""
        self.name, self.addresses = name, addresses
        self.entropy = entropy.child("host")
        self.links: list[Link] = []
        """The first one of each family takes what nobody owns."""
        self._sources: dict[tuple[Link, int], int] = {}
        """The address from which packets of a family leave over a link."""
        self.routes: dict[int, Link] = {}
        self.forwards: dict[int, int] = {}
        """Port to the address to which its packets go on, with their source as it was."""
        self.streams: dict[SimStream, None] = {}
        self.tasks: dict[asyncio.Task[None], None] = {}
        self._agenda = agenda
        self._stack = entropy.child("stack")
        self._loopback, self._start_ns = loopback, start_ns
        self._own = frozenset(number_of(a) for a in addresses)
        self._connections: dict[Key, TcpEnd] = {}
        self._leftovers: dict[Key, _Leftover] = {}
        self._listening: dict[int, list[Listening]] = {}
        self._first_port, self._last_port = port_range or PORT_RANGE
        size = self._last_port - self._first_port + 1
        self._next_port = self._first_port + self._stack.below(min(size, _PORTS_SKIPPED))
        self._count = 0

    def plug(self, link: Link, addresses: tuple[Address, ...]) -> None:
        """Get an interface; the first address of each family is the source of what leaves there."""
        self.links.append(link)
        for address in addresses:
            self._sources.setdefault((link, address.version), number_of(address))

    def _link_to(self, destination: int) -> Link | None:
        """The interface by which packets to this address leave."""
        link = self.routes.get(destination)
        if link is not None:
            return link
        version = version_of(destination)
        return next((one for one in self.links if (one, version) in self._sources), None)

    # ports

    def owns(self, address: int) -> bool:
        """It is one of this machine's, or loopback."""
        return address in self._own or is_loopback(address)

    def source_for(self, destination: int) -> int:
        """The address that a packet to this destination comes from, unless somebody chooses another one."""
        if self.owns(destination):
            return destination
        link = self._link_to(destination)
        assert link is not None
        return self._sources[link, version_of(destination)]

    def _is_used(self, key: Key) -> bool:
        if key in self._connections:
            return True
        leftover = self._leftovers.get(key)
        if leftover is None:
            return False
        if leftover.until_ns > self._agenda.now_ns:
            return True
        del self._leftovers[key]
        return False

    def choose_port(self, local: int, peer: int, peer_port: int) -> int:
        """A free port for an outgoing connection.

        Raises:
            NoPortError: all of the range are in use towards this peer.
        """
        for _ in range(self._last_port - self._first_port + 1):
            port = self._next_port
            self._next_port = port + 1 if port < self._last_port else self._first_port
            if port not in self._listening and not self._is_used((local, port, peer, peer_port)):
                return port
        server = Endpoint(address_of(peer), peer_port) if peer else "anybody"
        raise NoPortError(
            errno.EADDRNOTAVAIL,
            f"{self.name} to {server}: no free port: {self._first_port} to {self._last_port} are in use; "
            "widen port_ranges, or let fewer connections be open at the same time",
        )

    def open_port(self, listening: Listening) -> None:
        """Start listening; port 0 becomes a free one.

        Raises:
            OSError: not an address of this machine, or the port is in use.
        """
        address = listening.address
        place = f"{self.name}: cannot listen on {address_of(address) if address else '*'}"
        if address is not None and not self.owns(address):
            raise _refusal(errno.EADDRNOTAVAIL, f"{place}:{listening.port}")
        if listening.port == 0:
            listening.port = self.choose_port(0, 0, 0)
        others = self._listening.setdefault(listening.port, [])
        if any(address is None or o.address in (None, address) for o in others):
            raise _refusal(errno.EADDRINUSE, f"{place}:{listening.port}")
        others.append(listening)

    def close_port(self, listening: Listening) -> None:
        """Stop listening; connections already there go on."""
        others = self._listening.get(listening.port, [])
        if listening in others:
            others.remove(listening)
        if not others:
            self._listening.pop(listening.port, None)

    # connections

    def make_end(self, key: Key, changed: Callable[[], None]) -> TcpEnd:
        """One end of a connection of this machine.

        Raises:
            OSError: the same two ends are connected already.
        """
        if self._is_used(key):
            local = Endpoint(address_of(key[0]), key[1])
            raise _refusal(errno.EADDRNOTAVAIL, f"{self.name}: cannot connect from {local}")
        link = self._link_to(key[2])
        mtu = _LOOPBACK_MTU if self.owns(key[2]) or link is None else link.settings.mtu
        end = TcpEnd(
            key,
            self._agenda,
            first=int.from_bytes(self._stack.take(4), "big"),
            mss=mtu - ip_bytes(key[2]) - TCP_BYTES,
            send=self.send,
            changed=changed,
            ended=self._forget,
        )
        self._connections[key] = end
        return end

    def drop(self, end: TcpEnd) -> None:
        """Forget an end without a word."""
        self._connections.pop(end.key, None)

    def _forget(self, end: TcpEnd) -> None:
        self._connections.pop(end.key, None)
        if end.state is State.TIME_WAIT:
            until_ns = self._agenda.now_ns + _TIME_WAIT_NS
            self._leftovers[end.key] = _Leftover(end, until_ns)

    def adopt(self, end: TcpEnd) -> SimStream:
        """The Stream of an end that is established."""
        own, port, peer, peer_port = end.key
        stream = SimStream(
            end,
            local=Endpoint(address_of(own), port),
            peer=Endpoint(address_of(peer), peer_port),
            lost=self._lose,
        )
        self.streams[stream] = None
        return stream

    def _lose(self, stream: SimStream) -> None:
        self.streams.pop(stream, None)

    # packets

    def send(self, packet: Segment) -> None:
        """Put a packet on the way: over `lo`, the link of its destination, or the first one."""
        if not self.owns(packet.destination):
            link = self._link_to(packet.destination)
            if link is not None:
                link.send(packet)
            return
        self._count = (self._count + 1) & 0xFFFF
        if self._loopback is not None:
            data = build_packet(packet, identification=self._count)
            frame = build_frame(data, source_mac=_LOOPBACK_MAC, destination_mac=_LOOPBACK_MAC)
            self._loopback.record(self._start_ns + self._agenda.now_ns, frame)
        self._agenda.put(_LOOPBACK_NS, self.receive, packet)

    def receive(self, segment: Segment) -> None:
        """Take a segment that has arrived."""
        onward = self.forwards.get(segment.destination_port)
        if onward is not None:
            self.send(replace(segment, destination=onward))
            return
        key = (
            segment.destination,
            segment.destination_port,
            segment.source,
            segment.source_port,
        )
        end = self._connections.get(key)
        if end is not None:
            end.receive(segment)
            return
        leftover = self._leftovers.get(key)
        is_syn = segment.flags & (SYN | ACK | RST) == SYN
        if leftover is not None and leftover.until_ns > self._agenda.now_ns and not is_syn:
            leftover.end.receive(segment)
            return
        listening = self._find_listening(segment) if is_syn else None
        if listening is not None:
            self._leftovers.pop(key, None)
            self._accept(listening, key, segment)
        elif not segment.flags & RST and not self._is_filtered(segment):
            self.send(build_refusal(segment))

    def _find_listening(self, segment: Segment) -> Listening | None:
        for listening in self._listening.get(segment.destination_port, ()):
            if listening.address in (None, segment.destination) and (
                listening.accept_from is None or segment.source in listening.accept_from
            ):
                return listening
        return None

    def _is_filtered(self, segment: Segment) -> bool:
        """A port with `accept_from` says nothing to others."""
        return any(
            listening.accept_from is not None
            for listening in self._listening.get(segment.destination_port, ())
            if listening.address in (None, segment.destination)
        )

    def _accept(self, listening: Listening, key: Key, syn: Segment) -> None:
        if listening.half_open >= _BACKLOG:
            return
        listening.half_open += 1

        def changed() -> None:
            listening.half_open -= 1
            if end.state is not State.CLOSED:
                self._serve(listening.serve, self.adopt(end))

        end = self.make_end(key, changed)
        end.accept(syn)

    def _serve(self, serve: Serve, stream: SimStream) -> None:
        task = asyncio.get_running_loop().create_task(self._run(serve, stream))
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None))

    async def _run(self, serve: Serve, stream: SimStream) -> None:
        try:
            await serve(stream)
        except ConnectionError:
            pass  # The peer broke off; how it did is in the packets.
        except Exception as bug:  # noqa: BLE001 - a task has no caller; the loop's handler is told
            asyncio.get_running_loop().call_exception_handler(
                {
                    "message": f"{self.name}: serving {stream.peer} at {stream.local} failed",
                    "exception": bug,
                }
            )
        finally:
            await stream.close()

    async def close(self) -> None:
        """End everything that is still open, with RST."""
        self._listening.clear()
        tasks = tuple(self.tasks)
        for task in tasks:
            task.cancel()
        for stream in tuple(self.streams):
            stream.abort()
        await asyncio.gather(*tasks, return_exceptions=True)


def _refusal(number: int, text: str) -> OSError:
    return OSError(number, f"{text}: {os.strerror(number)}")
