"""An attacker: a machine of no role that speaks to whom it likes, and believes any certificate."""

from __future__ import annotations

import asyncio
import contextlib

from harness.scenario.step import ForgedCallback, ForgedRequest
from harness.site import sign_in
from harness.site.site import SERVICE_PORT
from harness.world.actors.android import as_written, make_pause, send_and_read
from harness.world.actors.authority import find_server, split_authority
from harness.world.actors.certificate_request import build_request
from harness.world.actors.http1 import HttpClient, Request, Response
from harness.world.actors.setting import Setting
from harness.world.host import Host, Stream
from harness.world.tls.endpoint import ClientSettings, TlsStream, Version, open_client

_APP = "attack"
_CONNECT_TIMEOUT_NS = 300_000_000
"""A SYN is answered by a kernel, at once or (a filtered port) never; its first repetition would come after a second."""


class Attacker:
    """One hostile machine."""

    def __init__(self, host: Host, setting: Setting) -> None:
        """Put it on its host."""
        self._host = host
        self._setting = setting

    async def forged_request(self, step: ForgedRequest) -> None:
        """Send a sign-in request straight to a machine."""
        await self.send_request(step)

    async def forged_callback(self, step: ForgedCallback) -> None:
        """Ask a cert proxy for a certificate, or for one after the other as long as it answers."""
        for port in range(step.port, (step.up_to or step.port) + 1):
            one = step.model_copy(update={"port": port})
            if await self.send_callback(one) is None:
                return

    async def send_request(self, step: ForgedRequest) -> Response | None:
        """Send the request; None when there was no answer."""
        if step.replay is not None:
            await self._replay(step, self._setting.overheard.get(step.replay, b""))
            return None
        if step.raw is not None:
            await self._send_raw(step, step.raw)
            return None
        target = sign_in.build_login_target(_APP, self._host.entropy(16).hex())
        host = self._setting.site.fqdn.encode()
        headers = ((b"Host", host), *as_written(step.headers))
        request = Request(method=b"GET", target=target.encode(), headers=headers)
        return await self._exchange(step.request, SERVICE_PORT, request, version=step.tls)

    async def _replay(self, step: ForgedRequest, flight: bytes) -> None:
        """Send what was overheard, and read until the server ends or falls silent."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            stream = await self._dial(step.request, SERVICE_PORT)
            try:
                async with asyncio.timeout(self._setting.timeout_ns / 4e9):
                    await stream.write(flight)
                    while await stream.read():
                        pass
            finally:
                await stream.close()

    async def _send_raw(self, step: ForgedRequest, raw: str) -> None:
        pause = make_pause(self._host, step.byte_every_ms)
        with contextlib.suppress(ConnectionError, TimeoutError):
            tls = await self._connect(step.request, SERVICE_PORT, version=step.tls)
            try:
                await send_and_read(tls, raw, timeout_ns=2 * self._setting.timeout_ns, pause=pause)
            finally:
                await tls.close()

    async def send_callback(self, step: ForgedCallback) -> Response | None:
        """Send the call-back, `times` times the same bytes; the last answer, None when there was none."""
        keys = {"none": None, "wrong": self._host.entropy(32), "shared": self._setting.proxy_key}
        site = self._setting.site
        request = build_request(
            step.port, key=keys[step.key], host=self._host, authority=step.call_back.encode()
        )
        default_port = (site.admin_ports or site.proxy_ports)[0]
        answer = None
        for _ in range(step.times):
            answer = await self._exchange(step.call_back, default_port, request)
        return answer

    async def _exchange(
        self, authority: str, default_port: int, request: Request, *, version: Version = "1.3"
    ) -> Response | None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            tls = await self._connect(authority, default_port, version=version)
            try:
                return await HttpClient(tls, timeout_ns=self._setting.timeout_ns).exchange(request)
            finally:
                await tls.close()
        return None

    async def _connect(
        self, authority: str, default_port: int, *, version: Version = "1.3"
    ) -> TlsStream:
        timeout_ns = self._setting.timeout_ns
        settings = ClientSettings(server_name=self._setting.site.fqdn, version=version)
        stream = await self._dial(authority, default_port)
        return await open_client(stream, settings, keys=self._setting.keys, timeout_ns=timeout_ns)

    async def _dial(self, authority: str, default_port: int) -> Stream:
        name, port = split_authority(authority, default_port=default_port)
        server = find_server(self._host, name, port)
        timeout_ns = min(self._setting.timeout_ns, _CONNECT_TIMEOUT_NS)
        return await self._host.connect(server, timeout_ns=timeout_ns)
