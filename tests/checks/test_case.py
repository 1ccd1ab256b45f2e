"""The case: derived from trace and site, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.case import build_case
from harness.trace.trace import Trace
from tests.checks.examining import NOTE, make_case
from tests.trace_builder import CLUSTER, TraceBuilder, make_site


def test_a_case_holds_everything_derived() -> None:
    """Legs, journeys, rules and account belong to the same site."""
    builder = TraceBuilder()
    builder.sign_in()
    case = make_case(builder)

    assert (len(case.legs.outer), len(case.journeys.requests)) == (1, 1)
    assert case.policy.destination == CLUSTER.cert_proxy.destination
    assert case.ledger.is_complete


def test_an_account_already_made_is_used() -> None:
    """What was found wrong before (unreadable annotations) stays found."""
    own = make_case(TraceBuilder()).ledger
    given = replace(own, problems=("the annotation is bad",))

    assert build_case(Trace(), CLUSTER, note=NOTE, ledger=given).ledger is given


def test_a_setting_that_cannot_be_read_is_refused() -> None:
    """ValueError with the entry."""
    with pytest.raises(ValueError, match="example"):
        build_case(Trace(), make_site(destination_forced=False, destination="example"), note=NOTE)
