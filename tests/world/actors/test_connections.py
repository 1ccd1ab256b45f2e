"""The connections of an actor."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.world.actors.connections import Connections
from harness.world.host import Stream
from tests.world.memory_wire import MemoryHost, MemoryWire

SERVER = Endpoint(ip_address("10.0.0.1"), 443)
SHORT_NS = 50_000_000
LONG_NS = 5_000_000_000


def make_hosts() -> tuple[MemoryWire, MemoryHost, MemoryHost]:
    """A wire, a server and a client."""
    wire = MemoryWire()
    return wire, wire.host("server", "10.0.0.1"), wire.host("client", "10.0.0.2")


async def echo(stream: Stream) -> None:
    """Send everything back."""
    while data := await stream.read():
        await stream.write(data)


@pytest.mark.asyncio
async def test_stop_waits_for_what_is_running() -> None:
    """A connection that is being served ends by itself; a new one is refused."""
    wire, server, client = make_hosts()
    connections = Connections(server, timeout_ns=LONG_NS)
    await connections.listen(443, echo)
    stream = await client.connect(SERVER, timeout_ns=LONG_NS)
    await stream.write(b"x")
    await stream.read()

    stopping = asyncio.create_task(connections.stop())
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await client.connect(SERVER, timeout_ns=LONG_NS)
    await stream.write(b"y")
    late = await stream.read()
    await stream.close()
    await stopping
    await wire.close()

    assert late == b"y"
    assert not stream.is_aborted


@pytest.mark.asyncio
async def test_stop_resets_what_does_not_end() -> None:
    """After the time-out nobody is waited for."""
    wire, server, client = make_hosts()
    connections = Connections(server, timeout_ns=SHORT_NS)
    await connections.listen(443, echo)
    stream = await client.connect(SERVER, timeout_ns=LONG_NS)
    await stream.write(b"x")
    await stream.read()

    await connections.stop()

    with pytest.raises(ConnectionResetError):
        await stream.read()
    await wire.close()


@pytest.mark.asyncio
async def test_one_more_than_the_limit_is_reset() -> None:
    """And those before it are served on."""
    wire, server, client = make_hosts()
    connections = Connections(server, timeout_ns=SHORT_NS, limit=1)
    await connections.listen(443, echo)
    first = await client.connect(SERVER, timeout_ns=LONG_NS)
    await first.write(b"x")
    await first.read()

    second = await client.connect(SERVER, timeout_ns=LONG_NS)
    with pytest.raises(ConnectionResetError):
        await second.read()
    await first.write(b"y")

    assert await first.read() == b"y"
    await first.close()
    await connections.stop()
    await wire.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError()])
async def test_what_a_peer_does_is_no_failure(error: Exception) -> None:
    """Broken connections are part of the world."""

    async def fail(stream: Stream) -> None:
        raise error

    wire, server, client = make_hosts()
    connections = Connections(server, timeout_ns=SHORT_NS)
    await connections.listen(443, fail)
    stream = await client.connect(SERVER, timeout_ns=LONG_NS)

    assert await stream.read() == b""
    await stream.close()
    await connections.stop()
    await wire.close()


@pytest.mark.asyncio
async def test_a_bug_of_ours_comes_out_at_stop() -> None:
    """It is not swallowed, and the connection does not hang."""

    async def fail(stream: Stream) -> None:
        raise KeyError("a bug")

    wire, server, client = make_hosts()
    connections = Connections(server, timeout_ns=SHORT_NS)
    await connections.listen(443, fail)
    stream = await client.connect(SERVER, timeout_ns=LONG_NS)
    with pytest.raises(ConnectionResetError):
        await stream.read()

    with pytest.raises(ExceptionGroup, match="server") as group:
        await connections.stop()
    assert isinstance(group.value.exceptions[0], KeyError)
    await wire.close()


@pytest.mark.asyncio
async def test_a_killed_actor_resets_everything_and_can_listen_again() -> None:
    """No waiting, no good-bye, as when a process is killed."""
    wire, server, client = make_hosts()
    connections = Connections(server, timeout_ns=LONG_NS)
    await connections.listen(443, echo)
    stream = await client.connect(SERVER, timeout_ns=LONG_NS)
    await stream.write(b"x")
    await stream.read()

    await connections.kill()
    with pytest.raises(ConnectionResetError):
        await stream.read()
    await connections.listen(443, echo)
    again = await client.connect(SERVER, timeout_ns=LONG_NS)
    await again.close()
    await connections.stop()
    await wire.close()

    assert wire.served[0].is_aborted
