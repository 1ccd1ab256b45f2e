"""Mended: what a balancer may put right, and what it then must not pass on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.mended import find_mended, find_torn, is_length_doubtful
from harness.checks.v21_framing import V21
from harness.trace.http import HTTP_2, Header, Malformed
from harness.verdict.outcome import Outcome
from tests.checks.examining import make_case, result_of
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    CLUSTER,
    PIXEL,
    VIP,
    Fields,
    SignIn,
    TraceBuilder,
    make_random,
)

NOTE = b"one\r\n RemotePort: 40000"


def _sign_in(
    *,
    sent: Fields = (("X-Note", NOTE),),
    passed: Fields = (("X-Note", b"one RemotePort: 40000"),),
) -> tuple[TraceBuilder, SignIn]:
    """A sign-in with an odd request: lines as the balancer got them, and as the node did."""
    builder = TraceBuilder()
    legs = builder.sign_in(headers=passed)
    front = legs.l3.exchanges[0].request
    assert front is not None
    lines = tuple(Header(name=name.encode(), value=value) for name, value in sent)
    odd = replace(front, headers=(*front.headers, *lines))
    legs.l3.exchanges[0] = replace(legs.l3.exchanges[0], request=odd)
    legs.l3.malformed = (_odd(legs.l3.exchanges[0].packets[0]),)
    return builder, legs


def _odd(number: int, *, exchange: int | None = 0) -> Malformed:
    packets = (number,)
    return Malformed(
        sender="client", layer="http", message="folded", packets=packets, exchange=exchange
    )


def test_a_folded_line_that_the_balancer_joined_passes() -> None:
    """RFC 9112 section 5.2: the node sees one value, and nothing else of the run is unknown for it."""
    builder, _ = _sign_in()
    case = make_case(builder)

    assert list(case.mended.values()) == [True]
    assert dict(case.unreadable) == {}
    assert result_of(V21, builder).outcome is Outcome.PASS


def test_going_on_after_a_request_that_was_put_right_passes() -> None:
    """Where it ends was never in doubt."""
    builder, legs = _sign_in()
    legs.l4.answer(legs.l4.ask("/SAAS/apps"), 401)
    legs.l3.answer(legs.l3.ask("/SAAS/apps"), 401)

    assert result_of(V21, builder).outcome is Outcome.PASS


def test_a_folded_line_that_was_passed_on_as_it_came_fails() -> None:
    """The node may read it otherwise than the balancer did."""
    builder, legs = _sign_in(passed=(("X-Note", NOTE),))
    legs.l4.malformed = (_odd(legs.l4.exchanges[0].packets[0]),)

    told = [finding.message for finding in result_of(V21, builder).findings]
    assert [message.split()[0] for message in told] == ["vip", "node1"]


def test_doubt_of_the_node_s_leg_mends_nothing() -> None:
    """Odd bytes there that belong to no request of it may be this one's."""
    builder, legs = _sign_in()
    legs.l4.malformed = (_odd(legs.l4.exchanges[0].packets[0], exchange=None),)

    assert list(make_case(builder).mended.values()) == [False]


def test_a_line_that_stood_inside_a_value_fails() -> None:
    """F83: both are clean lines at the node, and one of them was no line when the balancer got it."""
    builder, _ = _sign_in(passed=(("X-Note", b"one"), ("RemotePort", b"40000")))

    (_, _, line) = next(find_torn(make_case(builder).journeys))
    told = [finding.message for finding in result_of(V21, builder).findings]
    assert (line.name, line.value) == (b"RemotePort", b"40000")
    assert any('got the line "RemotePort: 40000"' in message for message in told)


def test_a_line_that_the_client_sent_as_one_as_well_is_not_torn() -> None:
    """Then it shows nothing."""
    builder, _ = _sign_in(
        sent=(("X-Note", b"one\r\nX-One: 1"), ("X-One", b"1")),
        passed=(("X-Note", b"one X-One: 1"), ("X-One", b"1")),
    )

    assert list(find_torn(make_case(builder).journeys)) == []


@pytest.mark.parametrize(
    "sent",
    [(("X-Note ", b"one"),), (("Host", b"other.example.com"),)],
    ids=["a blank before the colon", "two hosts"],
)
def test_what_nobody_may_put_right_fails(sent: Fields) -> None:
    """RFC 9112 sections 5.1 and 3.2 know no other answer than 400."""
    builder, _ = _sign_in(sent=sent, passed=())

    (finding,) = result_of(V21, builder).findings
    assert "vip 10.20.0.10:443 answered 200" in finding.message


def test_two_lengths_must_be_the_last_request() -> None:
    """RFC 9112 section 6.3: the chunks count, the length goes, and the connection ends."""
    builder, legs = _sign_in(
        sent=(("Content-Length", b"5"), ("Transfer-Encoding", b"chunked")), passed=()
    )

    assert result_of(V21, builder).outcome is Outcome.PASS

    legs.l4.answer(legs.l4.ask("/SAAS/apps"), 401)
    legs.l3.answer(legs.l3.ask("/SAAS/apps"), 401)
    (finding,) = result_of(V21, builder).findings
    assert "went on answering" in finding.message


@pytest.mark.parametrize(
    ("version", "names", "expected"),
    [
        (b"HTTP/1.1", ("Content-Length", "Transfer-Encoding"), True),
        (b"HTTP/1.0", ("Transfer-Encoding",), True),
        (b"HTTP/1.1", ("Transfer-Encoding",), False),
        (b"HTTP/1.0", ("Content-Length",), False),
    ],
)
def test_when_the_end_is_in_doubt(version: bytes, names: tuple[str, ...], expected: bool) -> None:
    """RFC 9112 sections 6.1 and 6.3."""
    _, legs = _sign_in()
    request = legs.l3.exchanges[0].request
    assert request is not None
    lines = tuple(Header(name=name.encode(), value=b"0") for name in names)

    assert is_length_doubtful(replace(request, version=version, headers=lines)) is expected


def test_what_was_passed_on_and_cannot_be_read_is_unknown() -> None:
    """Without the keys of the node's leg nobody can say whether it was put right."""
    builder, legs = _sign_in()
    hidden = without_keys(builder.build(), builder.wires.index(legs.l4) + 1)

    result = result_of(V21, hidden, CLUSTER)
    assert result.outcome is Outcome.UNKNOWN
    assert result.findings == ()
    assert result.reason is not None
    assert "folded; what it passed on is not in the file" in result.reason


def test_nothing_odd_is_nothing_to_mend() -> None:
    """The ordinary case costs nothing."""
    builder = TraceBuilder()
    builder.sign_in()

    assert dict(find_mended(make_case(builder).journeys)) == {}


def _http_2(*, status: int, passed: Fields) -> TraceBuilder:
    """A request of HTTP/2 with a line break in a value, and what the balancer made of it."""
    builder, legs = _sign_in(sent=(("x-note", b"one\r\nRemotePort: 40000"),), passed=passed)
    asked, got = legs.l3.exchanges[0].request, legs.l4.exchanges[0]
    assert asked is not None
    assert got.response is not None
    answered = replace(got.response, status=status, body=b"", body_size=0, body_sha256="")
    legs.l4.exchanges[0] = replace(got, response=answered)
    legs.l3.exchanges[0] = replace(
        legs.l3.exchanges[0],
        request=replace(asked, version=HTTP_2),
        response=replace(answered, packets=legs.l3.packets[-1:], last_ns=builder.now_ns),
    )
    return builder


def test_a_line_break_of_http_2_that_became_one_fails() -> None:
    """F83, although the node refused the request: it is not the one that the balancer got."""
    builder = _http_2(status=400, passed=(("x-note", b"one"), ("RemotePort", b"40000")))

    (finding,) = result_of(V21, builder).findings
    assert 'got the line "RemotePort: 40000"' in finding.message


def test_without_the_front_s_keys_the_node_s_leg_alone_shows_nothing() -> None:
    """F83: two clean lines, of which nobody can say where they come from."""
    builder = _http_2(status=400, passed=(("x-note", b"one"), ("RemotePort", b"40000")))
    hidden = without_keys(builder.build(), 3)

    result = result_of(V21, hidden, CLUSTER)
    assert (result.outcome, result.findings) == (Outcome.UNKNOWN, ())


def test_a_line_break_of_http_2_must_not_be_put_right() -> None:
    """RFC 9113 section 8.1.1: nobody passes a malformed request on, whatever he makes of it."""
    builder = _http_2(status=200, passed=(("x-note", b"one RemotePort: 40000"),))

    (finding,) = result_of(V21, builder).findings
    assert "vip 10.20.0.10:443 answered 200" in finding.message


def test_streams_know_nothing_of_one_another() -> None:
    """What is refused in one does not end the others."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("h2"))
    wire.answer(wire.ask("/odd", version=HTTP_2), 400)
    wire.answer(wire.ask("/good", version=HTTP_2), 401)
    wire.malformed = (_odd(wire.exchanges[0].packets[0]),)

    assert result_of(V21, builder).outcome is Outcome.PASS
