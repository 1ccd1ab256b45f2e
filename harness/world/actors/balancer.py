"""The built-in load balancer: TLS pass-through on the proxy ports, pass-through or termination on the service port."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from harness.net.address import Endpoint
from harness.site.site import SERVICE_PORT, BalancerMode
from harness.world.actors import http2
from harness.world.actors.connections import Connections
from harness.world.actors.forwarded import forward_headers, strip_connection
from harness.world.actors.http1 import HttpClient, HttpServer, Request, Response, Rest
from harness.world.actors.lenient import add_headers, read_request
from harness.world.actors.relay import join
from harness.world.actors.server_identity import balancer_identity, service_verify
from harness.world.actors.setting import Setting
from harness.world.host import Host, Stream
from harness.world.tls.endpoint import (
    ClientSettings,
    ServerSettings,
    TlsStream,
    open_client,
    open_server,
)
from harness.world.tls.identity import Identity

_OWN_USER = "balancer@example.com"
"""Whom the balancer's own client certificate names (F37)."""


_IMPATIENCE = 25
"""Part of the time-out after which F41 asks another node."""


class Rotation:
    """Round robin over the nodes."""

    def __init__(self, nodes: Iterable[str], *, start: int = 0) -> None:
        """Begin with the node at index `start`."""
        self._nodes = tuple(nodes)
        self._next = start

    def order(self, *, avoid: str | None = None) -> tuple[str, ...]:
        """Every node in the order of trying; `avoid` comes last."""
        turn = self._next % len(self._nodes)
        self._next += 1
        turned = self._nodes[turn:] + self._nodes[:turn]
        return tuple(sorted(turned, key=lambda node: node == avoid))


class Upstream:
    """The connection to a node that serves one client connection, request by request."""

    def __init__(self, host: Host, setting: Setting, order: tuple[str, ...]) -> None:
        """Connect with the first request, to the first node of `order` that takes the connection."""
        self._host = host
        self._setting = setting
        self._order = order
        self._stream: Stream | None = None
        self._http: HttpClient | None = None

    async def exchange(self, request: Request) -> Response:
        """Hand a request on; 502 where no node could be asked, 504 where none answered in time."""
        try:
            if self._http is None or not self._http.is_reusable:
                await self.close()
                self._http = await self._connect()
            response = await self._exchange(self._http, request)
        except TimeoutError:
            self._abort()
            return _refuse(504, "the node did not answer in time")
        except ConnectionError as error:
            self._abort()
            return _refuse(502, f"the node did not answer: {type(error).__name__}")
        return Response(
            status=response.status, headers=strip_connection(response), body=response.body
        )

    async def _exchange(self, http: HttpClient, request: Request) -> Response:
        """Ask the node; one that takes its time is given up for the next one (F41)."""
        if "F41" not in self._setting.defects:
            return await http.exchange(request)
        try:
            async with asyncio.timeout(self._setting.timeout_ns / 1e9 / _IMPATIENCE):
                return await http.exchange(request)
        except TimeoutError:
            self._abort()
            self._order = (*self._order[1:], self._order[0])
            self._http = await self._connect()
            return await self._http.exchange(request)

    async def move(self, order: tuple[str, ...]) -> None:
        """Go on with other nodes."""
        await self.close()
        self._order = order

    async def relay(self, data: bytes, client: Stream) -> None:
        """Hand bytes on, and to the client what comes back, until the node ends."""
        await self._connect()
        assert self._stream is not None
        try:
            await self._stream.write(data)
            await join(client, self._stream, idle_ns=self._setting.upstream_timeout_ns)
        finally:
            await self.close()

    async def _connect(self) -> HttpClient:
        timeout_ns, site = self._setting.upstream_timeout_ns, self._setting.site
        name, stream = await dial(self._host, self._order, SERVICE_PORT, self._setting)
        self._stream = stream
        if not site.is_offloaded:
            is_balancer = name in site.balancers
            settings = ClientSettings(
                server_name=site.fqdn if is_balancer else site.host_name(name),
                version=site.tls,
                verify=self._setting.pki.server_verifier(site.fqdn, roots="public")
                if is_balancer
                else service_verify(self._setting, name),
            )
            self._stream = await open_client(
                stream, settings, keys=self._setting.keys, timeout_ns=timeout_ns
            )
        return HttpClient(self._stream, timeout_ns=timeout_ns)

    async def close(self) -> None:
        """End the connection in order, if there is one."""
        if self._stream is not None:
            await self._stream.close()
        self._stream = self._http = None

    def _abort(self) -> None:
        if self._stream is not None:
            self._stream.abort()
        self._stream = self._http = None


class LoadBalancer:
    """Serves the service port and every proxy port of the site."""

    def __init__(self, host: Host, name: str, setting: Setting) -> None:
        """Put the balancer `name` on its host; nothing listens yet."""
        self._host = host
        self._setting = setting
        self._settings = setting.site.balancers[name]
        self._name = name
        self._identity: Identity | None = None
        behind = setting.site.behind(name)
        self._proxies = Rotation(behind)
        # One node further than the proxies', so that sign-ins one by one need another node's certificate.
        self._services = Rotation(behind, start=1)
        self._pool: Upstream | None = None
        self._pooling = asyncio.Lock()
        self._client_ports: Counter[int] = Counter()
        self._connections = Connections(host, timeout_ns=setting.timeout_ns)

    async def start(self) -> None:
        """Listen on every port, with the certificate that is in force now."""
        self._identity = balancer_identity(self._setting, self._name)
        is_terminated = self._settings.proxy is BalancerMode.TERMINATE or bool(
            {"F36", "F37"} & self._setting.defects
        )
        site, defects = self._setting.site, self._setting.defects
        # A firewall in front of the port lets nobody through (F91).
        accept_from = (self._settings.address,) if "F91" in defects else None
        for port in (*site.proxy_ports, *(site.admin_ports if "F38" in defects else ())):
            serve = self._terminate_proxy if is_terminated else self._pass_proxy
            await self._connections.listen(port, serve, accept_from=accept_from)
        is_service_terminated = self._settings.service.ends_tls
        await self._connections.listen(
            SERVICE_PORT, self._terminate_service if is_service_terminated else self._pass_service
        )

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        if self._pool is not None:
            await self._pool.close()
        await self._connections.stop()

    async def restart(self) -> None:
        """Be killed and start again: every connection is reset, those to the nodes as well."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        await self._connections.kill()
        await self.start()

    async def probe(self) -> None:
        """Look whether every proxy port of every node answers: a TLS handshake without a certificate, and the end."""
        site = self._setting.site
        for node in site.nodes:
            for port in site.proxy_ports:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await self._probe(node, port)

    async def _probe(self, node: str, port: int) -> None:
        _, carrier = await dial(self._host, (node,), port, self._setting)
        tls = await open_client(
            carrier,
            ClientSettings(server_name=node, version=self._setting.site.tls),
            keys=self._setting.keys,
            timeout_ns=self._setting.upstream_timeout_ns,
        )
        await tls.close()

    async def _pass_proxy(self, stream: Stream) -> None:
        await self._pass(stream, self._proxies.order())

    async def _pass_service(self, stream: Stream) -> None:
        await self._pass(
            stream, self._services.order(avoid=self._setting.node_of(stream.peer.address, own=""))
        )

    async def _pass(self, stream: Stream, order: tuple[str, ...]) -> None:
        _, upstream = await dial(self._host, order, stream.local.port, self._setting)
        if "F42" in self._setting.defects:
            one, other = stream.peer, stream.local
            preamble = f"PROXY TCP{one.address.version} {one.address} {other.address} {one.port} {other.port}\r\n"
            await upstream.write(preamble.encode())
        await join(stream, upstream, idle_ns=self._setting.timeout_ns)

    async def _terminate_service(self, stream: Stream) -> None:
        tls = await self._accept(stream, is_service=True)
        if {"F22", "F31", "F82", "V21"} & self._setting.defects:
            await self._pass_leniently(tls)
            return
        order = self._services.order(avoid=self._setting.node_of(tls.peer.address, own=""))
        upstream = Upstream(self._host, self._setting, order)

        client = self._name_client(tls.peer)
        # What the balancer before this one has set stays.
        is_handed_on = self._setting.site.balancer_at(tls.peer.address) is not None

        async def respond(request: Request) -> Response:
            headers = forward_headers(
                request,
                client,
                forwarded_for=self._settings.forwarded_for,
                is_handed_on=is_handed_on,
                defects=self._setting.defects,
                address_header=self._setting.site.cert_proxy.address_header,
            )
            if "F40" in self._setting.defects:
                await upstream.move(
                    self._services.order(avoid=self._setting.node_of(tls.peer.address, own=""))
                )
            forwarded = Request(
                method=request.method, target=request.target, headers=headers, body=request.body
            )
            if "F30" not in self._setting.defects:
                return await upstream.exchange(forwarded)
            async with self._pooling:
                self._pool = self._pool or upstream
                return await self._pool.exchange(forwarded)

        try:
            await self._serve(tls, respond)
        finally:
            self._client_ports[tls.peer.port] -= 1
            if upstream is not self._pool:
                await upstream.close()
            await tls.close()

    async def _serve(
        self, tls: TlsStream, respond: Callable[[Request], Awaitable[Response]]
    ) -> None:
        """Speak what the client wants, of what this balancer offers."""
        timeout_ns, defects = self._setting.timeout_ns, self._setting.defects
        if tls.protocol == http2.PROTOCOL:
            await http2.Http2Server(tls, timeout_ns=timeout_ns, defects=defects).serve(respond)
        else:
            await HttpServer(tls, timeout_ns=timeout_ns).serve(respond)

    async def _pass_leniently(self, tls: TlsStream) -> None:
        """One request, handed on with most of its bytes as they came (lenient.py)."""
        try:
            async with asyncio.timeout(self._setting.timeout_ns / 1e9):
                head, body = await read_request(tls)
            upstream = Upstream(self._host, self._setting, self._services.order())
            await upstream.relay(add_headers(head, tls.peer) + body, tls)
        finally:
            await tls.close()

    def _name_client(self, peer: Endpoint) -> Endpoint:
        """The client's end; with F33 as an address translation shows it that keeps ports only where it can."""
        self._client_ports[peer.port] += 1
        is_shared = "F33" in self._setting.defects and self._client_ports[peer.port] > 1
        return Endpoint(peer.address, peer.port ^ 1) if is_shared else peer

    async def _terminate_proxy(self, stream: Stream) -> None:
        """End the device's TLS and open one of the balancer's own.

        The client's certificate is lost (F36), or another one goes on in its place (F37).
        """
        identity = None
        if "F37" in self._setting.defects:
            identity = self._setting.pki.device_identity(_OWN_USER)
        tls = await self._accept(stream, asks=identity is not None)
        try:
            async with asyncio.timeout(self._setting.timeout_ns / 1e9):
                first = await tls.read()
            if not first:
                return
            _, carrier = await dial(
                self._host, self._proxies.order(), stream.local.port, self._setting
            )
            settings = ClientSettings(
                server_name=self._setting.site.fqdn,
                version=self._setting.site.tls,
                identity=identity,
                verify=self._setting.pki.server_verifier(self._setting.site.fqdn, roots="public"),
            )
            upstream = await open_client(
                carrier,
                settings,
                keys=self._setting.keys,
                timeout_ns=self._setting.upstream_timeout_ns,
            )
            await join(Rest(tls, first), upstream, idle_ns=self._setting.timeout_ns)
        finally:
            await tls.close()

    async def _accept(
        self, stream: Stream, *, asks: bool = False, is_service: bool = False
    ) -> TlsStream:
        assert self._identity is not None, "nobody connects before the balancer listens"
        settings = ServerSettings(
            identity=self._identity,
            version=self._setting.site.tls,
            rule=self._setting.tls_rule,
            is_lax="F80" in self._setting.defects,
            alpn=(http2.PROTOCOL, "http/1.1")
            if is_service and self._settings.http2
            else ("http/1.1",),
            client_certificate="required" if asks else "none",
            verify=self._setting.pki.user_verifier() if asks else None,
        )
        return await open_server(
            stream, settings, keys=self._setting.keys, timeout_ns=self._setting.timeout_ns
        )


async def dial(
    host: Host, order: tuple[str, ...], port: int, setting: Setting
) -> tuple[str, Stream]:
    """Connect to the first machine behind the balancer that takes the connection.

    Raises:
        ConnectionError, TimeoutError: the last one's refusal.
    """
    timeout_ns = setting.upstream_timeout_ns // len(order)
    for name in order[:-1]:
        try:
            return name, await host.connect(_server(name, port, setting), timeout_ns=timeout_ns)
        except (ConnectionError, TimeoutError):
            continue
    name = order[-1]
    return name, await host.connect(_server(name, port, setting), timeout_ns=timeout_ns)


def _server(name: str, port: int, setting: Setting) -> Endpoint:
    site = setting.site
    return Endpoint(site.reached_at(name), port)


def _refuse(status: int, reason: str) -> Response:
    return Response(
        status=status, headers=((b"Content-Type", b"text/plain"),), body=f"{reason}\n".encode()
    )
