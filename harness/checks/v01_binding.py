"""V01 binding: who is signed in is who proved a certificate in the handshake of that very journey."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.checks.alternatives import settle
from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, LookedAt, Unjudged, as_absent
from harness.checks.evidence import answering, asking, count_own, gather, opening, seen
from harness.checks.joining import outer_random
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT, SERVICE_CONTENT
from harness.checks.sign_in import find_identity, find_sent, find_set, find_user, is_named
from harness.net.address import Address, Endpoint
from harness.trace.certificate import Certificate
from harness.trace.journey import Ambiguous, CallBack, Front, Proxied, ServiceRequest
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Success:
    """A request that was answered with a user."""

    request: ServiceRequest
    user: str
    told: str


class _Strangers:
    """F37: balancers that are themselves the client of a node's TLS."""

    def __init__(self, case: Case) -> None:
        """Look once at whether the ClientHello of every device's connection to a balancer was seen."""
        self._machines = case.machines
        self._is_known: dict[Address, bool] = {}
        for connection in case.legs.outer:
            server, has_hello = case.machines.server(connection), bool(outer_random(connection))
            self._is_known[server] = self._is_known.get(server, True) and has_hello

    def find(self, proxied: Proxied) -> str | None:
        """The balancer that made this TLS itself; None: a device, or it cannot be told."""
        sender = self._machines.client(proxied.proxy)
        is_balancer = sender in self._machines.balancers
        if proxied.outer is not None or not is_balancer or not self._is_known.get(sender, False):
            return None
        return self._machines.tell_address(sender)


def _judge(case: Case) -> Iterator[Judgement]:
    sessions: dict[bytes, str] = {}
    strangers = _Strangers(case)
    for request in sorted(case.journeys.requests, key=_answered):
        user = find_user(request.exchange.response, case.site)
        if user is None:
            continue
        told = f"{case.machines.tell_server(request.connection)} signed in {user}"
        success = _Success(request=request, user=user, told=told)
        handed = tuple(c for c in request.call_backs if c.call_back.status == OK)
        if handed:
            for caused in handed:
                found = _judge_binding(case, success, caused.call_back, strangers)
                # Where only the times name the cause, the real call-back may not be in the file.
                yield from found if caused.matches else as_absent(found)
        else:
            yield from _judge_session(case, success, sessions, strangers)
        sessions |= dict.fromkeys(find_set(request.exchange, case.site), user)


def _judge_session(
    case: Case, success: _Success, sessions: dict[bytes, str], strangers: _Strangers
) -> Iterator[Judgement]:
    """A success without a certificate is fine only in a session that was signed in as the same user."""
    request = success.request
    owners = [
        sessions[cookie] for cookie in find_sent(request.exchange, case.site) if cookie in sessions
    ]
    if success.user in owners:
        return
    if request.perhaps:
        reason = f"{success.told}, and it cannot be told which certificate it was given"
        packets = gather(*(asking(c.exchange) for c in request.perhaps))
        handed = tuple(c for c in request.perhaps if c.status == OK)
        # As above: only the times make them candidates.
        stories = [tuple(as_absent(_judge_binding(case, success, c, strangers))) for c in handed]
        # A call-back that handed out nothing leaves the question where the user comes from.
        doubt = Unjudged(reason=reason, packets=packets)
        yield from settle(stories, doubt) if len(handed) == len(request.perhaps) else (doubt,)
        return
    why = f"in a session of {owners[0]}" if owners else "without any certificate from a node"
    finding = _finding(
        success, why, packets=gather(asking(request.exchange), answering(request.exchange))
    )
    yield finding if owners else Absent(finding=finding)


def _judge_binding(
    case: Case, success: _Success, call_back: CallBack, strangers: _Strangers
) -> Iterator[Judgement]:
    request = success.request
    given = find_fingerprint(call_back.exchange, case.site)
    handed = gather(answering(call_back.exchange), answering(request.exchange))
    ends: tuple[Endpoint, ...] = (call_back.connection.client, call_back.connection.server)
    if given is None:
        why = f"but the answer of {case.machines.tell_server(call_back.connection)} holds no certificate"
        yield _finding(success, why, packets=handed, endpoints=ends)
        return
    if isinstance(request.front, Front) and request.front.node is None:
        opener = request.front.connection
        why = f"from {case.machines.tell_client(opener)}, which came through no proxy and proved no certificate"
        yield _finding(
            success, why, packets=gather(opening(opener), handed), endpoints=(*ends, opener.client)
        )
        return
    proxied = request.proxied
    if not isinstance(request.front, Front) or not isinstance(proxied, Proxied):
        yield _unjoined(success, request)
        return
    shown = case.proofs.find_shown(proxied.proxy)
    if shown is None:
        reason = f"{success.told}, but which certificate {case.machines.tell(proxied.device)} proved is not known"
        yield Unjudged(reason=reason, packets=opening(proxied.proxy))
        return
    stranger = strangers.find(proxied)
    if stranger is not None:
        why = f"with a certificate that {stranger} itself proved, and no client of its own"
        ends = (*ends, proxied.proxy.client, proxied.proxy.server)
        packets = gather(opening(proxied.proxy), handed)
        yield Absent(finding=_finding(success, why, packets=packets, endpoints=ends))
        return
    tls = proxied.proxy.tls
    where = seen(tls.client_certificate) if tls is not None else ()
    ends = (*ends, proxied.device, proxied.proxy.server)
    packets = gather(where or opening(proxied.proxy), handed)
    device, name = case.machines.tell(proxied.device), _named(shown)
    if given != shown.sha256:
        why = (
            f"with certificate sha256 {given[:16]} from {case.machines.tell_server(call_back.connection)}, "
            f"but {device} proved {shown.sha256[:16]} ({name})"
        )
        yield _finding(success, why, packets=packets, endpoints=ends)
    elif not is_named(success.user, shown, case.site):
        why = f"but the certificate that {device} proved names {name}"
        yield _finding(success, why, packets=packets, endpoints=ends)


def _unjoined(success: _Success, request: ServiceRequest) -> Unjudged:
    for joined in (request.front, request.proxied):
        if isinstance(joined, Ambiguous):
            return Unjudged(reason=f"{success.told}, but {joined.reason}", packets=joined.packets)
    leg = (
        "the connection it came through"
        if request.front is None
        else "the device's connection to the proxy"
    )
    return Unjudged(
        reason=f"{success.told}, but {leg} was not found", packets=asking(request.exchange)
    )


def _finding(
    success: _Success,
    why: str,
    *,
    packets: tuple[PacketNumber, ...],
    endpoints: tuple[Endpoint, ...] = (),
) -> Finding:
    connection = success.request.connection
    return Finding(
        message=f"{success.told} {why}",
        packets=packets,
        endpoints=(connection.client, connection.server, *endpoints),
    )


def _named(certificate: Certificate) -> str:
    return find_identity(certificate) or certificate.subject or "nobody"


def _answered(request: ServiceRequest) -> int:
    response = request.exchange.response
    return response.last_ns if response is not None else request.connection.closed_ns


V01 = Check(
    id="V01",
    promise="Whoever is signed in proved the certificate in the handshake of that very journey.",
    source="V01; F01 F07 F16 F37 F54",
    needs=(COMPLETE, PROXY_CONTENT, SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "sign-in",
        lambda case: count_own(
            case.trace,
            *(
                r.exchange
                for r in case.journeys.requests
                if find_user(r.exchange.response, case.site)
            ),
        ),
    ),
)
