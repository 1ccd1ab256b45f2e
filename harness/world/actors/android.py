"""An Android device: its Tunnel app decides by its traffic rules, its browser signs in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from harness.scenario.event import parse_duration
from harness.scenario.scenario import Device, TunnelRule
from harness.scenario.step import KeptTunnel, RawProxyRequest, Revoke, SignIn
from harness.site import sign_in
from harness.site.site import SERVICE_PORT
from harness.world.actors import http2
from harness.world.actors.authority import (
    as_verified,
    build_authority,
    find_server,
    split_authority,
)
from harness.world.actors.http1 import Headers, HttpClient, Request, Response, build_head
from harness.world.actors.setting import Setting
from harness.world.host import Host, Stream
from harness.world.tls.endpoint import ClientSettings, TlsStream, open_client
from harness.world.tls.identity import Identity
from harness.world.tls.resumption import SavedSession

_PATIENCE = 8
"""Time-outs that a device spends on one text: longer than any cert proxy should."""


class Android:
    """One device and its user."""

    def __init__(self, host: Host, name: str, device: Device, setting: Setting) -> None:
        """Give the device its certificate, unless it has none."""
        self.name = name
        self._host = host
        self._device = device
        self._setting = setting
        self._identity: Identity | None = None
        if device.certificate == "own":
            self._identity = setting.pki.device_identity(
                device.user,
                email=device.email or "",
                lifetime_ns=None if device.valid_for is None else parse_duration(device.valid_for),
            )
        elif device.certificate != "none":
            self._identity = setting.pki.wrong_identity(device.certificate, device.user)
        self._later = setting.pki.device_identity(device.later_user) if device.later_user else None
        self._session: SavedSession | None = None
        """The last one with a cert proxy."""
        self._kept: dict[tuple[str, int], TlsStream] = {}

    async def revoke(self, step: Revoke) -> None:
        """Lose the certificate: its authority says so from now on."""
        if self._identity is not None:
            self._setting.pki.revoke(self._identity)

    async def sign_in(self, step: SignIn) -> None:
        """Sign in; a refusal is an end like any other, and in the packets."""
        await self.visit(step)

    async def visit(self, step: SignIn) -> tuple[Response, ...]:
        """Sign in, ask for more on the same connection, and return the answers; the first refusal ends it."""
        answers: list[Response] = []
        host, port = self._split(step.host)
        with contextlib.suppress(ConnectionError, TimeoutError):
            tls = self._kept.pop((host, port), None) or await self._open_host(
                host, port, step.connect
            )
            if tls is not None:
                await self._talk(tls, host, step, answers)
        return tuple(answers)

    async def keep_tunnel(self, step: KeptTunnel) -> None:
        """Open the connection to a host for a later sign-in, or end the one that is open; see KeptTunnel."""
        key = self._split(step.host)
        with contextlib.suppress(ConnectionError, TimeoutError):
            if step.tunnel == "open":
                await self._end(key, is_abort=False)
                tls = await self._open_host(*key)
                if tls is not None:
                    self._kept[key] = tls
            else:
                await self._end(key, is_abort=step.tunnel == "abort")

    async def send_raw(self, step: RawProxyRequest) -> None:
        """Send text to the cert proxy and read until it ends."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            site = self._setting.site
            outer = await self._open_proxy(site.fqdn, site.proxy_ports[0])
            try:
                await send_and_read(
                    outer,
                    step.to_proxy,
                    timeout_ns=_PATIENCE * self._setting.timeout_ns,
                    pause=make_pause(self._host, step.byte_every_ms),
                )
            finally:
                await outer.close()

    async def close(self) -> None:
        """End in order what is still open."""
        for key in tuple(self._kept):
            await self._end(key, is_abort=False)

    async def _end(self, key: tuple[str, int], *, is_abort: bool) -> None:
        tls = self._kept.pop(key, None)
        if tls is not None and is_abort:
            tls.abort()
        elif tls is not None:
            await tls.close()

    def _split(self, host: str | None) -> tuple[str, int]:
        return split_authority(host or self._setting.site.fqdn, default_port=SERVICE_PORT)

    async def _open_host(
        self, host: str, port: int, written: str | None = None
    ) -> TlsStream | None:
        """The TLS with a host; None when the proxy refuses the way to it."""
        carrier = await self._open(host, port, written or build_authority(host, port))
        if carrier is None:
            return None
        alpn = (*((http2.PROTOCOL,) if self._device.http2 else ()), "http/1.1")
        return await self._open_tls(carrier, ClientSettings(server_name=host, alpn=alpn))

    async def _talk(self, tls: TlsStream, host: str, step: SignIn, answers: list[Response]) -> None:
        patience_s = None if step.give_up_after_ms is None else step.give_up_after_ms / 1e3
        try:
            async with asyncio.timeout(patience_s):
                await self._converse(tls, host, step, answers)
        except TimeoutError:
            if patience_s is not None:
                tls.abort()
            raise
        finally:
            if step.ends == "abort":
                tls.abort()
            await tls.close()

    async def _converse(
        self, tls: TlsStream, host: str, step: SignIn, answers: list[Response]
    ) -> None:
        kind = http2.Http2Client if tls.protocol == http2.PROTOCOL else HttpClient
        http = kind(tls, timeout_ns=self._setting.timeout_ns)
        app = quote(step.sign_in, safe="")
        cookies: Headers = ()
        for number in range(step.requests):
            fresh = self._host.entropy(16).hex()
            target = (
                sign_in.build_login_target(app, fresh)
                if number == 0
                else sign_in.build_apps_target(fresh)
            )
            headers = (
                *self._headers(step.headers.get("Host", host)),
                *_besides_host(step),
                *cookies,
            )
            answer = await http.exchange(
                Request(method=b"GET", target=target.encode(), headers=headers)
            )
            answers.append(answer)
            if answer.status != 200 or not http.is_reusable:
                return
            cookies = _cookies(answer) or cookies

    def _headers(self, host: str) -> Headers:
        agent = f"Mozilla/5.0 (Linux; Android {self._device.android}) Mobile"
        return ((b"Host", host.encode()), (b"User-Agent", agent.encode()), (b"Accept", b"*/*"))

    async def _open(self, host: str, port: int, target: str) -> Stream | None:
        """A carrier for the TLS with a host: through the proxy (CONNECT `target`) or directly; None when refused."""
        rule = self._find_rule(host)
        if rule is None or rule.action == "bypass":
            return await self._connect(host, port)
        proxy_port = self._setting.site.proxy_ports[0]
        proxy, proxy_port = split_authority(
            rule.proxy or self._setting.site.fqdn, default_port=proxy_port
        )
        request = _build_connect(target.encode())
        outer = await self._open_proxy(proxy, proxy_port, build_head(request))
        try:
            return await self._open_tunnel(outer, request)
        except (ConnectionError, TimeoutError):
            await outer.close()
            raise
        except asyncio.CancelledError:
            outer.abort()
            raise

    async def _open_tunnel(self, outer: TlsStream, request: Request) -> Stream | None:
        http = HttpClient(outer, timeout_ns=self._setting.timeout_ns)
        answer = await http.exchange(request)
        self._session = outer.session or self._session
        if 200 <= answer.status < 300:
            return http.tunnel()
        await outer.close()
        return None

    def _find_rule(self, host: str) -> TunnelRule | None:
        rules = self._device.tunnel
        if rules is None:
            rules = (TunnelRule(host=self._setting.site.fqdn),)
        return next((rule for rule in rules if is_match(rule.host, host)), None)

    async def _connect(self, name: str, port: int) -> Stream:
        server = find_server(self._host, name, port)
        return await self._host.connect(server, timeout_ns=self._setting.timeout_ns)

    async def _open_proxy(self, name: str, port: int, early_data: bytes = b"") -> TlsStream:
        """The TLS with a cert proxy: with the user's certificate, or by the session that one gave the device."""
        carrier = await self._connect(name, port)
        settings = ClientSettings(
            server_name=name,
            identity=self._identity,
            session=self._session,
            early_data=early_data if self._device.early_data else b"",
            later_identity=self._later,
        )
        outer = await self._open_tls(carrier, settings)
        if outer.first_flight:
            self._setting.overheard[self.name] = outer.first_flight
        return outer

    async def _open_tls(self, carrier: Stream, settings: ClientSettings) -> TlsStream:
        name = settings.server_name
        settings = replace(
            settings,
            version=self._device.tls,
            verify=self._setting.pki.server_verifier(
                as_verified(name),
                roots="both" if self._device.trusts_appliance else "public",
                clock=self._host.clock.now_ns,
            ),
            android=self._device.android,
        )
        try:
            return await open_client(
                carrier, settings, keys=self._setting.keys, timeout_ns=self._setting.timeout_ns
            )
        except asyncio.CancelledError:
            # The run is interrupted: whoever serves this connection need not wait for more.
            carrier.abort()
            raise


def _build_connect(target: bytes) -> Request:
    return Request(method=b"CONNECT", target=target, headers=((b"Host", target),))


def make_pause(host: Host, pause_ms: int | None) -> Callable[[], Awaitable[None]] | None:
    """A pause for `send_and_read`; None for none."""
    return None if pause_ms is None else partial(host.clock.sleep, pause_ms * 1_000_000)


async def send_and_read(
    stream: Stream,
    text: str,
    *,
    timeout_ns: int,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Send text, one byte after each pause if there is one, and read until the peer ends or falls silent."""
    data = text.encode("latin-1")
    async with asyncio.timeout(timeout_ns / 1e9):
        if pause is None:
            await stream.write(data)
        else:
            for byte in data:
                await stream.write(bytes((byte,)))
                await pause()
        while await stream.read():
            pass


def is_match(pattern: str, host: str) -> bool:
    """Whether a traffic rule is about a host: the same name, or `*.` and any one label or more before the rest."""
    pattern, host = pattern.lower(), host.lower()
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def as_written(headers: dict[str, str]) -> Headers:
    """Header lines of a scenario, byte for byte."""
    return tuple((name.encode(), value.encode()) for name, value in headers.items())


def _besides_host(step: SignIn) -> Headers:
    return as_written({name: value for name, value in step.headers.items() if name != "Host"})


def _cookies(answer: Response) -> Headers:
    pairs = (line.partition(b";")[0].strip() for line in answer.values("Set-Cookie"))
    joined = b"; ".join(pair for pair in pairs if pair)
    return ((b"Cookie", joined),) if joined else ()
