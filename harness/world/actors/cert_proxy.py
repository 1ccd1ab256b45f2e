"""The cert proxy of one node: tunnels for devices that show a certificate, and the certificate for the call-back.

Order is the promise here (V11, V03): the handshake with the client's proof, then the policy, then the outgoing
connection, whose local port is the key, then the store, and only then the 200.
"""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import ip_address

from harness.net.address import Address, Endpoint
from harness.site.page import Port
from harness.site.site import SERVICE_PORT
from harness.world.actors.certificate_request import CertificateDesk
from harness.world.actors.connections import Connections
from harness.world.actors.destination import DestinationError, find_destination
from harness.world.actors.http1 import HttpError, HttpServer, Request, Response, Rest
from harness.world.actors.pem import build_pem, parse_pem
from harness.world.actors.relay import join
from harness.world.actors.server_identity import callback_port, port_identity, user_verify
from harness.world.actors.setting import Setting
from harness.world.actors.store import NO_LIMIT, CertificateStore, PortTakenError
from harness.world.host import Host, Stream
from harness.world.tls.endpoint import ServerSettings, TlsStream, Version, open_server
from harness.world.tls.identity import VerificationError
from harness.world.tls.resumption import SessionStore

_LOCALHOSTS = (ip_address("127.0.0.1"), ip_address("::1"))
_DIALS = 3
"""Times a destination is dialled when the kernel hands out a port that another live tunnel owns (F02)."""


_LATE_NS = 300_000_000
"""How long F06 leaves a certificate out of the store: longer than a sign-in takes."""
_FOR_EVER = 4
"""Time-outs that F87 waits for the end of a head: more than a judge allows, and a run still ends."""
_HASTE = 4
"""Part of the time-out that F13 waits for a client's first word."""
_OLD_DESTINATION = "192.0.2.0/24"
"""What F89 allows: addresses of nobody (RFC 5737)."""
_LATE_PROOFS: tuple[tuple[str, Version], ...] = (("F72", "1.2"), ("F73", "1.3"))
"""Defect, and the TLS version in which it takes a second certificate."""
_NOBODY = "carol@example.com"
"""Whose certificate F54 puts into the store."""


class CertProxy:
    """Serves every port of the settings page."""

    def __init__(self, host: Host, node: str, setting: Setting) -> None:
        """Put the cert proxy of `node` on its host; nothing listens yet."""
        self._host = host
        self._node = node
        self._setting = setting
        self._store = self._open_store()
        self._desk = self._open_desk()
        self._sessions = self._open_sessions()
        self._turn = -1
        self._late: list[asyncio.Task[None]] = []
        self._by_user: dict[str, tuple[bytes, ...]] = {}
        self._unused: list[Stream] = []
        """Onward connections through which nobody has said anything (F13)."""
        self._connections = Connections(host, timeout_ns=setting.timeout_ns)

    async def start(self) -> None:
        """Listen on every port."""
        page = self._setting.page(self._node)
        is_on = page.enabled or "A01" in self._setting.defects
        for port in page.ports if is_on else ():
            if port.admin_port:
                await self._listen_admin(port)
            else:
                await self._listen_proxy(port)

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        for task in self._late:
            task.cancel()
        for stream in self._unused:
            await stream.close()
        await self._connections.stop()

    def _open_store(self) -> CertificateStore:
        defects, limit = self._setting.defects, self._setting.site.store_limit
        # F11: anybody may fill the disk.
        lifetime_s = self._setting.site.certificate_lifetime_s
        return CertificateStore(
            limit=NO_LIMIT if "F11" in defects else limit,
            lifetime_ns=None if lifetime_s is None else lifetime_s * 1_000_000_000,
            now_ns=self._host.clock.now_ns,
            defects=defects,
        )

    def _open_desk(self) -> CertificateDesk:
        setting = self._setting
        return CertificateDesk(
            self._store,
            key=setting.key(setting.page(self._node).certificate_proxy_key),
            clock=self._host.clock,
            defects=setting.defects,
        )

    def _open_sessions(self) -> SessionStore | None:
        """The TLS sessions that devices may resume: what they stand for is judged each time anew (V12)."""
        setting = self._setting
        if setting.site.resumption == "none":
            return None
        verify = user_verify(setting, self._host.clock, is_resumed=True)

        def admit(chain: tuple[bytes, ...]) -> bool:
            if not chain:
                return "F68" in setting.defects
            try:
                verify(chain)
            except VerificationError:
                return False
            return True

        # With one key for the cluster each node takes the others' sessions (F70).
        key = setting.proxy_key if "F70" in setting.defects else self._host.entropy(32)
        return SessionStore(
            setting.site.resumption,
            key=key,
            admit=admit,
            now_ns=self._host.clock.now_ns,
            is_endless="V12" in setting.defects,
        )

    async def restart(self) -> None:
        """Be killed and start again: every connection is reset, and nothing is remembered (F12)."""
        files = self._store.copy() if "F12" in self._setting.defects else None
        await self._connections.kill()
        self._store = files or self._open_store()
        self._desk = self._open_desk()
        self._sessions = self._open_sessions()
        await self.start()

    async def _listen_admin(self, port: Port) -> None:
        identity = port_identity(self._setting, self._node, port)
        version, rule = self._setting.site.tls, self._setting.tls_rule
        settings = ServerSettings(identity=identity, version=version, rule=rule)

        async def serve(stream: Stream) -> None:
            timeout_ns = self._setting.timeout_ns
            tls = stream
            if "F56" not in self._setting.defects:
                tls = await open_server(
                    stream, settings, keys=self._setting.keys, timeout_ns=timeout_ns
                )
            try:
                await HttpServer(tls, timeout_ns=timeout_ns).serve(self._respond)
            finally:
                await tls.close()

        site = self._setting.site
        accept_from = (*(a for node in site.nodes for a in site.addresses(node)), *_LOCALHOSTS)
        await self._connections.listen(
            port.port,
            serve,
            accept_from=None if {"F10", "F47"} & self._setting.defects else accept_from,
        )

    async def _listen_proxy(self, port: Port) -> None:
        identity = port_identity(self._setting, self._node, port)
        verify = user_verify(self._setting, self._host.clock)

        async def serve(stream: Stream) -> None:
            timeout_ns = self._setting.timeout_ns
            is_optional = self._takes_callback(stream.peer) or bool(
                {"F39", "F67", "F68", "F74"} & self._setting.defects
            )
            settings = ServerSettings(
                identity=identity,
                version=self._setting.site.tls,
                rule=self._setting.tls_rule,
                client_certificate="optional" if is_optional else "required",
                verify=verify,
                store=self._sessions,
                takes_early_data="F71" in self._setting.defects,
                authorities=(self._setting.pki.public.subject,)
                if "F81" in self._setting.defects
                else (),
                asks_again=tuple(v for f, v in _LATE_PROOFS if f in self._setting.defects),
            )
            tls = await open_server(
                stream, settings, keys=self._setting.keys, timeout_ns=timeout_ns
            )
            try:
                await self._serve_client(tls)
            finally:
                await tls.close()

        await self._connections.listen(port.port, serve)

    async def _respond(self, request: Request) -> Response:
        """The answer to a call-back."""
        if "F55" in self._setting.defects:
            names = tuple(self._setting.site.nodes)
            other = names[(names.index(self._node) + 1) % len(names)]
            server = Endpoint(
                self._setting.site.nodes[other], callback_port(self._setting, self._node).port
            )
            place = b"https://%s%s" % (str(server).encode(), request.target)
            return Response(status=307, headers=((b"Location", place),))
        return await self._desk.respond(request)

    def _takes_callback(self, peer: Endpoint) -> bool:
        """Whether a connection to a proxy port may be a call-back: a site without an admin port, and a node calls."""
        page, defects = self._setting.page(self._node), self._setting.defects
        is_one_port = not page.admin_ports or "F45" in defects
        is_caller = self._setting.is_node(peer.address) or "F46" in defects
        return is_one_port and is_caller

    async def _serve_client(self, tls: TlsStream) -> None:
        # Without a limit of its own a head may take for ever (F87).
        patience = _FOR_EVER if "F87" in self._setting.defects else 1
        http = HttpServer(tls, timeout_ns=patience * self._setting.timeout_ns)
        try:
            request = await http.receive()
        except HttpError as error:
            await http.answer(Response(status=error.status), last=True)
            return
        if request is None:
            if "F39" in self._setting.defects and not tls.peer_chain:
                await self._dial_for_a_probe()
            return
        if request.method != b"CONNECT":
            if "F86" in self._setting.defects:
                await http.answer(Response(status=200, body=b"proxied\n"), last=True)
            elif self._takes_callback(tls.peer):
                await http.answer(await self._respond(request), last=True)
            else:
                await http.answer(
                    Response(status=405, headers=((b"Allow", b"CONNECT"),)), last=True
                )
        elif not tls.peer_chain and not self._trusts(tls):
            if "F74" in self._setting.defects:
                await self._dial_early(request)
            await http.answer(Response(status=403), last=True)
        else:
            await self._tunnel(http, request, tls)

    def _trusts(self, tls: TlsStream) -> bool:
        """Whether a client without a certificate gets a tunnel (F67), as one of an earlier connection (F68)."""
        defects = self._setting.defects
        return "F67" in defects or ("F68" in defects and tls.resumed)

    async def _dial_early(self, request: Request) -> None:
        """Connect before the client's certificate was judged (F74)."""
        with contextlib.suppress(OSError, DestinationError):
            upstream = await self._host.connect(
                self._find_destination(request), timeout_ns=self._setting.callback_timeout_ns
            )
            await upstream.close()

    async def _dial_for_a_probe(self) -> None:
        """Make a connection, and an entry of nothing, for a client that never said or proved anything (F39)."""
        target = f"{self._setting.site.fqdn}:{SERVICE_PORT}".encode()
        await self._dial_early(Request(method=b"CONNECT", target=target, headers=()))

    def _find_destination(self, request: Request) -> Endpoint:
        """Where the CONNECT goes.

        Raises:
            DestinationError: nowhere.
        """
        settings, defects = self._setting.page(self._node), self._setting.defects
        is_last = self._node == tuple(self._setting.site.nodes)[-1]
        if "F89" in defects and is_last:
            settings = settings.model_copy(
                update={"destination_forced": False, "destination": _OLD_DESTINATION}
            )
        return find_destination(
            request.target, settings=settings, resolve=self._host.resolve, defects=defects
        )

    async def _tunnel(self, http: HttpServer, request: Request, tls: TlsStream) -> None:
        chain = self._to_store(tls.peer_chain)
        try:
            destination = self._find_destination(request)
            upstream = await self._dial(destination, chain, client_port=tls.peer.port)
        except DestinationError as error:
            await http.answer(Response(status=error.status, body=f"{error}\n".encode()), last=True)
        except TimeoutError:
            await http.answer(Response(status=504), last=True)
        except (OSError, PortTakenError):  # No free port is an OSError of its own.
            await http.answer(Response(status=502), last=True)
        else:
            await self._relay(http, upstream, chain)

    def _to_store(self, chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """What is stored for a tunnel: the chain that the client proved, unless F54 or F79 is on."""
        if "F54" in self._setting.defects:
            return parse_pem(self._setting.pki.device_identity(_NOBODY).chain_pem[0])
        if "F79" in self._setting.defects and chain:
            return self._by_user.setdefault(self._setting.pki.user_of(chain), chain)
        return chain

    async def _relay(self, http: HttpServer, upstream: Stream, chain: tuple[bytes, ...]) -> None:
        """Open the tunnel; what is stored for it goes when it ends (F08), read or not."""
        port = upstream.local.port
        try:
            tunnel = await http.accept_tunnel(self._setting.defects)
            if "F13" in self._setting.defects:
                first = await self._read_first(tunnel)
                if not first:
                    # Good enough for the next client, port and stored certificate included.
                    self._unused.append(upstream)
                    return
                tunnel = Rest(tunnel, first)
            if "F06" in self._setting.defects:
                self._late.append(asyncio.create_task(self._store_late(port, chain)))
            is_kept = "F08" in self._setting.defects
            await join(
                tunnel,
                upstream,
                idle_ns=self._setting.timeout_ns,
                ended=(lambda: None) if is_kept else (lambda: self._store.release(port)),
            )
        except BaseException:
            self._store.release(port)
            upstream.abort()
            raise

    async def _read_first(self, tunnel: Stream) -> bytes:
        """What a client says first in its tunnel; b"" where it says nothing for a while."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._setting.timeout_ns / 1e9 / _HASTE):
                return await tunnel.read()
        return b""

    async def _store_late(self, port: int, chain: tuple[bytes, ...]) -> None:
        """Store when the certificate was needed already (F06)."""
        await self._host.clock.sleep(_LATE_NS)
        self._store.put(port, build_pem(chain))

    def _find_source(self, destination: Endpoint) -> Address | None:
        """The address to connect from; None leaves it to the route. With F04 the node's own take turns."""
        if "F04" not in self._setting.defects:
            return None
        version = destination.address.version
        own = [a for a in self._host.addresses if a.version == version]
        self._turn += 1
        return own[self._turn % len(own)]

    async def _dial(
        self, destination: Endpoint, chain: tuple[bytes, ...], *, client_port: int
    ) -> Stream:
        """Connect, and store the certificate under the local port before anybody can ask for it (F06)."""
        if self._unused:
            return self._unused.pop()
        refused: list[Stream] = []
        try:
            while True:
                upstream = await self._host.connect(
                    destination,
                    source=self._find_source(destination),
                    timeout_ns=self._setting.callback_timeout_ns,
                )
                try:
                    is_late = not chain or "F06" in self._setting.defects
                    self._store.claim(
                        upstream.local,
                        None if is_late else build_pem(chain),
                        client_port=client_port,
                    )
                except PortTakenError:
                    refused.append(upstream)
                    if len(refused) == _DIALS:
                        raise
                else:
                    return upstream
        finally:
            for stream in refused:
                await stream.close()
