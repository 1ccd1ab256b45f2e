"""V18 user certificate: whoever is signed in has a certificate that is good at that time."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged, as_absent
from harness.checks.evidence import answering, gather, opening, seen
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT, SERVICE_CONTENT
from harness.checks.sign_in import find_user
from harness.checks.status import Statuses
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.http import Response
from harness.trace.journey import CallBack, ServiceRequest
from harness.verdict.finding import Finding

OK = 200
CLIENT_AUTH, ANY_PURPOSE = "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"
"""RFC 5280 section 4.2.1.12."""


def _judge(case: Case) -> Iterator[Judgement]:
    proofs = _find_proofs(case)
    statuses = Statuses(case)
    for request in case.journeys.requests:
        response = request.exchange.response
        user = find_user(response, case.site)
        if user is None or response is None:
            continue
        handed = [(c.call_back, c.matches) for c in request.call_backs if c.call_back.status == OK]
        handed += [(c, False) for c in request.perhaps if c.status == OK]
        for call_back, is_sure in handed:
            found = (
                *_judge_handed(case, request, call_back, response, user, proofs),
                *_judge_status(case, request, call_back, user, proofs, statuses),
            )
            # Where only the times name the cause, the real call-back may not be in the file.
            yield from found if is_sure else as_absent(found)


def _judge_handed(
    case: Case,
    request: ServiceRequest,
    call_back: CallBack,
    response: Response,
    user: str,
    proofs: dict[str, tuple[Certificate, Connection]],
) -> Iterator[Judgement]:
    told = f"{case.machines.tell_server(request.connection)} signed in {user}"
    given = find_fingerprint(call_back.exchange, case.site)
    packets = gather(answering(call_back.exchange), answering(request.exchange))
    if given not in proofs:
        return  # What nobody proved is V12's.
    certificate, proxy = proofs[given]
    where = seen(proxy.tls.client_certificate) if proxy.tls is not None else ()
    flaw = _find_flaw(case, certificate, response.first_ns)
    if flaw is None:
        return
    story = Finding(
        message=f"{told} with a certificate {flaw}",
        packets=gather(where or opening(proxy), packets),
        endpoints=(request.connection.client, request.connection.server, proxy.client),
    )
    if len(request.perhaps) > 1:
        yield Unjudged(reason=f"{story.message}, or with another one", packets=story.packets)
    else:
        yield story


def _judge_status(
    case: Case,
    request: ServiceRequest,
    call_back: CallBack,
    user: str,
    proofs: dict[str, tuple[Certificate, Connection]],
    statuses: Statuses,
) -> Iterator[Judgement]:
    """F76: whoever signs somebody in was told that the certificate is not revoked."""
    given = find_fingerprint(call_back.exchange, case.site)
    asked, answered = request.exchange.request, request.exchange.response
    if given not in proofs or asked is None or answered is None:
        return
    certificate, proxy = proofs[given]
    flaw = statuses.find_flaw(
        request.node, certificate.serial_number, since_ns=asked.first_ns, now_ns=answered.first_ns
    )
    if flaw is None:
        return
    story = Finding(
        message=f"{case.machines.tell_server(request.connection)} signed in {user} with a certificate {flaw.told}",
        packets=gather(flaw.packets, answering(call_back.exchange), answering(request.exchange)),
        endpoints=(request.connection.client, request.connection.server, proxy.client),
    )
    if len(request.perhaps) > 1:
        yield Unjudged(reason=f"{story.message}, or with another one", packets=story.packets)
    elif not flaw.is_known:
        yield Unjudged(reason=story.message, packets=story.packets)
    else:
        yield story if flaw.is_seen else Absent(finding=story)


def _find_flaw(case: Case, certificate: Certificate, now_ns: int) -> str | None:
    """Why a user certificate is not good; None: it is, as far as packets show."""
    if certificate.problem is not None:
        return f"that cannot be read ({certificate.problem})"
    if not certificate.not_before_ns <= now_ns <= certificate.not_after_ns:
        return "that is expired" if now_ns > certificate.not_after_ns else "that is not valid yet"
    if certificate.is_authority:
        return "of an authority"
    if certificate.purposes is None or not {CLIENT_AUTH, ANY_PURPOSE} & set(certificate.purposes):
        return f"for {', '.join(certificate.purposes or ()) or 'no purpose'}; expected clientAuth"
    trusted = case.note.user_authorities if case.note is not None else ()
    if trusted and certificate.issuer_key_id not in trusted:
        return f"of an authority that the site does not trust ({certificate.issuer})"
    wanted = case.site.user_policies
    if wanted and not set(wanted) & set(certificate.policies):
        has = ", ".join(certificate.policies) or "none"
        return f"with policies {has}; expected one of {', '.join(wanted)}"
    if len(set(certificate.upns)) > 1:
        return f"with {len(set(certificate.upns))} principal names"
    if any(not name.isprintable() for name in (*certificate.upns, *certificate.emails)):
        return "whose name holds control characters"
    return None


def _find_proofs(case: Case) -> dict[str, tuple[Certificate, Connection]]:
    """Every certificate that a device proved, by fingerprint, and where it did first."""
    found: dict[str, tuple[Certificate, Connection]] = {}
    for connection in case.legs.proxy:
        tls = connection.tls
        chains = (
            (tls.client_certificates, *tls.later_client_certificates) if tls is not None else ()
        )
        for chain in chains:
            if chain:
                found.setdefault(chain[0].sha256, (chain[0], connection))
    return found


V18 = Check(
    id="V18",
    promise="Whoever is signed in has a certificate that is good at that time, and for that purpose.",
    source="V18; F69 F75 F76 F77 F78",
    needs=(COMPLETE, PROXY_CONTENT, SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
