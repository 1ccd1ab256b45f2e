"""The balancer: whose bytes go where, and under which headers."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site.site import Site
from harness.world.actors.balancer import Rotation, dial
from harness.world.actors.http1 import HttpClient, Request
from harness.world.host import Stream
from harness.world.tls.endpoint import ClientSettings, open_client
from tests.world.actors.stage import (
    DEVICE,
    FQDN,
    NODES,
    SHORT_NS,
    VIP,
    Stage,
    cluster,
    make_setting,
    pass_through_cluster,
    stage,
)
from tests.world.memory_wire import MemoryWire
from tests.world.wiretap import decrypt

LONG_NS = 5_000_000_000
NODE1, NODE2, NODE3 = (ip_address(address) for address in NODES.values())
SERVICE = [f"{address}:443" for address in NODES.values()]


def test_the_turn_goes_round() -> None:
    """Each node first, once; the others in order behind it."""
    rotation = Rotation(("a", "b", "c"), start=1)

    orders = [rotation.order() for _ in range(4)]

    assert orders == [("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c"), ("b", "c", "a")]


def test_the_asker_itself_comes_last() -> None:
    """A request that comes from a node is served by another one, where there is another one."""
    rotation = Rotation(("a", "b"))

    assert [rotation.order(avoid="a") for _ in range(2)] == [("b", "a"), ("b", "a")]
    assert Rotation(("a",)).order(avoid="a") == ("a",)


@pytest.mark.asyncio
async def test_the_next_node_takes_over() -> None:
    """A node that refuses or is silent is passed over; when all do, the last refusal counts."""
    setting = make_setting(cluster())
    wire = MemoryWire()
    vip = wire.host("vip", VIP)
    wire.host("node1", NODE1)
    third = wire.host("node3", NODE3)

    async def serve(stream: Stream) -> None:
        await stream.read()

    listener = await third.listen(443, serve)
    order = ("node1", "node2", "node3")
    node, stream = await dial(vip, order, 443, setting)
    await stream.close()
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await dial(vip, order, 443, setting)
    await wire.close()

    assert node == "node3"
    assert [a.outcome for a in wire.attempts][:3] == ["refused", "silence", "connected"]


async def ask(running: Stage, *requests: Request) -> list[int]:
    """A device's own requests on one connection to the balancer's service port."""
    pixel = running.wire.owner(ip_address(DEVICE))
    assert pixel is not None
    stream = await pixel.connect(Endpoint(ip_address(VIP), 443), timeout_ns=LONG_NS)
    settings = ClientSettings(server_name=FQDN)
    tls = await open_client(stream, settings, keys=running.keys, timeout_ns=LONG_NS)
    http = HttpClient(tls, timeout_ns=running.setting.timeout_ns)
    try:
        return [(await http.exchange(request)).status for request in requests]
    finally:
        await tls.close()


def get(target: str, *lines: tuple[bytes, bytes], method: bytes = b"GET") -> Request:
    """A request with a Host line and these."""
    return Request(
        method=method, target=target.encode(), headers=((b"Host", FQDN.encode()), *lines)
    )


@pytest.mark.asyncio
async def test_each_request_carries_the_truth_once() -> None:
    """One connection, three requests: each has its own pair of lines, and none of the client's."""
    async with stage(cluster()) as running:
        forged = (b"RemotePort", b"40000"), (b"x-forwarded-for", NODES["node3"].encode())
        statuses = await ask(
            running,
            get("/a", *forged),
            get("/b", (b"Connection", b"keep-alive, RemotePort"), *forged),
            get("/c"),
        )

        port = running.wire.attempts[0].client.port
        heads = [head for server in SERVICE for head in running.requests(server)]
        assert statuses == [404, 404, 404]
        assert [head[0] for head in heads] == [f"GET /{c} HTTP/1.1" for c in "abc"]
        for head in heads:
            assert head[1:] == (
                f"Host: {FQDN}",
                f"X-Forwarded-For: {DEVICE}",
                f"RemotePort: {port}",
            )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_",
    [
        get("/", (b"RemotePort ", b"1")),
        get("/", (b"Content-Length", b"0"), (b"Transfer-Encoding", b"chunked")),
        get("/", (b"Host", b"another")),
        get("/", (b"A", b"b\x00c")),
    ],
)
async def test_an_ambiguous_request_goes_no_further(request_: Request) -> None:
    """400 from the balancer itself (V21): no node sees it."""
    async with stage(cluster()) as running:
        assert await ask(running, request_) == [400]
        assert running.wire.servers("vip") == ()


@pytest.mark.asyncio
async def test_a_body_is_handed_on_whole() -> None:
    """With a length of the balancer's own."""
    async with stage(cluster()) as running:
        request = Request(
            method=b"POST", target=b"/x", headers=((b"Host", b"h"),), body=b"0123456789" * 3000
        )
        statuses = await ask(running, request)
        (stream,) = [s for s in running.wire.served if str(s.local) in SERVICE]
        _, said, _ = decrypt(stream, running.keys.sessions)

        assert statuses == [404]
        assert re.search(rb"\r\nContent-Length: 30000\r\n\r\n(0123456789){3000}$", said)


@pytest.mark.asyncio
async def test_without_a_node_the_client_is_told() -> None:
    """502 when every node refuses."""
    async with stage(cluster()) as running:
        hosts = [running.wire.owner(address) for address in (NODE1, NODE2, NODE3)]
        listeners = [host.listeners.pop(443) for host in hosts if host is not None]
        statuses = await ask(running, get("/"))

        assert statuses == [502]
        assert len(listeners) == 3


@pytest.mark.asyncio
async def test_a_node_that_hangs_is_a_504_in_time() -> None:
    """Before the client's own patience ends."""
    hanging = asyncio.Event()

    async def hang(stream: Stream) -> None:
        await hanging.wait()

    async with stage(cluster(), timeout_ns=SHORT_NS) as running:
        for address in (NODE1, NODE2, NODE3):
            host = running.wire.owner(address)
            assert host is not None
            host.listeners[443].serve = hang
        statuses = await ask(running, get("/"))
        hanging.set()

        assert statuses == [504]


@pytest.mark.asyncio
async def test_a_node_with_a_foreign_certificate_is_not_believed() -> None:
    """The balancer verifies the node it encrypts to."""
    async with stage(cluster()) as running:
        foreign = stage(cluster())
        async with foreign as other:
            for address in (NODE1, NODE2, NODE3):
                ours, theirs = running.wire.owner(address), other.wire.owner(address)
                assert ours is not None
                assert theirs is not None
                ours.listeners[443].serve = theirs.listeners[443].serve
            assert await ask(running, get("/")) == [502]


@pytest.mark.asyncio
async def test_the_proxy_port_is_passed_through() -> None:
    """The node's handshake is the device's: same random, same server certificate, client certificate seen (V14)."""
    async with stage(cluster()) as running:
        await running.user()
        before, behind = (
            decrypt(
                next(s for s in running.wire.served if str(s.local) == server),
                running.keys.sessions,
            )
            for server in (f"{VIP}:5262", f"{NODES['node1']}:5262")
        )

        assert before == behind
        assert len(behind[0].client_certificates) == 1
        assert behind[0].client_random is not None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("site", "are_equal"), [(cluster(), False), (pass_through_cluster(), True)]
)
async def test_the_service_port_is_terminated_or_passed(site: Site, are_equal: bool) -> None:
    """The ClientHello's random tells which."""
    async with stage(site) as running:
        await ask(running, get("/"))
        randoms = {
            decrypt(s, running.keys.sessions)[0].client_random
            for s in running.wire.served
            if s.local.port == 443
        }

        assert (len(randoms) == 1) is are_equal


@pytest.mark.asyncio
@pytest.mark.parametrize("port", [443, 5262])
async def test_a_pass_through_without_a_node_ends(port: int) -> None:
    """The client's connection does not hang."""
    async with stage(pass_through_cluster()) as running:
        for address in (NODE1, NODE2, NODE3):
            host = running.wire.owner(address)
            assert host is not None
            host.listeners.pop(port)
        pixel = running.wire.owner(ip_address(DEVICE))
        assert pixel is not None
        stream = await pixel.connect(Endpoint(ip_address(VIP), port), timeout_ns=LONG_NS)
        end = await stream.read()
        await stream.close()

        assert end == b""
