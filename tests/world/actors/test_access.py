"""The Access service: definite answers, and nobody signed in by mistake."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site.sign_in import build_apps_target, build_login_target, find_user
from harness.world.actors.http1 import Headers, HttpClient, HttpServer, Request, Response
from harness.world.actors.server_identity import service_identity
from harness.world.host import Serve, Stream
from harness.world.tls.endpoint import ClientSettings, ServerSettings, open_client, open_server
from tests.world.actors.stage import (
    FQDN,
    NODES,
    SHORT_NS,
    Stage,
    cluster,
    single_node,
    stage,
)

LONG_NS = 5_000_000_000
FRESH = "0" * 32
LOGIN = build_login_target("salesforce", FRESH)
APPS = build_apps_target(FRESH)
ALICE = "alice@example.com"


async def ask(
    running: Stage,
    target: str,
    *,
    host: str = "mallory",
    node: str = "node1",
    method: str = "GET",
    headers: Headers = (),
) -> Response:
    """One request of a machine straight to a node's service."""
    owner = running.wire.owner(running.wire.names[host][0])
    assert owner is not None
    stream = await owner.connect(Endpoint(ip_address(NODES[node]), 443), timeout_ns=LONG_NS)
    settings = ClientSettings(server_name=FQDN)
    tls = await open_client(stream, settings, keys=running.keys, timeout_ns=LONG_NS)
    request = Request(
        method=method.encode(), target=target.encode(), headers=((b"Host", FQDN.encode()), *headers)
    )
    try:
        return await HttpClient(tls, timeout_ns=LONG_NS).exchange(request)
    finally:
        await tls.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", LOGIN, 403),
        ("POST", LOGIN, 405),
        ("GET", APPS, 401),
        ("POST", APPS, 405),
        ("GET", "/", 404),
        ("GET", "/SAAS/auth/login", 404),
        ("GET", LOGIN + "0", 404),
        ("GET", "/SAAS/auth/login?app=a%20b&request=" + FRESH, 404),
    ],
)
async def test_a_stranger_gets_a_definite_refusal(method: str, target: str, status: int) -> None:
    """Nobody is signed in, and nobody is called back."""
    async with stage(cluster()) as running:
        answer = await ask(running, target, method=method)

        assert answer.status == status
        assert answer.values("Content-Type") == (b"application/json",)
        assert find_user(answer.status, answer.body) is None
        assert b"error" in answer.body
        assert running.callbacks() == ()


@pytest.mark.asyncio
async def test_a_session_is_the_holder_s() -> None:
    """The cookie of a sign-in names its user; another node, or a made-up one, names nobody."""
    async with stage(single_node()) as running:
        (answer,) = await running.sign_in()
        (cookie,) = answer.values("Set-Cookie")
        own = ((b"Cookie", cookie.partition(b";")[0]),)

        held = await ask(running, APPS, headers=own)
        made_up = await ask(running, APPS, headers=((b"Cookie", b"HZN=" + b"0" * 32),))

        assert find_user(held.status, held.body) == ALICE
        assert made_up.status == 401


@pytest.mark.asyncio
async def test_a_cookie_does_not_sign_in() -> None:
    """A sign-in needs a certificate each time."""
    async with stage(single_node()) as running:
        (answer,) = await running.sign_in()
        (cookie,) = answer.values("Set-Cookie")

        again = await ask(running, LOGIN, headers=((b"Cookie", cookie.partition(b";")[0]),))

        assert again.status == 403


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        ((b"RemotePort", b"40000"), (b"X-Forwarded-For", NODES["node2"].encode())),
        ((b"RemotePort", b"40000"), (b"RemotePort", b"40000")),
        ((b"RemotePort ", b"40000"), (b"X-Forwarded-For", NODES["node2"].encode())),
        ((b"X", b"1\r\n RemotePort: 40000"),),
        ((b"Remote_Port", b"40000"), (b"X_Forwarded_For", NODES["node2"].encode())),
        ((b"Forwarded", b"for=10.20.1.2:40000"),),
        ((b"X-Real-IP", NODES["node2"].encode()), (b"RemotePort", b"40000")),
    ],
)
async def test_a_stranger_s_headers_cause_no_call_back(headers: Headers) -> None:
    """However they are written."""
    async with stage(cluster()) as running:
        answer = await ask(running, LOGIN, headers=headers)

        assert answer.status in (400, 403)
        assert running.callbacks() == ()


@pytest.mark.asyncio
async def test_a_certificate_that_does_not_hold_signs_in_nobody() -> None:
    """The service verifies what it is handed, whoever handed it (F54)."""
    async with stage(single_node()) as running:
        host = running.wire.owner(ip_address(NODES["node1"]))
        assert host is not None
        listener = host.listeners[5263]
        other = running.setting.pki.device_identity(ALICE, ca="other")
        body = "".join(other.chain_pem).encode()
        listener.serve = impostor(running, body)

        answers = await running.sign_in()

        assert [answer.status for answer in answers] == [403]
        assert b"error" in answers[0].body


def impostor(running: Stage, body: bytes) -> Serve:
    """A cert proxy with the right server certificate that answers everything with this body."""
    settings = ServerSettings(identity=service_identity(running.setting, "node1"))

    async def respond(request: Request) -> Response:
        return Response(status=200, body=body)

    async def serve(stream: Stream) -> None:
        tls = await open_server(stream, settings, keys=running.keys, timeout_ns=LONG_NS)
        await HttpServer(tls, timeout_ns=LONG_NS).serve(respond)
        await tls.close()

    return serve


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no certificate",
        b"\xff\xfe\x00",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
async def test_nonsense_from_a_cert_proxy_signs_in_nobody(body: bytes) -> None:
    """A definite refusal, not a crash."""
    async with stage(single_node()) as running:
        host = running.wire.owner(ip_address(NODES["node1"]))
        assert host is not None
        host.listeners[5263].serve = impostor(running, body)

        answers = await running.sign_in()

        assert [answer.status for answer in answers] == [403]


@pytest.mark.asyncio
async def test_a_cert_proxy_that_hangs_is_a_refusal_in_time() -> None:
    """The device is answered before its own time-out (V26)."""
    hanging = asyncio.Event()

    async def hang(stream: Stream) -> None:
        with contextlib.suppress(ConnectionError):
            await hanging.wait()

    async with stage(cluster(), timeout_ns=2 * SHORT_NS) as running:
        host = running.wire.owner(ip_address(NODES["node1"]))
        assert host is not None
        host.listeners[5263].serve = hang

        answers = await running.sign_in()
        hanging.set()

        assert [answer.status for answer in answers] == [403]


@pytest.mark.asyncio
async def test_a_port_without_its_tunnel_signs_in_nobody() -> None:
    """The node itself, from the port of a tunnel that has ended: there is no copy to fall back to (V03, V19)."""
    async with stage(single_node()) as running:
        host = running.wire.owner(ip_address(NODES["node1"]))
        assert host is not None
        (first,) = await running.sign_in()
        port = next(
            a.client.port for a in running.wire.attempts if str(a.server).endswith(".1:443")
        )
        host.next_port = port

        again = await ask(running, LOGIN, host="node1")

        assert (first.status, again.status) == (200, 403)
