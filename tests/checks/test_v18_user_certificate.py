"""V18: certificates of users at the time of the sign-in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checks.v18_user_certificate import V18
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.lost_evidence import without_keys, without_packet
from tests.trace_builder import CLUSTER, DAY_NS, N3, START_NS, TraceBuilder, make_certificate

ALICE = "alice@example.com"
GOOD = make_certificate(ALICE)


def _signed_in(**flaw: Any) -> TraceBuilder:
    builder = TraceBuilder()
    builder.sign_in(user=ALICE, certificate=replace(GOOD, **flaw))
    return builder


def test_a_good_certificate_passes() -> None:
    """Valid, for clients, of the site's authority."""
    assert result_of(V18, _signed_in()).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("flaw", "expected"),
    [
        ({"not_after_ns": START_NS}, "that is expired"),
        ({"not_before_ns": START_NS + DAY_NS}, "not valid yet"),
        ({"is_authority": True}, "of an authority"),
        ({"purposes": ("1.3.6.1.5.5.7.3.1",)}, "expected clientAuth"),
        ({"purposes": None}, "for no purpose"),
        ({"issuer_key_id": "ffff"}, "does not trust"),
        ({"upns": (ALICE, "bob@example.com")}, "with 2 principal names"),
        ({"upns": ("alice\x00@example.com",)}, "control characters"),
        ({"problem": "cut"}, "cannot be read"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_certificate_that_is_signed_in_fails(flaw: dict[str, Any], expected: str) -> None:
    """F75 F77 F78: the handshake and the answer are the evidence."""
    builder = _signed_in(**flaw)
    (finding,) = result_of(V18, builder).findings

    assert expected in finding.message
    assert builder.wires[1].packets[5] in finding.packets


def test_a_bad_certificate_that_is_refused_passes() -> None:
    """Nobody is signed in."""
    builder = TraceBuilder()
    builder.sign_in(certificate=replace(GOOD, not_after_ns=START_NS), status=403)

    assert result_of(V18, builder).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("policies", "outcome"), [((), Outcome.FAIL), (("1.2.3",), Outcome.PASS)], ids=["none", "one"]
)
def test_a_policy_that_the_site_wants_must_be_there(
    policies: tuple[str, ...], outcome: Outcome
) -> None:
    """One of those listed."""
    builder = TraceBuilder(CLUSTER.model_copy(update={"user_policies": ("1.2.3", "1.2.4")}))
    builder.sign_in(certificate=replace(GOOD, policies=policies))

    assert result_of(V18, builder).outcome is outcome


def test_handshakes_that_cannot_be_read_are_unknown() -> None:
    """Which certificate it was is in the dark."""
    trace = without_keys(_signed_in(is_authority=True).build(), connection=2)

    assert result_of(V18, trace, CLUSTER).outcome is Outcome.UNKNOWN


def test_a_call_back_that_only_its_time_joins_is_unknown_in_a_lossy_capture() -> None:
    """The request's own may be among what is missing, with a good certificate in it."""
    builder = TraceBuilder()
    expired = replace(GOOD, not_after_ns=START_NS)
    legs = builder.sign_in(user=ALICE, certificate=expired, key=50000, asked=N3)
    whole = builder.build()
    lossy = without_packet(whole, legs.l1.packets[-1])

    assert result_of(V18, whole, CLUSTER).outcome is Outcome.FAIL
    assert result_of(V18, lossy, CLUSTER).outcome is Outcome.UNKNOWN
