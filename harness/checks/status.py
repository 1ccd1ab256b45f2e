"""The status: what the nodes were told about revocation (L6), and whether that was enough to sign somebody in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.checks.case import Case
from harness.checks.evidence import gather, opening
from harness.net.address import Address, Endpoint
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.trace.revocation import StatusAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFlaw:
    """Why a certificate must not count."""

    told: str
    """Ends `a certificate ...`."""
    is_seen: bool
    """An answer says so; False: none says otherwise."""
    is_known: bool = True
    """False: it may be good, if those signed who should have."""
    packets: tuple[PacketNumber, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One usable answer."""

    connection: Connection
    answer: StatusAnswer
    time_ns: int
    packets: tuple[PacketNumber, ...]


class Statuses:
    """Everything that nodes asked the responder of the site."""

    def __init__(self, case: Case) -> None:
        """Sort it by node."""
        asked = case.site.revocation
        self._method = asked.method if asked is not None else None
        self._asked: dict[Address, list[Connection]] = defaultdict(list)
        self._told: dict[Address, list[_Told]] = defaultdict(list)
        if asked is None:
            return
        server = Endpoint(asked.address, asked.port)
        for connection in case.legs.opened:
            if connection.server == server:
                node = case.machines.client(connection)
                self._asked[node].append(connection)
                self._told[node] += _find_told(connection)

    def find_flaw(
        self, node: Address, serial_number: int, *, since_ns: int, now_ns: int
    ) -> StatusFlaw | None:
        """Why a certificate was not good for this node at that time; None: it was, or the site does not ask.

        Args:
            node: who signed somebody in.
            serial_number: of the user's certificate.
            since_ns: when the request came for which it did.
            now_ns: when it answered.
        """
        if self._method is None:
            return None
        told = [
            one
            for one in self._told[node]
            if one.time_ns <= now_ns and one.answer.holds(now_ns) and one.answer.tell(serial_number)
        ]
        asked = [c for c in self._asked[node] if since_ns <= c.opened_ns <= now_ns]
        looked = gather(*(opening(c) for c in asked), *(one.packets for one in told[-1:]))
        if told and told[-1].answer.tell(serial_number) == "revoked":
            return StatusFlaw(told="that is revoked", is_seen=True, packets=looked)
        good = [one for one in told if one.answer.tell(serial_number) == "good"]
        by_ocsp = [one for one in good if one.answer.protocol == "ocsp"]
        by_list = [one for one in good if one.answer.protocol == "crl"]
        if not {"ocsp": by_ocsp, "crl": by_list, "ocsp_then_crl": good}[self._method]:
            why = "about which no valid answer had told that it is not revoked"
            return StatusFlaw(told=why, is_seen=False, packets=looked)
        if self._method == "ocsp_then_crl" and _is_list_first(asked, by_list, serial_number):
            why = "that was looked up in the CRL before OCSP was asked"
            return StatusFlaw(told=why, is_seen=False, packets=looked)
        usable = {"ocsp": by_ocsp, "crl": by_list, "ocsp_then_crl": good}[self._method]
        if all(one.answer.signature == "unchecked" for one in usable):
            why = "that was called good by an answer whose signature cannot be checked: give site.revocation.issuers"
            return StatusFlaw(told=why, is_seen=False, is_known=False, packets=looked)
        return None


def _find_told(connection: Connection) -> list[_Told]:
    """The answers of one connection that answer what was asked."""
    found = []
    for exchange in connection.exchanges:
        query = exchange.request.status_query if exchange.request is not None else None
        response = exchange.response
        answer = response.status_answer if response is not None else None
        # What nobody entitled to has signed says nothing.
        if response is None or answer is None or answer.signature == "wrong":
            continue
        # RFC 8954 section 2.1: another nonce makes it the answer to another question.
        if query is not None and query.nonce not in (None, answer.nonce):
            continue
        found.append(
            _Told(
                connection=connection,
                answer=answer,
                time_ns=response.last_ns,
                packets=exchange.packets,
            )
        )
    return found


def _is_list_first(asked: list[Connection], by_list: list[_Told], serial_number: int) -> bool:
    """Whether the list was looked up without any question to OCSP about this certificate before it.

    Others may sign in at the same node at the same time: whose look-up a list is, nobody can tell, but an OCSP
    question names its certificate.
    """
    numbers = {one.connection.number for one in by_list}
    lists = [c for c in asked if c.number in numbers]
    questions = [c for c in asked if c.number not in numbers and _may_ask(c, serial_number)]
    return bool(lists) and not any(c.opened_ns <= lists[-1].opened_ns for c in questions)


def _may_ask(connection: Connection, serial_number: int) -> bool:
    """Whether a connection to the responder was for this certificate; one that came to nothing may have been."""
    queries = [
        e.request.status_query
        for e in connection.exchanges
        if e.request is not None and e.request.status_query is not None
    ]
    return not queries or any(query.serial_number == serial_number for query in queries)
