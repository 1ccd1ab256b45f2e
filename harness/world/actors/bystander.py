"""A bystander: a machine that must not be reached, and says so to whoever does."""

from __future__ import annotations

from harness.scenario import scenario
from harness.world.actors.connections import Connections
from harness.world.actors.http1 import HttpServer, Request, Response
from harness.world.actors.setting import Setting
from harness.world.host import Host, Stream
from harness.world.tls.endpoint import ServerSettings, open_server


class Bystander:
    """Serves HTTPS with a good certificate on each of its ports."""

    def __init__(self, host: Host, bystander: scenario.Bystander, setting: Setting) -> None:
        """Put it on its host; nothing listens yet."""
        names = (
            name for name, address in setting.site.names.items() if address == bystander.address
        )
        identity = setting.pki.public_identity(host.name, *names, bystander.address)
        self._settings = ServerSettings(identity=identity)
        self._setting = setting
        self._ports = bystander.listen
        self._connections = Connections(host, timeout_ns=setting.timeout_ns)

    async def start(self) -> None:
        """Listen."""
        for port in self._ports:
            await self._connections.listen(port, self._serve)

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        await self._connections.stop()

    async def _serve(self, stream: Stream) -> None:
        timeout_ns = self._setting.timeout_ns
        tls = await open_server(
            stream, self._settings, keys=self._setting.keys, timeout_ns=timeout_ns
        )
        try:
            await HttpServer(tls, timeout_ns=timeout_ns).serve(_respond)
        finally:
            await tls.close()


async def _respond(request: Request) -> Response:
    return Response(status=200, headers=((b"Content-Type", b"text/plain"),), body=b"not here\n")
