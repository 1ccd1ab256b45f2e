"""The certificate call-back from both ends (leg L5): asking for a certificate, and answering (site/callback.py)."""

from __future__ import annotations

import re

from harness.net.address import Endpoint, parse_address
from harness.site import callback
from harness.world.actors.http1 import HttpClient, Request, Response
from harness.world.actors.location import Location
from harness.world.actors.nonces import Nonces
from harness.world.actors.pem import parse_pem
from harness.world.actors.server_identity import callback_port, callback_verify
from harness.world.actors.setting import Setting
from harness.world.actors.store import CertificateStore
from harness.world.host import Clock, Host, Stream
from harness.world.tls.endpoint import ClientSettings, open_client

_NONCE = re.compile(rb"[0-9a-f]{32}", re.ASCII)
_TIME = re.compile(rb"[1-9][0-9]{0,11}", re.ASCII)
_LOCATION = re.compile(rb"https://\[?([0-9A-Fa-f.:]+)\]?:([0-9]{1,5})/.*", re.ASCII)
_PROOF = re.compile(rb"[0-9a-f]{64}", re.ASCII)


class CertificateRequestError(Exception):
    """The certificate was not to be had; the text says why."""


async def request_certificate(
    host: Host, location: Location, setting: Setting
) -> tuple[bytes, ...]:
    """Ask a node's cert proxy for a certificate: the chain, DER, leaf first.

    Raises:
        CertificateRequestError: no answer in time, a refusal, or no certificate in it.
    """
    port = callback_port(setting, host.name)
    server = Endpoint(location.address or setting.site.nodes[location.node], port.port)
    if "F34" in setting.defects:
        server = Endpoint(setting.site.entry, port.port)
    response = await _ask(host, location, server, setting)
    if response.status == 307 and "F55" in setting.defects:
        server = _read_redirect(response)
        response = await _ask(host, _at(location, server, setting), server, setting)
    if response.status != 200:
        raise CertificateRequestError(
            f"call-back to {server} for port {location.port}: {response.status}"
        )
    try:
        return parse_pem(response.body.decode("ascii"))
    except ValueError as error:
        raise CertificateRequestError(f"call-back to {server}: {error}") from error


async def _ask(host: Host, location: Location, server: Endpoint, setting: Setting) -> Response:
    """One call-back and its answer.

    Raises:
        CertificateRequestError: there was none.
    """
    timeout_ns = setting.callback_timeout_ns
    settings = ClientSettings(
        server_name=setting.site.host_name(location.node),
        version=setting.site.tls,
        verify=callback_verify(setting, location.node, callback_port(setting, host.name)),
    )
    # Services whose keys differ: each makes its own of what all should share (F48).
    key = setting.key(setting.page(host.name).certificate_proxy_key_identity_manager)
    if "F48" in setting.defects:
        key += host.name.encode()
    authority = str(server).encode()
    request = build_request(location.port, key=key, host=host, authority=authority)
    answer: Response | None = None
    try:
        for _ in range(2 if {"F09", "F49"} & setting.defects else 1):
            stream = await host.connect(server, timeout_ns=timeout_ns)
            carrier: Stream = stream
            if "F56" not in setting.defects:
                carrier = await open_client(
                    stream, settings, keys=setting.keys, timeout_ns=timeout_ns
                )
            try:
                response = await HttpClient(carrier, timeout_ns=timeout_ns).exchange(request)
            finally:
                await carrier.close()
            answer = answer or response
            if "F09" in setting.defects:
                request = build_request(location.port, key=key, host=host, authority=authority)
    except OSError as error:  # Broken, late, or no port free to call from.
        raise CertificateRequestError(
            f"call-back to {server}: {error or type(error).__name__}"
        ) from error
    assert answer is not None
    return answer


def _read_redirect(response: Response) -> Endpoint:
    """Where a redirect leads (F55)."""
    match = _LOCATION.fullmatch(b"".join(response.values("Location")))
    if match is None:
        raise CertificateRequestError("a redirect to nowhere")
    return Endpoint(parse_address(match[1].decode()), int(match[2]))


def _at(location: Location, server: Endpoint, setting: Setting) -> Location:
    """The same port at another node."""
    node = setting.node_of(server.address, own=location.node) or location.node
    return Location(node=node, port=location.port)


def build_request(port: int, *, key: bytes | None, host: Host, authority: bytes) -> Request:
    """The call-back for a port, with a fresh proof; without any when `key` is None."""
    headers = [(b"Host", authority)]
    if key is not None:
        nonce, time_s = host.entropy(16).hex(), host.clock.now_ns() // 1_000_000_000
        proof = callback.build_proof(key, nonce=nonce, time_s=time_s, port=port)
        headers += [
            (callback.NONCE_HEADER.encode(), nonce.encode()),
            (callback.TIME_HEADER.encode(), str(time_s).encode()),
            (callback.PROOF_HEADER.encode(), proof.encode()),
        ]
    headers.append((b"Connection", b"close"))
    return Request(
        method=b"GET", target=callback.build_target(port).encode(), headers=tuple(headers)
    )


class CertificateDesk:
    """Answers call-backs out of a store; nothing leaves it without a fresh proof of the shared key (V10)."""

    def __init__(
        self,
        store: CertificateStore,
        *,
        key: bytes,
        clock: Clock,
        defects: frozenset[str] = frozenset(),
    ) -> None:
        """Serve a store; F10, F46 and F48 leave the proof aside, F49 the nonces."""
        self._checks_proof = not {"F10", "F46", "F48"} & defects
        self._knows_nonces = "F49" not in defects
        self._store = store
        self._key = key
        self._clock = clock
        self._nonces = Nonces()

    async def respond(self, request: Request) -> Response:
        """200 with the chain, once; 404 after that; 403 without a good proof; 400 and 405 for anything else."""
        port = callback.find_port(request.target)
        if port is None:
            return _refuse(404, "no such resource")
        if request.method != b"GET":
            return Response(status=405, headers=((b"Allow", b"GET"),))
        fields = tuple(
            request.values(name)
            for name in (callback.NONCE_HEADER, callback.TIME_HEADER, callback.PROOF_HEADER)
        )
        if not self._checks_proof:
            return self._hand_out(port)
        if not all(fields):
            return _refuse(403, "no proof")
        is_plain = callback.build_target(port).encode() == request.target
        if not is_plain or not 1 <= port <= 65535 or not _is_well_formed(fields):
            return _refuse(400, "the call-back is not well-formed")
        if not self._is_proven(fields, port):
            return _refuse(403, "the proof does not hold")
        return self._hand_out(port)

    def _hand_out(self, port: int) -> Response:
        chain_pem = self._store.take(port)
        if chain_pem is None:
            return _refuse(404, f"nothing is stored for port {port}")
        content_type = (b"Content-Type", callback.CONTENT_TYPE.encode())
        return Response(status=200, headers=(content_type,), body=chain_pem.encode())

    def _is_proven(self, fields: tuple[tuple[bytes, ...], ...], port: int) -> bool:
        nonce, time_text, proof = (values[0].decode("ascii") for values in fields)
        now_s = self._clock.now_ns() // 1_000_000_000
        return callback.is_proof(
            self._key,
            nonce=nonce,
            time_s=int(time_text),
            port=port,
            proof=proof,
            now_s=now_s,
            is_new=lambda nonce: (
                self._nonces.remember(nonce, now_s=now_s) or not self._knows_nonces
            ),
        )


def _is_well_formed(fields: tuple[tuple[bytes, ...], ...]) -> bool:
    return all(
        len(values) == 1 and form.fullmatch(values[0])
        for values, form in zip(fields, (_NONCE, _TIME, _PROOF), strict=True)
    )


def _refuse(status: int, reason: str) -> Response:
    return Response(
        status=status, headers=((b"Content-Type", b"text/plain"),), body=f"{reason}\n".encode()
    )
