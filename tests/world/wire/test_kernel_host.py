"""Hosts of the kernel wire: connecting, listening, names."""

from __future__ import annotations

import asyncio
import errno
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from harness.net.address import Address, Endpoint
from harness.world.host import Host, Stream
from harness.world.recorder.recorder import Recorder
from harness.world.wire.kernel import KernelWire
from harness.world.wire.kernel_host import KernelHost, Machine
from harness.world.wire.namespace import Mode, Namespace
from tests.world.private_world import (
    FIN,
    NODE1,
    NODE2,
    PHONES,
    RST,
    SECOND,
    SYN,
    VIP,
    Live,
    echo,
    finish,
    segments,
    site_plan,
)

LOCALHOST = ip_address("127.0.0.1")


def _unattached() -> Host:
    """A host that is only asked for names; it has no namespace."""
    return KernelHost(
        Machine("node1", Namespace(-1), (NODE1,), Path("nowhere")),
        {"access.example.com": (VIP,)},
        None,
    )


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        pytest.param("access.example.com", (VIP,), id="a name of the plan"),
        pytest.param("ACCESS.example.COM.", (VIP,), id="without case, with the root dot"),
        pytest.param("localhost", (LOCALHOST,), id="localhost"),
        pytest.param("10.20.1.1", (NODE1,), id="an address in its written form"),
        pytest.param("2001:db8::1", (ip_address("2001:db8::1"),), id="an IPv6 address"),
        pytest.param("10.20.01.1", (), id="not an address"),
        pytest.param("elsewhere.example.com", (), id="an unknown name"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_names_come_from_the_plan(name: str, addresses: tuple[Address, ...]) -> None:
    """A name gives its addresses from the table; an unknown one gives none."""
    assert _unattached().resolve(name) == addresses


async def _connect_refused(_: Mode) -> str:
    wire = await KernelWire.build(site_plan())
    with pytest.raises(ConnectionRefusedError) as refused:
        await wire.host("node1").connect(Endpoint(NODE2, 444), timeout_ns=SECOND)
    await wire.close()
    return type(refused.value).__name__


def test_a_closed_port_refuses(live: Live) -> None:
    """Nobody listens: ConnectionRefusedError at once."""
    assert live(_connect_refused) == "ConnectionRefusedError"


async def _connect_from(_: Mode) -> list[tuple[Endpoint, Endpoint]]:
    wire = await KernelWire.build(site_plan())
    peers: list[Endpoint] = []

    async def note(stream: Stream) -> None:
        peers.append(stream.peer)

    vip = wire.host("vip")
    await vip.listen(443, note)
    server = Endpoint(VIP, 443)
    ends = []
    for phone in PHONES[:3]:
        ends.append(await wire.host("phones", phone).connect(server, timeout_ns=SECOND))
    ends.append(await wire.host("phones").connect(server, timeout_ns=SECOND))
    ends.append(await wire.host("phones").connect(server, source=PHONES[9], timeout_ns=SECOND))
    for end in ends:
        await end.close()
    await wire.close()
    return [(end.local, peer) for end, peer in zip(ends, peers, strict=True)]


def test_a_fleet_shares_a_namespace(live: Live) -> None:
    """Each Host of a fleet connects from its own address; both ends agree on it."""
    found = live(_connect_from)

    assert [local.address for local, _ in found] == [*PHONES[:3], PHONES[0], PHONES[9]]
    assert [local for local, _ in found] == [peer for _, peer in found]


async def _connect_many(_: Mode) -> tuple[int, int]:
    wire = await KernelWire.build(site_plan())
    served: set[Endpoint] = set()

    async def note(stream: Stream) -> None:
        served.add(stream.peer)
        await echo(stream)

    await wire.host("vip").listen(443, note)

    async def call(phone: Address) -> bytes:
        stream = await wire.host("phones", phone).connect(Endpoint(VIP, 443), timeout_ns=5 * SECOND)
        await stream.write(str(phone).encode())
        answer = await stream.read()
        await stream.close()
        return answer

    answers = await asyncio.gather(*(call(p) for p in PHONES for _ in range(5)))
    await wire.close()
    return len(served), sum(
        1
        for a, p in zip(answers, (p for p in PHONES for _ in range(5)), strict=True)
        if a == str(p).encode()
    )


def test_many_connect_at_once(live: Live) -> None:
    """Five hundred connections at the same time, each answered with its own bytes."""
    assert live(_connect_many) == (500, 500)


async def _same_port(_: Mode) -> list[Endpoint]:
    wire = await KernelWire.build(site_plan())
    await wire.host("vip").listen(443, echo)
    server = Endpoint(VIP, 443)
    one = await wire.host("node1").connect(server, source_port=40000, timeout_ns=SECOND)
    two = await wire.host("node2").connect(server, source_port=40000, timeout_ns=SECOND)
    with pytest.raises(OSError, match=r"Cannot assign requested address|in use"):
        await wire.host("node1").connect(server, source_port=40000, timeout_ns=SECOND)
    found = [one.local, two.local]
    await wire.close()
    return found


def test_hosts_have_their_own_ports(live: Live) -> None:
    """Two hosts use one source port at the same time; one host cannot use it twice."""
    assert live(_same_port) == [Endpoint(NODE1, 40000), Endpoint(NODE2, 40000)]


async def _filtered(_: Mode) -> tuple[bytes, list[tuple[Endpoint, int]]]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    await wire.host("node1").listen(5263, echo, accept_from=(NODE2, LOCALHOST))
    server = Endpoint(NODE1, 5263)
    with pytest.raises(TimeoutError):
        await wire.host("intruder").connect(server, timeout_ns=SECOND // 20)
    read = b""
    for name, address in (("node2", NODE1), ("node1", LOCALHOST)):
        stream = await wire.host(name).connect(Endpoint(address, 5263), timeout_ns=SECOND)
        await stream.write(name.encode())
        read += await stream.read()
        await stream.close()
    found = segments(await finish(recorder))
    await wire.close()
    intruder = ip_address("10.20.5.5")
    return read, [(s.dst, s.flags) for s in found if intruder in (s.src.address, s.dst.address)]


def test_filtered_sources_get_no_answer(live: Live) -> None:
    """With accept_from others get nothing at all, not even RST; those listed are served."""
    read, seen = live(_filtered)

    assert read == b"node2node1"
    assert seen == [(Endpoint(NODE1, 5263), SYN)]


async def _own_loopback(_: Mode) -> tuple[Endpoint, Endpoint, set[str]]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    node = wire.host("node1", NODE1)
    listener = await node.listen(0, echo)
    port = listener.local.port
    one = await node.connect(Endpoint(LOCALHOST, port), timeout_ns=SECOND)
    two = await node.connect(Endpoint(NODE1, port), timeout_ns=SECOND)
    with pytest.raises(ConnectionRefusedError):
        await wire.host("node2").connect(Endpoint(LOCALHOST, port), timeout_ns=SECOND)
    locals_ = one.local, two.local
    await one.close()
    await two.close()
    taps = {s.tap for s in segments(await finish(recorder))}
    await wire.close()
    return *locals_, taps


def test_localhost_is_the_host_itself(live: Live) -> None:
    """127.0.0.1 is each host's own, from 127.0.0.1, and shows on its loopback tap alone."""
    one, two, taps = live(_own_loopback)

    assert (one.address, two.address) == (LOCALHOST, NODE1)
    assert taps == {"node1.lo"}


async def _failing_server(_: Mode) -> tuple[bytes, list[str], bytes]:
    wire = await KernelWire.build(site_plan())
    told: list[str] = []

    def note(_: object, context: dict[str, Any]) -> None:
        told.append(f"{context['message'].split(' at ')[0].split(':')[0]} {context['exception']!r}")

    asyncio.get_running_loop().set_exception_handler(note)

    async def fail(stream: Stream) -> None:
        await stream.read()
        raise RuntimeError("a defect")

    async def leave(_: Stream) -> None:
        return

    listener = await wire.host("node1").listen(443, fail)
    one = await wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)
    await one.write(b"x")
    first = await one.read()
    await listener.close()
    await wire.host("node1").listen(443, leave)
    two = await wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)
    second = await two.read()
    await wire.close()
    return first, told, second


def test_a_stream_ends_with_its_server(live: Live) -> None:
    """When serve returns or raises, the stream is closed; what it raised reaches the loop's handler."""
    assert live(_failing_server) == (b"", ["node1 RuntimeError('a defect')"], b"")


async def _ended_machine(_: Mode, ends: str) -> set[tuple[int, int]]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    await wire.host("node1").listen(443, echo)
    stream = await wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)
    await stream.write(b"hello")
    await stream.read()
    host = wire.host(ends)
    assert isinstance(host, KernelHost)
    await host._machine.close()
    recording = await finish(recorder)
    await wire.close()
    closing = [s for s in segments(recording) if s.flags & (FIN | RST)]
    return {(s.src.port == 443, s.flags & (FIN | RST)) for s in closing}


@pytest.mark.parametrize("ends", ["node1", "node2"])
def test_what_is_open_is_reset_with_its_machine(live: Live, ends: str) -> None:
    """By the machine that ends, whether it called or was called: nobody says goodbye."""
    assert live(_ended_machine, ends) == {(ends == "node1", RST)}


async def _closed_listener(_: Mode) -> bytes:
    wire = await KernelWire.build(site_plan())
    listener = await wire.host("node1").listen(443, echo)
    stream = await wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)
    await stream.write(b"before")
    await stream.read()
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)
    await stream.write(b"after")
    answer = await stream.read()
    await wire.close()
    return answer


def test_a_closed_listener_keeps_its_connections(live: Live) -> None:
    """New connections are refused; those accepted go on."""
    assert live(_closed_listener) == b"after"


async def _listen_wrongly(_: Mode) -> list[tuple[str, int | None]]:
    wire = await KernelWire.build(site_plan())
    node = wire.host("node1")
    await node.listen(443, echo)
    found = []
    for port, address in ((443, None), (444, NODE2)):
        with pytest.raises(OSError, match="node1: cannot listen on") as refused:
            await node.listen(port, echo, address=address)
        found.append((str(refused.value).split("] ")[1], refused.value.errno))
    await wire.close()
    return found


def test_what_cannot_listen_says_why(live: Live) -> None:
    """A port in use, an address of somebody else: the message has host, address and port."""
    assert live(_listen_wrongly) == [
        ("node1: cannot listen on *:443: Address already in use", errno.EADDRINUSE),
        (
            "node1: cannot listen on 10.20.1.2:444: Cannot assign requested address",
            errno.EADDRNOTAVAIL,
        ),
    ]


async def _connect_to_ipv6(_: Mode) -> str:
    wire = await KernelWire.build(site_plan())
    with pytest.raises(ConnectionRefusedError) as refused:
        await wire.host("node1").connect(
            Endpoint(ip_address("2001:db8::1"), 443), timeout_ns=SECOND
        )
    await wire.close()
    return str(refused.value)


def test_ipv6_is_refused_in_words(live: Live) -> None:
    """The hosts have no IPv6, and connecting to it says so."""
    assert "node1 has no IPv6 address to reach 2001:db8::1" in live(_connect_to_ipv6)
