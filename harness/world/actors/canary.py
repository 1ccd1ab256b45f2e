"""The canary: one known violation for each family of checks, in every run, among machines of its own (site/canary.py).

Each is a whole, orderly conversation in few packets, one after the other, so that the judge can be certain of all:

    destination  NODE sends a SYN to FORBIDDEN (V15)
    header       NODE asks BALANCER, which tells NODE an untrue RemotePort and OTHER_NODE's address (V07);
                 BALANCER sends NODE two RemotePort lines (V08)
    call-back    so NODE asks OTHER_NODE for a certificate, while its own connection is behind the request (V05)
    admin port   DEVICE reaches NODE's admin port (V09)
    handshake    NODE opens a tunnel for DEVICE without asking for a certificate (V11)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from harness.net.address import Endpoint
from harness.net.forwarding import FORWARDED_FOR, REMOTE_PORT
from harness.site import canary, sign_in
from harness.site.page import CertProxy
from harness.site.site import SERVICE_PORT
from harness.world.actors.certificate_request import build_request
from harness.world.actors.connections import Connections
from harness.world.actors.http1 import Headers, HttpClient, HttpServer, Request, Response
from harness.world.actors.setting import Setting
from harness.world.host import Host, Stream
from harness.world.tls.endpoint import (
    ClientSettings,
    ServerSettings,
    TlsStream,
    open_client,
    open_server,
)

_NAME = "canary.invalid"
_ASTRAY = "astray"
_TWICE = "twice"
"""Applications that the canary's requests name: which violation they are."""
_SYN_TIMEOUT_NS = 20_000_000
"""The SYN leaves at once; an answer never comes."""
_KEY = 40000
"""A port nobody owns."""

_PROXY_PORT, _ADMIN_PORT = (port.port for port in CertProxy().ports)

Respond = Callable[[Request], Awaitable[Response]]


class Canary:
    """The four machines."""

    def __init__(
        self, node: Host, other_node: Host, balancer: Host, device: Host, setting: Setting
    ) -> None:
        """Give all of them one certificate, which nobody looks at."""
        self._node = node
        self._other_node = other_node
        self._balancer = balancer
        self._device = device
        self._setting = setting
        identity = setting.pki.public_identity(_NAME)
        self._server = ServerSettings(identity=identity, version=setting.site.tls)
        self._client = ClientSettings(server_name=_NAME, version=setting.site.tls)

    async def commit(self) -> None:
        """Commit every violation.

        Raises:
            ConnectionError, TimeoutError: the machines could not talk to each other.
        """
        syn = asyncio.create_task(self._send_forbidden_syn())
        servers = tuple(
            Connections(host, timeout_ns=self._setting.timeout_ns)
            for host in (self._node, self._other_node, self._balancer)
        )
        node, other_node, balancer = servers
        try:
            await node.listen(SERVICE_PORT, self._serve_access)
            await node.listen(_PROXY_PORT, self._serve_proxy)
            await node.listen(_ADMIN_PORT, self._serve_desk)
            await other_node.listen(_ADMIN_PORT, self._serve_desk)
            await balancer.listen(SERVICE_PORT, self._serve_balancer)
            await self._converse()
        finally:
            for server in servers:
                await server.stop()
            await syn

    async def _converse(self) -> None:
        service = Endpoint(canary.BALANCER, SERVICE_PORT)
        await self._exchange(self._node, service, self._build_sign_in(_ASTRAY))
        # That the port accepts it is enough: a handshake less in every run.
        desk = Endpoint(canary.NODE, _ADMIN_PORT)
        stream = await self._device.connect(desk, timeout_ns=self._setting.timeout_ns)
        await stream.close()
        target = str(service).encode()
        connect = Request(method=b"CONNECT", target=target, headers=((b"Host", target),))
        await self._exchange(self._device, Endpoint(canary.NODE, _PROXY_PORT), connect)

    async def _send_forbidden_syn(self) -> None:
        server = Endpoint(canary.FORBIDDEN, SERVICE_PORT)
        with contextlib.suppress(ConnectionError, TimeoutError):
            stream = await self._node.connect(server, timeout_ns=_SYN_TIMEOUT_NS)
            stream.abort()

    async def _serve_access(self, stream: Stream) -> None:
        async def respond(request: Request) -> Response:
            if sign_in.find_app(request.target) == _ASTRAY:
                wrong = Endpoint(canary.OTHER_NODE, _ADMIN_PORT)
                port = int(request.values(REMOTE_PORT)[0])
                callback = build_request(
                    port,
                    key=self._setting.proxy_key,
                    host=self._node,
                    authority=str(wrong).encode(),
                )
                await self._exchange(self._node, wrong, callback)
            return _refuse(403)

        await self._serve(stream, respond)

    async def _serve_balancer(self, stream: Stream) -> None:
        async def respond(request: Request) -> Response:
            untrue = Endpoint(canary.OTHER_NODE, stream.peer.port ^ 1)
            headers = (
                *request.headers,
                (FORWARDED_FOR.encode(), str(untrue.address).encode()),
                (REMOTE_PORT.encode(), str(untrue.port).encode()),
            )
            forwarded = Request(method=request.method, target=request.target, headers=headers)
            twice = ((REMOTE_PORT.encode(), str(_KEY).encode()),) * 2
            origin = (FORWARDED_FOR.encode(), str(canary.NODE).encode())
            # On one connection: a handshake less in every run.
            answer, _ = await self._exchange(
                self._balancer,
                Endpoint(canary.NODE, SERVICE_PORT),
                forwarded,
                self._build_sign_in(_TWICE, (origin, *twice)),
            )
            return Response(status=answer.status, body=answer.body)

        await self._serve(stream, respond)

    async def _serve_desk(self, stream: Stream) -> None:
        async def respond(request: Request) -> Response:
            return _refuse(404)

        await self._serve(stream, respond)

    async def _serve_proxy(self, stream: Stream) -> None:
        tls = await self._accept(stream)
        try:
            http = HttpServer(tls, timeout_ns=self._setting.timeout_ns)
            if await http.receive() is not None:
                tunnel = await http.accept_tunnel()
                await tunnel.read()
        finally:
            await tls.close()

    async def _serve(self, stream: Stream, respond: Respond) -> None:
        tls = await self._accept(stream)
        try:
            await HttpServer(tls, timeout_ns=self._setting.timeout_ns).serve(respond)
        finally:
            await tls.close()

    async def _accept(self, stream: Stream) -> TlsStream:
        return await open_server(
            stream, self._server, keys=self._setting.keys, timeout_ns=self._setting.timeout_ns
        )

    async def _exchange(
        self, host: Host, server: Endpoint, *requests: Request
    ) -> tuple[Response, ...]:
        timeout_ns = self._setting.timeout_ns
        stream = await host.connect(server, timeout_ns=timeout_ns)
        tls = await open_client(
            stream, self._client, keys=self._setting.keys, timeout_ns=timeout_ns
        )
        try:
            client = HttpClient(tls, timeout_ns=timeout_ns)
            return tuple([await client.exchange(request) for request in requests])
        finally:
            await tls.close()

    def _build_sign_in(self, app: str, headers: Headers = ()) -> Request:
        target = sign_in.build_login_target(app, self._device.entropy(16).hex())
        return Request(
            method=b"GET", target=target.encode(), headers=((b"Host", _NAME.encode()), *headers)
        )


def _refuse(status: int) -> Response:
    return Response(status=status, body=b"canary\n")
