"""The sign-in, in the site's form."""

from __future__ import annotations

import pytest

from harness.checks.sign_in import (
    find_identity,
    find_sent,
    find_set,
    find_user,
    is_named,
    is_sign_in,
)
from harness.site.sign_in_form import SignInForm
from harness.site.site import Site
from tests.trace_builder import CLUSTER, N1, PIXEL, TraceBuilder, make_certificate

OTHER = CLUSTER.model_copy(
    update={
        "sign_in": SignInForm(
            path="/in", status=302, user_in="header", user_name="X-User", cookie="S"
        )
    }
)


def test_a_sign_in_is_read_in_the_sites_form() -> None:
    """The same messages say nothing to another site."""
    wire = TraceBuilder().open("outside", PIXEL, N1, 443)
    number = wire.ask("/in?x=1", headers=(("Cookie", b"S=old"),))
    wire.answer(number, 302, headers=(("X-User", b"alice"), ("Set-Cookie", b"S=new; Secure")))
    exchange = wire.exchanges[0]

    assert find_user(exchange.response, OTHER) == "alice"
    assert (find_sent(exchange, OTHER), find_set(exchange, OTHER)) == ((b"old",), (b"new",))
    assert is_sign_in(exchange.request, OTHER)
    assert find_user(exchange.response, CLUSTER) is None
    assert (find_sent(exchange, CLUSTER), find_set(exchange, CLUSTER)) == ((), ())
    assert not is_sign_in(exchange.request, CLUSTER)


def test_what_is_not_there_signs_in_nobody() -> None:
    """A request without an answer, and the other way round."""
    assert find_user(None, OTHER) is None
    assert not is_sign_in(None, OTHER)


@pytest.mark.parametrize(
    ("site", "user", "expected"),
    [
        (CLUSTER, "alice@example.com", True),
        (CLUSTER, "alice", False),
        (OTHER, "Alice@TENANT", True),
        (OTHER, "alice", True),
        (OTHER, "alic", False),
        (OTHER, "mallory@example.com", False),
    ],
)
def test_whom_a_certificate_names(site: Site, user: str, expected: bool) -> None:
    """To the letter in our own form; without domain and case where others tell it."""
    certificate = make_certificate("alice@example.com")

    assert find_identity(certificate) == "alice@example.com"
    assert is_named(user, certificate, site) is expected
