"""What has been seen of one TLS session so far; `build` freezes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from harness.decode.tls.alert import build_alert
from harness.decode.tls.certificate import parse_certificate
from harness.decode.tls.message import ClientHello, ServerHello
from harness.decode.tls.suite import describe_suite
from harness.trace.certificate import Certificate
from harness.trace.tls import Alert, Seen, Side, Ticket, TlsSession

_SIDES: tuple[Side, ...] = ("client", "server")
ALERT_LIMIT = 256
"""Alerts kept of one session; a peer could send any number of warnings."""
TICKET_LIMIT = 16
"""Tickets of one session that are kept."""
CHAIN_LIMIT = 64
"""Later client chains kept of one session."""


def build_ticket(lifetime_s: int, ticket: bytes, seen: Seen) -> Ticket:
    """A ticket by its name: what it holds is the server's."""
    name = hashlib.sha256(ticket).hexdigest()
    return Ticket(sha256=name, lifetime_s=lifetime_s, given_ns=seen.time_ns)


class SessionFacts:
    """Collects the fields of TlsSession; the first sighting of each stays."""

    __slots__ = (
        "alerts",
        "alpn",
        "application_data",
        "certificate_request",
        "certificate_verify",
        "client_certificate",
        "client_certificates",
        "client_hello",
        "client_hello_seen",
        "early_data",
        "finished",
        "is_certificate_late",
        "later_client_certificates",
        "later_client_randoms",
        "plaintext_hashes",
        "plaintext_sizes",
        "requested_authorities",
        "resumed",
        "server_certificates",
        "server_hello",
        "server_hello_seen",
        "tickets",
    )

    def __init__(self, *, hashes: bool = True) -> None:
        """Start with nothing seen."""
        self.client_hello: ClientHello | None = None
        self.client_hello_seen: Seen | None = None
        self.server_hello: ServerHello | None = None
        self.server_hello_seen: Seen | None = None
        self.alpn: str | None = None
        self.resumed = False
        self.early_data: Literal["accepted", "rejected"] | None = None
        self.certificate_request: Seen | None = None
        self.server_certificates: tuple[Certificate, ...] = ()
        self.client_certificate: Seen | None = None
        self.is_certificate_late = False
        self.client_certificates: tuple[Certificate, ...] = ()
        self.later_client_certificates: list[tuple[Certificate, ...]] = []
        self.later_client_randoms: list[bytes] = []
        self.certificate_verify: Seen | None = None
        self.finished: dict[Side, Seen] = {}
        self.application_data: dict[Side, Seen] = {}
        self.alerts: list[Alert] = []
        self.tickets: list[Ticket] = []
        self.requested_authorities: tuple[bytes, ...] = ()
        self.plaintext_sizes: dict[Side, int] = {"client": 0, "server": 0}
        self.plaintext_hashes: dict[Side, hashlib._Hash] = {
            side: hashlib.sha256() for side in (_SIDES if hashes else ())
        }

    def see_client_hello(self, hello: ClientHello, seen: Seen) -> None:
        """The first ClientHello counts; later ones repeat or renegotiate."""
        if self.client_hello is None:
            self.client_hello, self.client_hello_seen = hello, seen
        elif hello.random != self.client_hello.random:
            # The answer to a HelloRetryRequest has the same random; HELLO_LIMIT bounds how many there are.
            self.later_client_randoms.append(hello.random)

    def see_server_hello(self, hello: ServerHello, seen: Seen) -> None:
        """The first ServerHello that is not a HelloRetryRequest counts; that one gives version and suite meanwhile."""
        if self.server_hello_seen is None:
            self.server_hello = hello
            if not hello.is_retry:
                self.server_hello_seen = seen
                self.alpn = hello.alpn
                self.resumed = hello.is_tls13 and hello.selects_psk

    def see_ticket(self, given: tuple[int, bytes] | None, seen: Seen) -> None:
        """A ticket that the server gave out, with its lifetime in seconds; None: it could not be read."""
        if given is not None and len(self.tickets) < TICKET_LIMIT:
            self.tickets.append(build_ticket(*given, seen))

    def _find_offered(self) -> str | None:
        """The ticket with which the session was resumed."""
        client, server = self.client_hello, self.server_hello
        if not self.resumed or client is None or server is None:
            return None
        offered = client.ticket
        if server.is_tls13:
            offered = b"".join(client.identities[server.selected_identity :][:1])
        return hashlib.sha256(offered).hexdigest() if offered else None

    def see_certificates(self, side: Side, chain: tuple[bytes, ...], seen: Seen) -> None:
        """A Certificate message, also an empty one."""
        certificates = tuple(parse_certificate(der) for der in chain)
        if side == "server":
            self.server_certificates = self.server_certificates or certificates
        elif self.client_certificate is None:
            # Packets tell nothing: they may have come in another order.
            self.is_certificate_late = "client" in self.finished
            self.client_certificate, self.client_certificates = seen, certificates
        elif len(self.later_client_certificates) < CHAIN_LIMIT:
            self.later_client_certificates.append(certificates)

    def see_finished(self, side: Side, seen: Seen) -> None:
        """The first Finished of a side."""
        self.finished.setdefault(side, seen)

    def see_application_data(self, side: Side, seen: Seen) -> None:
        """A record of application data."""
        self.application_data.setdefault(side, seen)

    def see_plaintext(self, side: Side, data: bytes, seen: Seen) -> None:
        """Decrypted application data."""
        self.application_data.setdefault(side, seen)
        self.plaintext_sizes[side] += len(data)
        if self.plaintext_hashes:
            self.plaintext_hashes[side].update(data)

    def see_alert(self, side: Side, level: int, description: int, seen: Seen) -> None:
        """One alert."""
        if len(self.alerts) < ALERT_LIMIT:
            self.alerts.append(build_alert(side, level, description, seen))

    def build(
        self,
        decrypted: Literal["yes", "partly", "no"],
        undecrypted: str | None,
        whole: Mapping[Side, bool],
    ) -> TlsSession:
        """Freeze what was seen; `whole` tells of which sides no plaintext is missing."""
        client, server = self.client_hello, self.server_hello
        hashes = {
            side: value.hexdigest() if decrypted != "no" and whole[side] else None
            for side, value in self.plaintext_hashes.items()
        }
        is_answered = server is not None and self.server_hello_seen is not None
        return TlsSession(
            client_hello=self.client_hello_seen,
            client_random=client.random if client else None,
            session_id=client.session_id if client else b"",
            issued_session_id=server.session_id if server and is_answered else b"",
            sni=client.sni if client else None,
            alpn_offered=client.alpn if client else (),
            server_hello=self.server_hello_seen,
            server_random=server.random if server and is_answered else None,
            version=server.version if server else None,
            cipher_suite=server.cipher_suite if server else None,
            cipher_suite_name=describe_suite(server.cipher_suite) if server else None,
            alpn=self.alpn,
            resumed=self.resumed,
            tickets=tuple(self.tickets),
            resumed_ticket=self._find_offered(),
            early_data=self.early_data,
            certificate_request=self.certificate_request,
            requested_authorities=self.requested_authorities,
            server_certificates=self.server_certificates,
            client_certificate=self.client_certificate,
            is_certificate_late=self.is_certificate_late,
            client_certificates=self.client_certificates,
            later_client_certificates=tuple(self.later_client_certificates),
            later_client_randoms=tuple(self.later_client_randoms),
            certificate_verify=self.certificate_verify,
            client_finished=self.finished.get("client"),
            server_finished=self.finished.get("server"),
            client_application_data=self.application_data.get("client"),
            server_application_data=self.application_data.get("server"),
            alerts=tuple(self.alerts),
            decrypted=decrypted,
            undecrypted=undecrypted,
            client_plaintext_size=self.plaintext_sizes["client"],
            server_plaintext_size=self.plaintext_sizes["server"],
            client_plaintext_sha256=hashes.get("client"),
            server_plaintext_sha256=hashes.get("server"),
        )
