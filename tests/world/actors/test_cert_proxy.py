"""The cert proxy: tunnels, their order, and everything it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from harness.net.address import Endpoint
from harness.scenario.step import ForgedCallback
from harness.site.site import Site
from harness.world.actors.certificate_request import build_request
from harness.world.actors.http1 import HttpClient, Request, Response
from harness.world.actors.pem import parse_pem
from harness.world.host import Stream
from harness.world.tls.endpoint import ClientSettings, TlsStream, open_client
from harness.world.tls.identity import Identity
from tests.world.actors.stage import (
    FQDN,
    NODES,
    SHORT_NS,
    VIP,
    Stage,
    cluster,
    single_node,
    stage,
)
from tests.world.memory_wire import until

NODE1 = Endpoint(ip_address(NODES["node1"]), 5262)
ADMIN = Endpoint(ip_address(NODES["node1"]), 5263)
LONG_NS = 5_000_000_000
TARGET = f"{FQDN}:443".encode()
CONNECT = Request(method=b"CONNECT", target=TARGET, headers=((b"Host", TARGET),))


async def open_tls(
    running: Stage, host: str, server: Endpoint, *, identity: Identity | None = None
) -> TlsStream:
    """TLS of any host with any server, believing anything."""
    owner = running.wire.owner(running.wire.names[host][0])
    assert owner is not None
    stream = await owner.connect(server, timeout_ns=LONG_NS)
    settings = ClientSettings(server_name=FQDN, identity=identity)
    return await open_client(stream, settings, keys=running.keys, timeout_ns=LONG_NS)


@asynccontextmanager
async def tunnel(running: Stage) -> AsyncIterator[tuple[TlsStream, HttpClient, Response]]:
    """A CONNECT of the device's user at node1, answered."""
    identity = running.setting.pki.device_identity("alice@example.com")
    tls = await open_tls(running, "pixel", NODE1, identity=identity)
    http = HttpClient(tls, timeout_ns=LONG_NS)
    try:
        yield tls, http, await http.exchange(CONNECT)
    finally:
        await tls.close()


async def call_back(running: Stage, port: int) -> Response:
    """node2 asks node1 for a certificate."""
    host = running.wire.owner(ip_address(NODES["node2"]))
    assert host is not None
    tls = await open_tls(running, "node2", ADMIN)
    request = build_request(port, key=running.setting.proxy_key, host=host, authority=b"node1")
    try:
        return await HttpClient(tls, timeout_ns=LONG_NS).exchange(request)
    finally:
        await tls.close()


def upstream_ports(running: Stage) -> tuple[int, ...]:
    """Local ports of node1's connections to the destination."""
    return tuple(a.client.port for a in running.wire.attempts if a.host == "node1")


@pytest.mark.asyncio
async def test_the_certificate_is_stored_before_the_200() -> None:
    """Whoever has the 200 may ask for it at once, and gets the chain of the handshake (F06)."""
    async with stage(cluster()) as running, tunnel(running) as (_, _, answer):
        found = await call_back(running, upstream_ports(running)[0])

        assert (answer.status, found.status) == (200, 200)
        chain = parse_pem(found.body.decode())
        assert running.setting.pki.user_of(chain) == "alice@example.com"


@pytest.mark.asyncio
async def test_a_certificate_does_not_outlive_its_tunnel() -> None:
    """Closed before anybody asked: nothing is left (F08)."""
    async with stage(cluster()) as running:
        async with tunnel(running):
            pass
        await until(lambda: running.wire.served[0].is_closed)

        assert (await call_back(running, upstream_ports(running)[0])).status == 404


@pytest.mark.asyncio
async def test_an_aborted_tunnel_leaves_nothing() -> None:
    """A device that resets its connection, too (F08)."""
    async with stage(cluster()) as running:
        async with tunnel(running) as (tls, _, _):
            tls.abort()
        await until(lambda: running.wire.served[0].is_closed)

        assert (await call_back(running, upstream_ports(running)[0])).status == 404


@pytest.mark.asyncio
async def test_two_live_tunnels_never_share_a_port() -> None:
    """The kernel may hand one port out twice, to two destinations (F02): then another one is dialled."""
    async with stage(cluster()) as running:
        host = running.wire.owner(NODE1.address)
        assert host is not None
        async with tunnel(running):
            first = host.next_port - 1
            host.next_port = first
            async with tunnel(running) as (_, _, answer):
                assert answer.status == 200
                assert upstream_ports(running) == (first, first, first + 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request(method=b"GET", target=b"/", headers=((b"Host", b"h"),)), 405),
        (Request(method=b"GET", target=b"https://h/", headers=((b"Host", b"h"),)), 405),
        (Request(method=b"GET", target=b"/certificate/40000", headers=((b"Host", b"h"),)), 405),
        (Request(method=b"CONNECT", target=b"h", headers=((b"Host", b"h"),)), 400),
        (Request(method=b"CONNECT", target=b"127.1:443", headers=((b"Host", b"h"),)), 400),
        (Request(method=b"CONNECT", target=b"h:8443", headers=((b"Host", b"h"),)), 403),
        (Request(method=b"CONNECT", target=TARGET, headers=((b"Host :", b"h"),)), 400),
    ],
)
async def test_anything_but_a_good_connect_is_refused(request_: Request, status: int) -> None:
    """With a definite answer, and nothing is dialled."""
    async with stage(cluster()) as running:
        identity = running.setting.pki.device_identity("alice@example.com")
        tls = await open_tls(running, "pixel", NODE1, identity=identity)
        answer = await HttpClient(tls, timeout_ns=LONG_NS).exchange(request_)
        end = await tls.read()
        await tls.close()

        assert (answer.status, end) == (status, b"")
        assert running.wire.servers("node1") == ()


@pytest.mark.asyncio
async def test_a_destination_that_refuses_is_a_502() -> None:
    """And nothing stays stored."""
    async with stage(cluster(destination="bystander")) as running:
        bystander = running.wire.owner(running.wire.names["bystander"][0])
        assert bystander is not None
        listener = bystander.listeners.pop(443)
        async with tunnel(running) as (_, _, answer):
            bystander.listeners[443] = listener

            assert answer.status == 502
            assert (await call_back(running, upstream_ports(running)[0])).status == 404


@pytest.mark.asyncio
async def test_a_destination_that_is_silent_is_a_504() -> None:
    """Nobody owns the address."""
    async with (
        stage(cluster(destination="10.20.0.99")) as running,
        tunnel(running) as (_, _, answer),
    ):
        assert answer.status == 504


@pytest.mark.asyncio
@pytest.mark.parametrize("ca", ["trusted", "other"])
async def test_a_certificate_of_another_ca_opens_no_tunnel(ca: Any) -> None:
    """Only the user CA's count; the refusal comes before anything is dialled."""
    async with stage(cluster()) as running:
        identity = running.setting.pki.device_identity("alice@example.com", ca=ca)
        answers = []
        with contextlib.suppress(ConnectionError):
            tls = await open_tls(running, "pixel", NODE1, identity=identity)
            try:
                answers.append(await HttpClient(tls, timeout_ns=LONG_NS).exchange(CONNECT))
            finally:
                await tls.close()

        expected = [200] if ca == "trusted" else []
        assert [answer.status for answer in answers] == expected
        assert len(upstream_ports(running)) == len(expected)


@pytest.mark.asyncio
async def test_the_admin_port_does_not_exist_for_others() -> None:
    """Not even a SYN-ACK (V09), with the right key or without."""
    async with stage(cluster()) as running:
        for key in ("none", "wrong", "shared"):
            step = ForgedCallback.model_validate(
                {"attacker": "mallory", "call_back": "node1:5263", "key": key}
            )
            assert await running.attacker.send_callback(step) is None

        assert {a.outcome for a in running.wire.attempts} == {"silence"}


@pytest.mark.asyncio
@pytest.mark.parametrize(("key", "status"), [("none", 403), ("wrong", 403), ("shared", 404)])
async def test_an_open_admin_port_still_wants_the_key(key: str, status: int) -> None:
    """F47 opens the port, not the store."""
    async with stage(cluster(), defects=("F47",)) as running:
        step = ForgedCallback.model_validate(
            {"attacker": "mallory", "call_back": "node1:5263", "key": key}
        )
        answer = await running.attacker.send_callback(step)

        assert answer is not None
        assert answer.status == status


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("site", "defects"),
    [
        (cluster(), ()),
        (cluster(), ("F45",)),
        (single_node(ports=[{"port": 5262}]), ()),
    ],
)
async def test_a_stranger_gets_no_certificate_from_the_proxy_port(
    site: Site, defects: tuple[str, ...]
) -> None:
    """One port for all (or F45): call-backs are for nodes; a stranger has to show a certificate first."""
    async with stage(site, defects=defects) as running:
        step = ForgedCallback.model_validate(
            {"attacker": "mallory", "call_back": "node1:5262", "key": "shared"}
        )

        assert await running.attacker.send_callback(step) is None


@pytest.mark.asyncio
async def test_a_node_gets_no_tunnel_without_a_certificate() -> None:
    """The one port lets nodes in without one, for call-backs only (V11)."""
    async with stage(single_node(ports=[{"port": 5262}])) as running:
        tls = await open_tls(running, "node1", NODE1)
        answer = await HttpClient(tls, timeout_ns=LONG_NS).exchange(CONNECT)
        await tls.close()

        assert answer.status == 403
        assert running.wire.servers("node1") == (str(NODE1),)


def garbage() -> list[bytes]:
    """Hostile first bytes; always the same ones."""
    chance = random.Random(20)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    return [
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        hello,
        hello + b"\xff" * 600,
        hello + chance.randbytes(600),
        b"\x16\x03\x01\xff\xff" + b"\0" * 70000,
        b"\x80\x2e\x01\x00\x02" + chance.randbytes(60),
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\0" * 5000,
        *(chance.randbytes(size) for size in (1, 5, 100, 5000)),
    ]


@pytest.mark.asyncio
async def test_garbage_does_not_disturb_anybody() -> None:
    """Every port of every machine gets it; afterwards a device signs in as before."""
    async with stage(cluster()) as running:
        pixel = running.wire.owner(running.wire.names["pixel"][0])
        node2 = running.wire.owner(ip_address(NODES["node2"]))
        assert pixel is not None
        assert node2 is not None

        async def send(host: Any, address: str, port: int, data: bytes) -> None:
            stream: Stream = await host.connect(
                Endpoint(ip_address(address), port), timeout_ns=LONG_NS
            )
            try:
                await stream.write(data)
                await stream.write_eof()
                while await stream.read():
                    pass
            except ConnectionError:
                return
            await stream.close()

        servers = [(pixel, VIP, 443), (pixel, VIP, 5262), (pixel, NODES["node1"], 443)]
        servers += [(pixel, NODES["node1"], 5262), (node2, NODES["node1"], 5263)]
        await asyncio.gather(*(send(*server, data) for server in servers for data in garbage()))

        assert await running.user() == "alice@example.com"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("pixel", f"{VIP}:443"),
        ("pixel", f"{VIP}:5262"),
        ("pixel", f"{NODES['node1']}:443"),
        ("pixel", f"{NODES['node1']}:5262"),
        ("node2", f"{NODES['node1']}:5263"),
    ],
)
async def test_a_client_that_says_nothing_is_let_go(host: str, server: str) -> None:
    """Every port ends a silent connection by itself."""
    async with stage(cluster(), timeout_ns=SHORT_NS) as running:
        owner = running.wire.owner(running.wire.names[host][0])
        assert owner is not None
        address, _, port = server.rpartition(":")
        stream = await owner.connect(Endpoint(ip_address(address), int(port)), timeout_ns=LONG_NS)
        async with asyncio.timeout(4 * SHORT_NS / 1e9):
            with pytest.raises(ConnectionResetError):
                await stream.read()


@pytest.mark.asyncio
async def test_a_handshake_without_a_request_is_let_go() -> None:
    """Authenticated and silent: the connection ends in order."""
    async with stage(cluster(), timeout_ns=SHORT_NS) as running:
        identity = running.setting.pki.device_identity("alice@example.com")
        tls = await open_tls(running, "pixel", NODE1, identity=identity)
        async with asyncio.timeout(4 * SHORT_NS / 1e9):
            assert await tls.read() == b""
        await tls.close()


@pytest.mark.asyncio
async def test_an_idle_tunnel_is_let_go() -> None:
    """Nobody holds a port for ever (F11)."""
    async with stage(cluster(), timeout_ns=SHORT_NS) as running, tunnel(running) as (tls, _, _):
        async with asyncio.timeout(4 * SHORT_NS / 1e9):
            with pytest.raises(ConnectionError):
                await tls.read()
