"""The responder: tells over HTTP which user certificates are revoked, by OCSP and as a list."""

from __future__ import annotations

from harness.scenario import scenario
from harness.site.responder import CRL_TARGET, OCSP_TARGET
from harness.site.site import Revocation
from harness.world.actors.connections import Connections
from harness.world.actors.http1 import HttpServer, Request, Response
from harness.world.actors.setting import Setting
from harness.world.host import Host, Stream

_LATE = 2
"""Time-outs that a slow answer takes: nobody waits for it."""


class Responder:
    """Serves the port of the site's revocation settings, in the manner that the scenario wants."""

    def __init__(
        self, host: Host, habits: scenario.Responder, revocation: Revocation, setting: Setting
    ) -> None:
        """Put it on its host; nothing listens yet."""
        self._host = host
        self._habits = habits
        self._port = revocation.port
        self._setting = setting
        self._connections = Connections(host, timeout_ns=setting.timeout_ns)

    async def start(self) -> None:
        """Listen, unless it is gone."""
        if not self._habits.gone:
            await self._connections.listen(self._port, self._serve)

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        await self._connections.stop()

    async def _serve(self, stream: Stream) -> None:
        try:
            await HttpServer(stream, timeout_ns=self._setting.timeout_ns).serve(self._respond)
        finally:
            await stream.close()

    async def _respond(self, request: Request) -> Response:
        target = request.target.decode("latin-1")
        if (request.method, target) == (b"POST", OCSP_TARGET):
            return await self._answer(request)
        if (request.method, target) == (b"GET", CRL_TARGET):
            return await self._list()
        return Response(status=404)

    async def _answer(self, request: Request) -> Response:
        manner = self._habits.ocsp
        if manner == "slow":
            await self._be_late()
            manner = "right"
        try:
            body = self._setting.pki.revocation.answer(request.body, manner=manner)
        except ValueError:
            return Response(status=400)
        return _der(b"application/ocsp-response", body)

    async def _list(self) -> Response:
        manner = self._habits.crl
        if manner == "missing":
            return Response(status=404)
        if manner == "slow":
            await self._be_late()
        body = self._setting.pki.revocation.build_crl(
            is_expired=manner == "expired", is_forged=manner == "forged"
        )
        return _der(b"application/pkix-crl", body)

    async def _be_late(self) -> None:
        await self._host.clock.sleep(_LATE * self._setting.status_timeout_ns)


def _der(media_type: bytes, body: bytes) -> Response:
    return Response(status=200, headers=((b"Content-Type", media_type),), body=body)
