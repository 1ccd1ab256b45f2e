"""The evidence for a site, from traces of known sites."""

from __future__ import annotations

from harness.net.address import Endpoint
from harness.report.site_evidence import find_evidence
from tests.canary_trace import commit_canary
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, PASSTHROUGH, VIP, TraceBuilder


def _ways(builder: TraceBuilder) -> list[tuple[str, str, str]]:
    evidence = find_evidence(builder.build())
    return [(h.way, str(h.before.server), str(h.after.server)) for h in evidence.hops]


def test_a_sign_in_shows_how_it_went_on() -> None:
    """L1 as L2, the tunnel as L3, L3's request as L4's; the call-back is nobody's."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()

    assert _ways(builder) == [
        ("passed", f"{VIP}:5262", f"{N2}:5262"),
        ("tunnelled", f"{VIP}:5262", f"{VIP}:443"),
        ("tunnelled", f"{N2}:5262", f"{VIP}:443"),
        ("ended", f"{VIP}:443", f"{N1}:443"),
    ]


def test_listeners_say_what_they_ask() -> None:
    """Who connects, where CONNECT was asked, where a certificate was."""
    builder = TraceBuilder(PASSTHROUGH)
    legs = builder.sign_in()
    listener = next(
        li for li in find_evidence(builder.build()).listeners if li.endpoint == Endpoint(N2, 5262)
    )

    assert (listener.clients, listener.is_proxy) == ((VIP,), True)
    assert listener.connects == [legs.l2.packets[6]]
    assert listener.certificate_requests == [legs.l2.packets[4]]


def test_the_canary_is_left_out() -> None:
    """Its machines are the harness's, not the site's."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()
    before = _ways(builder)
    commit_canary(builder)

    assert _ways(builder) == before


def test_closed_tls_is_guessed_by_time() -> None:
    """While the balancer is asked it connects to a node by itself."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()
    trace = builder.build()
    for number in range(1, 6):
        trace = without_keys(trace, number)
    evidence = find_evidence(trace)

    assert ("perhaps ended", f"{VIP}:443", f"{N1}:443") in [
        (h.way, str(h.before.server), str(h.after.server)) for h in evidence.hops
    ]
    assert len(evidence.unread) == 5
