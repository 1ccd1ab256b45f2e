"""SwiftTls: one ordinary TLS connection read from SYN to close in one go, all its bytes at hand.

It follows the rules of tls_session.py for the case in which nothing is odd, and gives up on anything else: then the
careful decoder reads the same bytes from the start. Nothing it gives differs from what that one would give.
What it finds it remembers by its place in the bytes: where the same bytes come again, as behind a balancer that passes
them through, only the packets are others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from harness.capture.keylog import Secrets
from harness.decode.detail import Detail
from harness.decode.swift.odd import OddError
from harness.decode.swift.record import find_record_end
from harness.decode.tcp.run import Run
from harness.decode.tls.alert import build_alert
from harness.decode.tls.certificate import parse_certificate
from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.epoch import Epoch, MissingKeysError, build_tls12_epoch, build_tls13_epoch
from harness.decode.tls.facts import ALERT_LIMIT, TICKET_LIMIT, build_ticket
from harness.decode.tls.message import (
    ClientHello,
    MessageError,
    ServerHello,
    decode_client_hello,
    find_authorities,
    find_ticket,
    parse_certificate_list,
    parse_encrypted_extensions,
    parse_server_hello,
)
from harness.decode.tls.suite import describe_suite
from harness.trace.certificate import Certificate
from harness.trace.tls import Seen, Side, TlsSession

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _TICKET, _EXTENSIONS, _CERTIFICATE = 1, 2, 4, 8, 11
_KEY_EXCHANGE, _REQUEST, _DONE, _VERIFY, _CLIENT_KEY, _FINISHED = 12, 13, 14, 15, 16, 20
_STATUS = 22

Runs = list[tuple[Side, Run]]
"""What both sides sent, in order."""
Piece = tuple[Side, bytes, Seen]
"""Decrypted application data of one record."""
_Place = tuple[int, int, int]
"""Index of a run, and where in its bytes something begins and ends."""


@dataclass(slots=True)
class _Half:
    """One direction."""

    side: Side
    epoch: Epoch | None = None
    sealed: str | None = None
    changed: bool = False
    is_whole: bool = True
    finished: _Place | None = None
    application_data: _Place | None = None
    size: int = 0
    chain: tuple[Certificate, ...] | None = None


class _Sight:
    """Where in the packets the places are."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._seen: dict[_Place, Seen] = {}

    def see(self, place: _Place) -> Seen:
        seen = self._seen.get(place)
        if seen is None:
            index, begin, end = place
            seen = self._seen[place] = self._runs[index][1].seen(begin, end)
        return seen

    def find(self, place: _Place | None) -> Seen | None:
        return self.see(place) if place is not None else None


class SwiftTls:
    """One connection."""

    def __init__(self, secrets: Secrets, detail: Detail) -> None:
        """Take the secrets of the capture, and what is wanted."""
        self._pieces: list[tuple[Side, bytes, _Place]] = []
        """What was decrypted, in order."""
        self._secrets = secrets
        self._detail = detail
        self._stops = detail.level != "exchanges"
        self._client = _Half("client")
        self._server = _Half("server")
        self._client_hello: ClientHello | None = None
        self._server_hello: ServerHello | None = None
        self._is_tls13 = False
        self._is_full = False
        self._opened = False
        self._problem: str | None = None
        self._alpn: str | None = None
        self._seen: dict[str, _Place] = {}
        self._alerts: list[tuple[Side, int, int, _Place]] = []
        self._tickets: list[tuple[int, bytes, _Place]] = []
        self._authorities: tuple[bytes, ...] = ()

    def read(self, runs: Runs) -> None:
        """Read everything; raises OddError."""
        for at, (side, run) in enumerate(runs):
            half = self._client if side == "client" else self._server
            data = run.data
            begin, size = 0, len(data)
            while begin < size:
                end = find_record_end(data, begin, size)
                if end is None:
                    raise OddError
                self._read_record(half, data[begin], data, (at, begin, end))
                begin = end
                if self._stops and self._is_over():
                    return

    def _is_over(self) -> bool:
        client, server = self._client, self._server
        if client.finished is not None and server.finished is not None:
            return True
        return client.sealed is not None and server.sealed is not None and self._is_tls13

    def _read_record(self, half: _Half, kind: int, data: bytes, place: _Place) -> None:
        at, begin, end = place
        if half.sealed is not None:
            self._read_sealed(half, kind, data, place)
            return
        epoch = half.epoch
        if epoch is None or (self._is_tls13 and kind != _APPLICATION_DATA):
            if kind == _HANDSHAKE and epoch is None:
                self._read_messages(half, data, (at, begin + 5, end))
            elif kind == _CHANGE_CIPHER_SPEC and data[begin + 5 : end] == b"\1":
                self._change(half)
            else:
                raise OddError
            return
        try:
            inner, content = epoch.opener.open(
                epoch.seq, data[begin : begin + 5], data[begin + 5 : end]
            )
        except BadRecordError:
            raise OddError from None
        epoch.seq += 1
        self._opened = True
        self._follow(half, epoch, inner, content, place)

    def _read_sealed(self, half: _Half, kind: int, data: bytes, place: _Place) -> None:
        """Protected, and there are no keys."""
        if self._is_tls13 and kind != _APPLICATION_DATA:
            if kind != _CHANGE_CIPHER_SPEC or data[place[1] + 5 : place[2]] != b"\1":
                raise OddError
            return
        if self._problem is None:
            self._problem = half.sealed
        half.is_whole = False
        if self._is_tls13:
            return
        if kind == _HANDSHAKE and half.changed:
            half.finished = half.finished or place
        elif kind == _APPLICATION_DATA:
            half.application_data = half.application_data or place

    def _follow(self, half: _Half, epoch: Epoch, kind: int, content: bytes, place: _Place) -> None:
        if kind == _APPLICATION_DATA:
            if epoch.stage == "handshake" or (not self._is_tls13 and half.finished is None):
                raise OddError
            if content:
                half.application_data = half.application_data or place
                half.size += len(content)
                self._pieces.append((half.side, content, place))
        elif kind == _HANDSHAKE:
            offset, size = 0, len(content)
            while offset < size:
                if half.epoch is not epoch:
                    raise OddError
                end = offset + 4 + int.from_bytes(content[offset + 1 : offset + 4], "big")
                if end > size or size - offset < 4:
                    raise OddError
                self._read_message(half, content[offset], content[offset + 4 : end], place)
                offset = end
        elif kind == _ALERT and len(content) == 2 and len(self._alerts) < ALERT_LIMIT:
            self._alerts.append((half.side, content[0], content[1], place))
        else:
            raise OddError

    def _read_messages(self, half: _Half, data: bytes, place: _Place) -> None:
        """A record in the clear."""
        at, begin, end = place
        if begin == end:
            raise OddError
        while begin < end:
            if end - begin < 4 or half.epoch is not None or half.sealed is not None:
                raise OddError
            after = begin + 4 + int.from_bytes(data[begin + 1 : begin + 4], "big")
            if after > end:
                raise OddError
            self._read_message(half, data[begin], data[begin + 4 : after], (at, begin, after))
            begin = after

    def _read_message(self, half: _Half, kind: int, body: bytes, seen: _Place) -> None:
        try:
            if half is self._client:
                self._read_client_message(half, kind, body, seen)
            else:
                self._read_server_message(half, kind, body, seen)
        except MessageError:
            raise OddError from None

    def _read_client_message(self, half: _Half, kind: int, body: bytes, seen: _Place) -> None:
        if self._server_hello is None:
            hello, problem = decode_client_hello(body)
            if (
                kind != _CLIENT_HELLO
                or self._client_hello is not None
                or hello is None
                or problem is not None
                or hello.offers_early_data
            ):
                raise OddError
            self._client_hello = hello
            self._seen["client_hello"] = seen
        elif kind == _CERTIFICATE:
            self._see_chain(half, body)
            self._seen["client_certificate"] = seen
        elif kind == _VERIFY:
            self._seen.setdefault("certificate_verify", seen)
        elif kind == _FINISHED:
            self._finish(half, seen)
        elif kind != _CLIENT_KEY or self._is_tls13:
            raise OddError

    def _read_server_message(self, half: _Half, kind: int, body: bytes, seen: _Place) -> None:
        if self._server_hello is None:
            if kind != _SERVER_HELLO or self._client_hello is None:
                raise OddError
            self._read_server_hello(parse_server_hello(body), seen)
        elif kind == _CERTIFICATE:
            self._is_full = True
            self._see_chain(half, body)
        elif kind == _EXTENSIONS and self._is_tls13:
            self._alpn, is_early = parse_encrypted_extensions(body)
            if is_early:
                raise OddError
        elif kind == _REQUEST:
            self._see_request(body, seen)
        elif kind == _FINISHED:
            self._finish(half, seen)
        elif kind == _TICKET:
            self._see_ticket(body, seen)
        elif kind in (_KEY_EXCHANGE, _DONE) and not self._is_tls13:
            self._is_full = True
        elif kind not in (_VERIFY, _STATUS):
            raise OddError

    def _see_request(self, body: bytes, seen: _Place) -> None:
        if "certificate_request" not in self._seen:
            self._seen["certificate_request"] = seen
            self._authorities = find_authorities(body, is_tls13=self._is_tls13)

    def _see_ticket(self, body: bytes, seen: _Place) -> None:
        ticket = find_ticket(body, is_tls13=self._is_tls13)
        if ticket is None or len(self._tickets) >= TICKET_LIMIT:
            raise OddError
        self._tickets.append((*ticket, seen))

    def _read_server_hello(self, hello: ServerHello, seen: _Place) -> None:
        if hello.is_retry or hello.selects_psk:
            raise OddError
        self._server_hello = hello
        self._is_tls13 = hello.is_tls13
        self._seen["server_hello"] = seen
        self._alpn = hello.alpn
        if self._is_tls13:
            self._switch(self._server, "handshake")
            self._switch(self._client, "handshake")

    def _switch(self, half: _Half, stage: str) -> None:
        client, server = self._client_hello, self._server_hello
        assert client is not None
        assert server is not None
        secrets = self._secrets.find_sole(client.random)
        if secrets is None:
            raise OddError
        try:
            if stage == "tls12":
                half.epoch = build_tls12_epoch(secrets, client, server, half.side)
            else:
                half.epoch = build_tls13_epoch(secrets, server, half.side, stage)  # type: ignore[arg-type]
        except MissingKeysError as error:
            half.epoch, half.sealed = None, str(error)
        if half.epoch is not None and half.epoch.opener.has_state:
            raise OddError

    def _change(self, half: _Half) -> None:
        """ChangeCipherSpec."""
        if self._is_tls13:
            return
        # A resumed session goes on at once (RFC 5246 section 7.3): that is not for here.
        if self._server_hello is None or not self._is_full or half.changed:
            raise OddError
        half.changed = True
        self._switch(half, "tls12")

    def _finish(self, half: _Half, seen: _Place) -> None:
        if half.epoch is None or half.finished is not None:
            raise OddError
        half.finished = seen
        if half.epoch.stage == "handshake":
            self._switch(half, "application")

    def _see_chain(self, half: _Half, body: bytes) -> None:
        if half.chain is not None or half.finished is not None:
            raise OddError
        half.chain = tuple(
            map(parse_certificate, parse_certificate_list(body, is_tls13=self._is_tls13))
        )

    def build(self, runs: Runs) -> tuple[TlsSession, list[Piece]]:
        """The session and what was decrypted, in order; raises OddError where there is none to speak of.

        Args:
            runs: those that were read, or others with the same bytes.
        """
        client, server = self._client_hello, self._server_hello
        if client is None or server is None:
            raise OddError
        decrypted: str = "yes"
        if self._problem is not None:
            decrypted = "partly" if self._opened else "no"
        sight = _Sight(runs)
        seen = {name: sight.see(place) for name, place in self._seen.items()}
        pieces = [(side, data, sight.see(place)) for side, data, place in self._pieces]
        session = TlsSession(
            client_hello=seen["client_hello"],
            client_random=client.random,
            session_id=client.session_id,
            # In TLS 1.3 it is the client's own, sent back.
            issued_session_id=client.session_id
            if server.session_id == client.session_id
            else server.session_id,
            sni=client.sni,
            alpn_offered=client.alpn,
            server_hello=seen["server_hello"],
            server_random=server.random,
            version=server.version,
            cipher_suite=server.cipher_suite,
            cipher_suite_name=describe_suite(server.cipher_suite),
            alpn=self._alpn,
            tickets=tuple(
                build_ticket(lifetime_s, ticket, sight.see(place))
                for lifetime_s, ticket, place in self._tickets
            ),
            certificate_request=seen.get("certificate_request"),
            requested_authorities=self._authorities,
            server_certificates=self._server.chain or (),
            client_certificate=seen.get("client_certificate"),
            client_certificates=self._client.chain or (),
            certificate_verify=seen.get("certificate_verify"),
            client_finished=sight.find(self._client.finished),
            server_finished=sight.find(self._server.finished),
            client_application_data=sight.find(self._client.application_data),
            server_application_data=sight.find(self._server.application_data),
            alerts=tuple(
                build_alert(side, level, description, sight.see(place))
                for side, level, description, place in self._alerts
            ),
            decrypted=decrypted,  # type: ignore[arg-type]
            undecrypted=self._problem,
            client_plaintext_size=self._client.size,
            server_plaintext_size=self._server.size,
            client_plaintext_sha256=self._hash(self._client, decrypted),
            server_plaintext_sha256=self._hash(self._server, decrypted),
        )
        return session, pieces

    def _hash(self, half: _Half, decrypted: str) -> str | None:
        if not self._detail.hashes_streams or decrypted == "no" or not half.is_whole:
            return None
        total = hashlib.sha256()
        for side, data, _ in self._pieces:
            if side == half.side:
                total.update(data)
        return total.hexdigest()
