"""The contract of a wire: what every kind of wire must do alike, as coroutines that any wire can be given."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from harness.net.address import Address, Endpoint
from harness.world.host import NoPortError, Stream, Wire
from harness.world.wire.plan import Plan
from tests.world.private_world import (
    NOBODY,
    NOBODY_6,
    NODE1,
    NODE1_6,
    NODE2,
    NODE2_6,
    PHONES,
    PHONES_6,
    SECOND,
    SECOND_6,
    SIX,
    VIP,
    echo,
    site_plan,
)

LOCALHOST = ip_address("127.0.0.1")
LOCALHOST_6 = ip_address("::1")
INTRUDER = ip_address("10.20.5.5")
SERVER = Endpoint(VIP, 443)
BIG = bytes(range(256)) * 8192
"""2 MiB."""

Case = Callable[[Wire], Awaitable[None]]


def contract_plan() -> Plan:
    """The plan of the tests, with a balancer that has only six ports."""
    plan = site_plan()
    hosts = tuple(
        replace(h, port_range=(40002, 40007)) if h.name == "vip" else h for h in plan.hosts
    )
    return replace(plan, hosts=hosts)


async def connect(wire: Wire) -> None:
    """Both ends name the same two endpoints, and bytes go both ways."""
    peers: list[tuple[Endpoint, Endpoint]] = []

    async def serve(stream: Stream) -> None:
        peers.append((stream.peer, stream.local))
        await echo(stream)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones", PHONES[7]).connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    assert peers == [(stream.local, SERVER)]
    assert (stream.local.address, stream.peer) == (PHONES[7], SERVER)
    await stream.close()


async def refuse(wire: Wire) -> None:
    """A port that nobody listens on answers with a reset; an address of nobody does not answer."""
    host = wire.host("node1")
    with pytest.raises(ConnectionRefusedError):
        await host.connect(Endpoint(VIP, 444), timeout_ns=SECOND)
    with pytest.raises(TimeoutError):
        await host.connect(Endpoint(NOBODY, 443), timeout_ns=SECOND // 20)
    with pytest.raises(ConnectionRefusedError, match="node1 has no IPv6 address"):
        await host.connect(Endpoint(ip_address("2001:db8::1"), 443), timeout_ns=SECOND)


async def half_close(wire: Wire) -> None:
    """After the client's FIN the server still answers, and ends after that."""

    async def serve(stream: Stream) -> None:
        asked = b""
        while data := await stream.read():
            asked += data
        await stream.write(b"answer to " + asked)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"question")
    await stream.write_eof()
    answer = b""
    while data := await stream.read():
        answer += data
    assert answer == b"answer to question"
    with pytest.raises((ConnectionError, RuntimeError)):
        await stream.write(b"more")
    await stream.close()


async def reset(wire: Wire) -> None:
    """What came before a reset is read; then both reading and writing say that it was reset."""

    async def serve(stream: Stream) -> None:
        await stream.write(b"last words")
        await stream.read()
        stream.abort()

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    assert await stream.read() == b"last words"
    await stream.write(b"go on")
    with pytest.raises(ConnectionResetError):
        await stream.read()
    with pytest.raises(ConnectionError):
        await stream.write(b"more")
    await stream.close()


async def unread(wire: Wire) -> None:
    """A server that goes without reading resets what comes after; the client sees an end, not a hang."""

    async def serve(stream: Stream) -> None:
        await stream.read(1)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"much more than is read")
    with contextlib.suppress(ConnectionError):
        assert await stream.read() == b""
    await stream.close()


async def backlog(wire: Wire) -> None:
    """Three hundred connections at the same time, each answered with its own bytes."""
    await wire.host("vip").listen(443, echo)

    async def call(number: int) -> bool:
        host = wire.host("phones", PHONES[number % len(PHONES)])
        stream = await host.connect(SERVER, timeout_ns=5 * SECOND)
        await stream.write(b"%d" % number)
        answer = await stream.read()
        await stream.close()
        return answer == b"%d" % number

    assert all(await asyncio.gather(*(call(number) for number in range(300))))


async def ports(wire: Wire) -> None:
    """Two hosts may use one source port at the same time; one host may not use it twice to the same server."""
    await wire.host("vip").listen(443, echo)
    one = await wire.host("node1").connect(SERVER, source_port=40000, timeout_ns=SECOND)
    two = await wire.host("node2").connect(SERVER, source_port=40000, timeout_ns=SECOND)
    with pytest.raises(OSError, match=r"node1: .*(Cannot assign requested address|in use)|Cannot"):
        await wire.host("node1").connect(SERVER, source_port=40000, timeout_ns=SECOND)
    assert [one.local, two.local] == [Endpoint(NODE1, 40000), Endpoint(NODE2, 40000)]
    await one.close()
    await two.close()


async def port_range(wire: Wire) -> None:
    """A host with six ports opens no more connections to one server at the same time.

    Linux finds the last ones only by luck.
    """
    await wire.host("node1").listen(443, echo)
    server = Endpoint(NODE1, 443)
    host = wire.host("vip")
    streams: list[Stream] = []

    async def open_all() -> None:
        while len(streams) < 7:
            streams.append(await host.connect(server, timeout_ns=SECOND))

    with pytest.raises(
        NoPortError, match=r"vip to 10.20.1.1:443: no free port: .* in use"
    ) as refused:
        await open_all()
    assert refused.value.errno == errno.EADDRNOTAVAIL
    used = {stream.local.port for stream in streams}
    assert 3 <= len(used) == len(streams) <= 6
    assert used <= set(range(40002, 40008))
    for stream in streams:
        await stream.close()


async def big_transfer(wire: Wire) -> None:
    """Two megabytes each way at the same time, unharmed."""
    received = bytearray()

    async def serve(stream: Stream) -> None:
        async def read() -> None:
            while data := await stream.read():
                received.extend(data)

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(stream.write(BIG[::-1]))

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    answer = bytearray()

    async def read() -> None:
        while data := await stream.read():
            answer.extend(data)

    async def write() -> None:
        await stream.write(BIG)
        await stream.write_eof()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(read())
        group.create_task(write())
    await stream.close()
    assert bytes(answer) == BIG[::-1]
    assert bytes(received) == BIG


async def back_pressure(wire: Wire) -> None:
    """A writer waits for a reader that does not read, and goes on when it does; nothing is lost."""
    may_read = asyncio.Event()
    received = bytearray()

    async def serve(stream: Stream) -> None:
        await may_read.wait()
        while data := await stream.read():
            received.extend(data)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    data = BIG * 8
    writing = asyncio.ensure_future(stream.write(data))
    done, _ = await asyncio.wait({writing}, timeout=0.5)
    assert not done
    may_read.set()
    async with asyncio.timeout(30):
        await writing
        await stream.write_eof()
        assert await stream.read() == b""
    await stream.close()
    assert bytes(received) == data


async def accept_filter(wire: Wire) -> None:
    """With `accept_from` others get no answer at all; those listed are served."""
    await wire.host("node1").listen(5263, echo, accept_from=(NODE2, LOCALHOST))
    with pytest.raises(TimeoutError):
        await wire.host("intruder").connect(Endpoint(NODE1, 5263), timeout_ns=SECOND // 20)
    for name, address in (("node2", NODE1), ("node1", LOCALHOST)):
        stream = await wire.host(name).connect(Endpoint(address, 5263), timeout_ns=SECOND)
        await stream.write(name.encode())
        assert await stream.read() == name.encode()
        await stream.close()


async def loopback(wire: Wire) -> None:
    """127.0.0.1 is each host's own, and from 127.0.0.1; the own address comes from itself."""
    node = wire.host("node1", NODE1)
    listener = await node.listen(0, echo)
    port = listener.local.port
    for address in (LOCALHOST, NODE1):
        stream = await node.connect(Endpoint(address, port), timeout_ns=SECOND)
        assert (stream.local.address, stream.peer.address) == (address, address)
        await stream.close()
    with pytest.raises(ConnectionRefusedError):
        await wire.host("node2").connect(Endpoint(LOCALHOST, port), timeout_ns=SECOND)


async def closed_listener(wire: Wire) -> None:
    """A closed port refuses new connections and keeps those that it has; then another server may have it."""
    host = wire.host("vip")
    listener = await host.listen(443, echo)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"before")
    assert await stream.read() == b"before"
    with pytest.raises(OSError, match=r"vip: cannot listen on \*:443: Address already in use"):
        await host.listen(443, echo)
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"after")
    assert await stream.read() == b"after"
    await stream.close()
    await (await host.listen(443, echo)).close()
    with pytest.raises(OSError, match=r"vip: cannot listen on 10\.20\.1\.2:444"):
        await host.listen(444, echo, address=NODE2)


async def failing_server(wire: Wire) -> None:
    """When a server returns or raises, its stream ends; what it raised reaches the loop's handler."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))

    async def fail(stream: Stream) -> None:
        await stream.read()
        raise RuntimeError("a defect")

    await wire.host("vip").listen(443, fail)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"x")
    assert await stream.read() == b""
    await stream.close()
    assert told == ["RuntimeError('a defect')"]


async def names(wire: Wire) -> None:
    """Names are those of the plan, in any case, localhost, and addresses as written."""
    host = wire.host("node1")
    assert host.resolve("ACCESS.example.com.") == (VIP,)
    assert host.resolve("localhost") == (LOCALHOST,)
    assert host.resolve("192.0.2.7") == (ip_address("192.0.2.7"),)
    assert host.resolve("nowhere.example.com") == ()
    assert len(host.entropy(16)) == 16
    with pytest.raises(ValueError, match="does not own"):
        wire.host("node1", NODE2)


async def time(wire: Wire) -> None:
    """A sleep lasts as long as the clock says."""
    clock = wire.host("node1").clock
    before = clock.now_ns()
    await clock.sleep(20_000_000)
    assert 20_000_000 <= clock.now_ns() - before < 2 * SECOND


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        connect,
        refuse,
        half_close,
        reset,
        unread,
        backlog,
        ports,
        port_range,
        big_transfer,
        back_pressure,
        accept_filter,
        loopback,
        closed_listener,
        failing_server,
        names,
        time,
    )
}


# Both families: on `dual_plan`.


async def _ask(
    wire: Wire, client: str, server: Endpoint, source: Address | None = None
) -> Endpoint:
    """One small echo; the client's end as the server saw it and as the client has it."""
    stream = await wire.host(client, source).connect(server, timeout_ns=SECOND)
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    await stream.close()
    return stream.local


async def ipv6_connect(wire: Wire) -> None:
    """A port without an address listens on every address of both families, and each peer is named as it is."""
    await wire.host("node2").listen(443, echo)
    await wire.host("node1").listen(443, echo)
    assert (await _ask(wire, "six", Endpoint(NODE1_6, 443))).address == SIX
    assert (await _ask(wire, "six", Endpoint(SECOND_6, 443))).address == SIX
    assert (await _ask(wire, "node1", Endpoint(NODE2_6, 443))).address == NODE1_6
    assert (await _ask(wire, "node1", Endpoint(NODE2, 443))).address == NODE1
    assert (await _ask(wire, "node1", Endpoint(NODE2_6, 443), SECOND_6)).address == SECOND_6
    phone = PHONES_6[17]
    assert (await _ask(wire, "phones", Endpoint(NODE2_6, 443), phone)).address == phone


async def ipv6_ports(wire: Wire) -> None:
    """One port may be in use from several addresses of a host at the same time, IPv4 and IPv6."""
    await wire.host("node2").listen(443, echo)
    streams = [
        await wire.host("node1").connect(
            server, source=source, source_port=40000, timeout_ns=SECOND
        )
        for source, server in (
            (NODE1, Endpoint(NODE2, 443)),
            (NODE1_6, Endpoint(NODE2_6, 443)),
            (SECOND_6, Endpoint(NODE2_6, 443)),
        )
    ]
    assert [s.local for s in streams] == [Endpoint(a, 40000) for a in (NODE1, NODE1_6, SECOND_6)]
    for stream in streams:
        await stream.close()


async def ipv6_refuse(wire: Wire) -> None:
    """A closed port answers with a reset, nobody not at all, and who has no IPv6 (or no IPv4) says so."""
    with pytest.raises(ConnectionRefusedError):
        await wire.host("six").connect(Endpoint(NODE1_6, 444), timeout_ns=SECOND)
    with pytest.raises(TimeoutError):
        await wire.host("six").connect(Endpoint(NOBODY_6, 443), timeout_ns=SECOND // 20)
    with pytest.raises(ConnectionRefusedError, match="four has no IPv6 address"):
        await wire.host("four").connect(Endpoint(NODE1_6, 443), timeout_ns=SECOND)
    with pytest.raises(ConnectionRefusedError, match="six has no IPv4 address"):
        await wire.host("six").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)


async def ipv6_names(wire: Wire) -> None:
    """Of a name's addresses a host learns those of its own families; so it is with localhost."""
    name = "access.example.com"
    assert wire.host("node2").resolve(name) == (NODE1_6, NODE1)
    assert wire.host("six").resolve(name) == (NODE1_6,)
    assert wire.host("four").resolve(name) == (NODE1,)
    assert wire.host("node2").resolve("localhost") == (LOCALHOST, LOCALHOST_6)
    assert wire.host("six").resolve("localhost") == (LOCALHOST_6,)
    assert wire.host("phones", PHONES_6[0]).resolve("localhost") == (LOCALHOST_6,)


async def ipv6_accept_filter(wire: Wire) -> None:
    """The filter of a port holds for both families."""
    await wire.host("node1").listen(5263, echo, accept_from=(NODE2, NODE2_6, LOCALHOST_6))
    with pytest.raises(TimeoutError):
        await wire.host("six").connect(Endpoint(NODE1_6, 5263), timeout_ns=SECOND // 20)
    with pytest.raises(TimeoutError):
        await wire.host("four").connect(Endpoint(NODE1, 5263), timeout_ns=SECOND // 20)
    for name, address in (("node2", NODE1), ("node2", NODE1_6), ("node1", LOCALHOST_6)):
        await _ask(wire, name, Endpoint(address, 5263))


async def ipv6_big_transfer(wire: Wire) -> None:
    """Two megabytes, unharmed."""
    received = bytearray()

    async def serve(stream: Stream) -> None:
        while data := await stream.read():
            received.extend(data)

    await wire.host("node1").listen(443, serve)
    stream = await wire.host("six").connect(Endpoint(NODE1_6, 443), timeout_ns=SECOND)
    async with asyncio.timeout(20):
        await stream.write(BIG)
        await stream.write_eof()
        assert await stream.read() == b""
    await stream.close()
    assert bytes(received) == BIG


DUAL_CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        ipv6_connect,
        ipv6_ports,
        ipv6_refuse,
        ipv6_names,
        ipv6_accept_filter,
        ipv6_big_transfer,
    )
}


# Conversations: the same on every wire, segment by segment.


async def talk_echo(wire: Wire) -> None:
    """Three questions and answers; the client ends first."""
    await wire.host("vip").listen(443, echo)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    for _ in range(3):
        await stream.write(b"question")
        await stream.read()
        await asyncio.sleep(0.005)
    await stream.close()


async def talk_server_first(wire: Wire) -> None:
    """The server speaks first, and ends first."""

    async def serve(stream: Stream) -> None:
        await stream.write(b"welcome")
        await asyncio.sleep(0.005)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    while await stream.read():
        pass
    await stream.close()


async def talk_half_close(wire: Wire) -> None:
    """The client ends its direction; 100 ms later the server answers and ends."""

    async def serve(stream: Stream) -> None:
        while await stream.read():
            pass
        await asyncio.sleep(0.1)
        await stream.write(b"answer")
        await asyncio.sleep(0.005)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"question")
    await asyncio.sleep(0.005)
    await stream.write_eof()
    while await stream.read():
        pass
    await stream.close()


async def talk_abort(wire: Wire) -> None:
    """The client resets an open connection."""
    await wire.host("vip").listen(443, echo)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"question")
    await stream.read()
    await asyncio.sleep(0.005)
    stream.abort()
    await asyncio.sleep(0.005)


async def talk_refused(wire: Wire) -> None:
    """Nobody listens."""
    with pytest.raises(ConnectionRefusedError):
        await wire.host("phones").connect(SERVER, timeout_ns=SECOND)


async def talk_slow_answer(wire: Wire) -> None:
    """Answers that come later than an acknowledgement may wait."""

    async def serve(stream: Stream) -> None:
        while data := await stream.read():
            await asyncio.sleep(0.1)
            await stream.write(data)

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    for _ in range(2):
        await stream.write(b"question")
        await stream.read()
        await asyncio.sleep(0.1)
    await stream.close()


async def talk_gone(wire: Wire) -> None:
    """The server has closed both directions when the client speaks again."""

    async def serve(stream: Stream) -> None:
        stream_closed.set()
        await stream.close()

    stream_closed = asyncio.Event()
    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream_closed.wait()
    await asyncio.sleep(1.2)
    await stream.write(b"anybody there?")
    await asyncio.sleep(0.01)
    stream.abort()


async def talk_long_answer(wire: Wire) -> None:
    """Four full segments and a rest, within the first window; the client ends first."""

    async def serve(stream: Stream) -> None:
        await stream.read()
        await stream.write(bytes(6000))
        await stream.read()

    await wire.host("vip").listen(443, serve)
    stream = await wire.host("phones").connect(SERVER, timeout_ns=SECOND)
    await stream.write(b"question")
    answer = 0
    while answer < 6000:
        answer += len(await stream.read())
    await asyncio.sleep(0.1)
    await stream.close()


async def talk_ipv6(wire: Wire) -> None:
    """A question, an answer, a closed port."""

    async def serve(stream: Stream) -> None:
        await stream.read()
        await stream.write(bytes(1000))
        await stream.read()

    await wire.host("node1").listen(443, serve)
    stream = await wire.host("six").connect(Endpoint(NODE1_6, 443), timeout_ns=SECOND)
    await stream.write(b"question")
    answer = 0
    while answer < 1000:
        answer += len(await stream.read())
    await asyncio.sleep(0.05)
    await stream.close()
    with pytest.raises(ConnectionRefusedError):
        await wire.host("six").connect(Endpoint(NODE1_6, 444), timeout_ns=SECOND)


CONVERSATIONS: dict[str, Case] = {
    case.__name__: case
    for case in (
        talk_echo,
        talk_server_first,
        talk_half_close,
        talk_abort,
        talk_refused,
        talk_slow_answer,
        talk_gone,
    )
}
