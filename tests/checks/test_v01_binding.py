"""V01: each way in which a user and a certificate can come apart, and what must not be flagged."""

from __future__ import annotations

from harness.checks.sign_in import find_identity
from harness.checks.v01_binding import V01
from harness.site.sign_in import build_apps_target
from harness.site.sign_in_form import SignInForm
from harness.site.site import Site
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult
from tests.checks.examining import result_of
from tests.lost_evidence import without_keys, without_packet
from tests.trace_builder import (
    CLUSTER,
    N1,
    N2,
    N3,
    PIXEL,
    VIP,
    TraceBuilder,
    make_certificate,
    make_pem,
    make_random,
)

ALICE, BOB = "alice@example.com", "bob@example.com"


def test_a_bound_sign_in_passes() -> None:
    """The proved certificate is handed out and names the user."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V01, builder).outcome is Outcome.PASS


def test_another_certificate_fails() -> None:
    """F01 F07: the call-back hands out the certificate of another device."""
    builder = TraceBuilder()
    legs = builder.sign_in(
        user=BOB, certificate=make_certificate(ALICE), handed=make_certificate(BOB)
    )

    (finding,) = result_of(V01, builder).findings
    assert BOB in finding.message
    assert ALICE in finding.message
    assert legs.l5 is not None
    assert legs.l5.packets[-1] in finding.packets
    (proxied,) = (c for c in builder.build().connections if c.server == legs.l2.server)
    assert proxied.tls is not None
    assert proxied.tls.client_certificate is not None
    assert set(proxied.tls.client_certificate.packets) <= set(finding.packets)


def test_another_user_fails() -> None:
    """F78: the certificate is the right one, but somebody else is signed in."""
    builder = TraceBuilder()
    builder.sign_in(user=BOB, certificate=make_certificate(ALICE))

    (finding,) = result_of(V01, builder).findings
    assert f"names {ALICE}" in finding.message


def test_a_user_is_read_in_the_form_of_the_site() -> None:
    """Where an answer says it in other words, it is found there alone; the domain may be another one."""
    form = SignInForm(user_in="body", user_name='"user": "{user}"', cookie="SESSION")
    site = CLUSTER.model_copy(update={"sign_in": form})
    elsewhere = site.model_copy(update={"sign_in": SignInForm(user_in="header", user_name="X-U")})

    def judge(user: str, site: Site) -> CheckResult:
        builder = TraceBuilder(site)
        builder.sign_in(user=user, certificate=make_certificate(ALICE))
        return result_of(V01, builder)

    assert judge("alice@TENANT", site).outcome is Outcome.PASS
    (finding,) = judge(BOB, site).findings
    assert f"names {ALICE}" in finding.message
    assert judge(BOB, elsewhere).outcome is Outcome.PASS  # Nobody was signed in there.


def test_a_success_without_a_certificate_fails() -> None:
    """V19: an identity from nowhere."""
    builder = TraceBuilder()
    builder.sign_in(call_back=False)

    (finding,) = result_of(V01, builder).findings
    assert "without any certificate" in finding.message


def test_a_success_after_a_refused_call_back_fails() -> None:
    """The call-back found nothing, and the user is signed in all the same."""
    builder = TraceBuilder()
    legs = builder.sign_in(status=403)
    legs.l4.answer(0, 200, b'{"user": "alice@example.com"}')

    assert result_of(V01, builder).outcome is Outcome.FAIL


def test_an_answer_without_certificate_fails() -> None:
    """The call-back answered 200 with something else."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    assert legs.l5 is not None
    legs.l5.answer(0, 200, b"nothing here")

    (finding,) = result_of(V01, builder).findings
    assert "holds no certificate" in finding.message


def test_a_success_past_the_proxy_fails() -> None:
    """F16: a request that no proxy carried got somebody's certificate."""
    builder = TraceBuilder()
    front = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("front"))
    target = builder.login()
    request = front.ask(target)
    back = builder.open("dmz", VIP, N1, 443).handshake(make_random("back"))
    headers = (("RemotePort", b"40000"), ("X-Forwarded-For", str(N2).encode()))
    at_node = back.ask(target, headers=headers)
    builder.call_back(N1, N2, key=40000, answer=(200, make_pem(make_certificate(ALICE))))
    builder.finish(front, request, back, at_node, user=ALICE)

    (finding,) = result_of(V01, builder).findings
    assert "came through no proxy" in finding.message


def _later(builder: TraceBuilder, *, cookie: bytes, user: str) -> None:
    """A request of a session, on new connections of its own."""
    _, _, l3 = builder.tunnel(certificate=make_certificate(user))
    headers = (("Cookie", b"a=b; " + cookie),)
    target = build_apps_target("f" * 32)
    request = l3.ask(target, headers=headers)
    l4 = builder.open("dmz", VIP, N3, 443).handshake(make_random("later"))
    true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
    builder.finish(l3, request, l4, l4.ask(target, headers=(*headers, *true)), user=user)


def test_a_certificate_of_the_balancer_itself_fails() -> None:
    """F37: the device's TLS ends at the balancer, which proves a certificate of its own to the node."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    legs.l1.handshake(make_random("ended at the balancer"), asks=True)

    (finding,) = result_of(V01, builder).findings
    assert "with a certificate that vip 10.20.0.10 itself proved" in finding.message
    assert legs.l2.packets[0] in finding.packets


def test_a_session_needs_no_new_certificate() -> None:
    """A later request with the cookie of a sign-in passes."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    _later(builder, cookie=legs.cookie, user=ALICE)

    assert result_of(V01, builder).outcome is Outcome.PASS


def test_a_session_of_another_user_fails() -> None:
    """A session answered as somebody else."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    _later(builder, cookie=legs.cookie, user=BOB)

    (finding,) = result_of(V01, builder).findings
    assert f"in a session of {ALICE}" in finding.message


def test_an_invented_cookie_fails() -> None:
    """A cookie that no sign-in set signs in nobody."""
    builder = TraceBuilder()
    builder.sign_in()
    _later(builder, cookie=b"HZN=invented", user=ALICE)

    assert result_of(V01, builder).outcome is Outcome.FAIL


def test_a_resumed_session_counts_for_its_ancestor() -> None:
    """A TLS 1.2 resumption whose full handshake proved the certificate passes."""
    builder = TraceBuilder()
    certificate = make_certificate(ALICE)
    first = builder.sign_in()
    second = builder.sign_in()
    wires = ((first.l1, False), (first.l2, False), (second.l1, True), (second.l2, True))
    for wire, resumed in wires:
        wire.handshake(
            make_random(f"outer {resumed}"),
            certificate=None if resumed else certificate,
            version=0x0303,
            session_id=b"session",
            issued_session_id=b"session",
            resumed=resumed,
        )

    assert result_of(V01, builder).outcome is Outcome.PASS


def test_a_resumed_session_without_ancestor_is_unknown() -> None:
    """Which certificate a TLS 1.3 resumption stands for cannot be told."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    legs.l2.handshake(legs.l2.tls.client_random, resumed=True)  # type: ignore[union-attr, arg-type]

    result = result_of(V01, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "is not known" in (result.reason or "")


def test_without_keys_of_the_proxy_leg_it_is_unknown() -> None:
    """What the device proved cannot be read."""
    builder = TraceBuilder()
    builder.sign_in()
    trace = without_keys(builder.build(), connection=2)

    result = result_of(V01, trace, CLUSTER)
    assert result.outcome is Outcome.UNKNOWN
    assert "no secret" in (result.reason or "")


def test_a_user_is_named_by_upn_first() -> None:
    """UPN, else email, else nobody."""
    by_upn, by_email = make_certificate(ALICE), make_certificate(BOB, upn=False)

    assert [find_identity(c) for c in (by_upn, by_email)] == [ALICE, BOB]


def test_a_call_back_that_nothing_but_its_time_joins_proves_nothing_in_a_lossy_capture() -> None:
    """The request's own may be among what is missing; where nothing is, it is this one."""
    builder = TraceBuilder()
    legs = builder.sign_in(key=50000, asked=N3, handed=make_certificate(BOB))
    whole = builder.build()
    lossy = without_packet(whole, legs.l1.packets[-1])

    assert result_of(V01, whole, CLUSTER).outcome is Outcome.FAIL
    assert result_of(V01, lossy, CLUSTER).outcome is Outcome.UNKNOWN
