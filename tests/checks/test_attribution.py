"""Attribution: which request caused which call-back."""

from __future__ import annotations

from harness.checks.attribution import attribute, end, names_port, start
from harness.trace.journey import Caused
from tests.checks.examining import make_case
from tests.trace_builder import N1, N2, N3, TraceBuilder


def test_the_headers_name_the_cause() -> None:
    """Node and port are those of the only request."""
    builder = TraceBuilder()
    builder.sign_in()
    (request,) = make_case(builder).journeys.requests

    (caused,) = request.call_backs
    assert caused.matches
    assert start(request) <= start(caused.call_back) <= end(request)


def test_the_port_alone_names_the_cause_without_matching() -> None:
    """F44: the port is the request's, the node is another."""
    builder = TraceBuilder()
    builder.sign_in(asked=N3)
    case = make_case(builder)
    (request,) = case.journeys.requests

    assert [c.matches for c in request.call_backs] == [False]
    assert names_port(request, request.call_backs[0].call_back, case.machines)


def test_a_call_back_after_the_answer_has_no_cause() -> None:
    """The request was over."""
    builder = TraceBuilder()
    builder.sign_in(call_back=False)
    builder.call_back(N1, N2, key=40000, answer=(404, b""))
    journeys = make_case(builder).journeys

    assert [c.key for c in journeys.uncaused] == [40000]
    assert journeys.requests[0].call_backs == ()


def test_clocks_that_differ_widen_the_time() -> None:
    """With two files nobody knows which came first: then the call-back may belong to the request."""
    builder = TraceBuilder()
    builder.sign_in(call_back=False)
    builder.call_back(N1, N2, key=40000, answer=(404, b""))
    case = make_case(builder)
    requests, (call_back,) = list(case.journeys.requests), case.journeys.uncaused

    journeys = attribute(requests, (call_back,), case.machines, slack_ns=1_000_000)

    assert journeys.requests[0].call_backs == (Caused(call_back=call_back, matches=False),)
