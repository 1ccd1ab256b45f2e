"""The Access service of one node: signs users in by the certificate that a cert proxy saw.

Every request gets a definite answer within the time-out; whatever goes wrong, nobody is signed in (V19).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from harness.net.address import Address, Endpoint
from harness.site import sign_in
from harness.site.site import SERVICE_PORT
from harness.world.actors.certificate_request import CertificateRequestError, request_certificate
from harness.world.actors.connections import Connections
from harness.world.actors.http1 import Headers, HttpServer, Request, Response
from harness.world.actors.location import Location, LocationError, find_location
from harness.world.actors.server_identity import service_identity, user_verify
from harness.world.actors.sessions import Sessions
from harness.world.actors.setting import Setting
from harness.world.actors.status_check import check_status
from harness.world.host import Host, Stream
from harness.world.pki.revocation import StatusError
from harness.world.tls.endpoint import ServerSettings, open_server
from harness.world.tls.identity import VerificationError

_APPS = b"/SAAS/apps"


class Access:
    """Serves port 443."""

    def __init__(self, host: Host, node: str, setting: Setting) -> None:
        """Put the service of `node` on its host; nothing listens yet."""
        self._host = host
        self._node = node
        self._setting = setting
        self._sessions = Sessions()
        self._verify_user = user_verify(setting, host.clock, is_resumed=True)
        self._connections = Connections(host, timeout_ns=setting.timeout_ns)

    async def start(self) -> None:
        """Listen, with the certificate that is in force now."""
        settings = ServerSettings(
            identity=service_identity(self._setting, self._node),
            version=self._setting.site.tls,
            rule=self._setting.tls_rule,
        )
        await self._connections.listen(SERVICE_PORT, partial(self._serve, settings))

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        await self._connections.stop()

    async def restart(self) -> None:
        """Be killed and start again: every connection is reset, and every session is gone."""
        await self._connections.kill()
        self._sessions = Sessions()
        await self.start()

    async def _serve(self, settings: ServerSettings, stream: Stream) -> None:
        timeout_ns = self._setting.timeout_ns
        tls = stream
        if not self._setting.site.is_offloaded:
            tls = await open_server(
                stream, settings, keys=self._setting.keys, timeout_ns=timeout_ns
            )

        first: list[Headers] = []

        async def respond(request: Request) -> Response:
            if "F30" in self._setting.defects:
                # What the first request of a connection said is taken for true of all.
                first.append(request.headers)
                request = replace(request, headers=first[0])
            return await self._respond(request, tls.peer)

        try:
            await HttpServer(
                tls,
                timeout_ns=timeout_ns,
                is_lenient=bool({"F82", "V21"} & self._setting.defects),
            ).serve(respond)
        finally:
            await tls.close()

    async def _respond(self, request: Request, peer: Endpoint) -> Response:
        is_sign_in = sign_in.find_app(request.target) is not None
        if not is_sign_in and request.target.partition(b"?")[0] != _APPS:
            return _refuse(404, "no such resource")
        if not self._is_addressed(request):
            return _refuse(421, "another host")
        if request.method != b"GET":
            return _refuse(405, "only GET", (b"Allow", b"GET"))
        if is_sign_in:
            return await self._sign_in(request, peer)
        user = self._sessions.find_user(request.values("Cookie"))
        return _refuse(401, "no session") if user is None else _answer(user)

    def _is_addressed(self, request: Request) -> bool:
        """Whether a request names this service (V16): the FQDN, or the node itself."""
        if "F62" in self._setting.defects:
            return True
        site = self._setting.site
        own = (_in_authority(address) for address in site.addresses(self._node))
        known = {site.fqdn, self._node, *own, "localhost", "127.0.0.1", "[::1]"}
        hosts = {
            value.decode("latin-1").lower().removesuffix(":443") for value in request.values("Host")
        }
        return hosts <= known

    async def _sign_in(self, request: Request, peer: Endpoint) -> Response:
        try:
            location = find_location(request, peer, own=self._node, setting=self._setting)
            if "F44" in self._setting.defects:
                location = self._misplace(location)
            if "F90" in self._setting.defects:
                location = self._relocate(location)
            if slow_ns := self._setting.slow_ns.get(self._node):
                await self._host.clock.sleep(slow_ns)
            chain = await request_certificate(self._host, location, self._setting)
            self._verify_user(chain)
            await check_status(self._host, chain, self._setting)
            user = self._setting.pki.user_of(chain, is_email_first="F78" in self._setting.defects)
        except LocationError as error:
            return _refuse(error.status, str(error))
        except (CertificateRequestError, StatusError, VerificationError) as error:
            return _refuse(403, str(error))
        session = self._host.entropy(16).hex()
        return _answer(user, (b"Set-Cookie", self._sessions.open(session, user)))

    def _misplace(self, location: Location) -> Location:
        """The same port at the node after the right one (F44)."""
        names = tuple(self._setting.site.nodes)
        return Location(
            node=names[(names.index(location.node) + 1) % len(names)], port=location.port
        )

    def _relocate(self, location: Location) -> Location:
        """The same port at the node of the same rank behind the own balancer (F90)."""
        centers = [self._setting.site.behind(b) for b in self._setting.site.balancers]
        rank = next(c.index(location.node) for c in centers if location.node in c)
        own = next(c for c in centers if self._node in c)
        return Location(node=own[rank % len(own)], port=location.port)


def _in_authority(address: Address) -> str:
    """As it stands in a Host header (RFC 3986 section 3.2.2)."""
    return f"[{address}]" if address.version == 6 else str(address)


def _answer(user: str, *headers: tuple[bytes, bytes]) -> Response:
    return _json(200, sign_in.build_answer(user=user), *headers)


def _refuse(status: int, reason: str, *headers: tuple[bytes, bytes]) -> Response:
    return _json(status, sign_in.build_answer(error=reason), *headers)


def _json(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Response:
    return Response(
        status=status, headers=((b"Content-Type", b"application/json"), *headers), body=body
    )
