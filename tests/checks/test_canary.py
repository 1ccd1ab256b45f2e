"""The canary: found out of itself alone, and a silent check is found out."""

from __future__ import annotations

import pytest

from harness.checks.canary import build_canary, is_canary
from harness.checks.check import examine
from harness.checks.registry import CHECKS
from harness.checks.run_note import RunNote
from harness.net.address import Endpoint
from harness.site.canary import BALANCER, DEVICE, FAMILIES, FORBIDDEN, NODE
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult
from tests.canary_trace import commit_canary
from tests.checks.examining import NOTE, failing, make_case
from tests.defect_traces import DEFECTIVE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N2, TraceBuilder, make_site

CANARY = build_canary(CHECKS)
FAMILY_OF = {check: family for family, checks in FAMILIES.items() for check in checks}


def _result(builder: TraceBuilder, note: RunNote | None = NOTE) -> CheckResult:
    return examine(CANARY, make_case(builder, note=note))


def _committed(**options: str) -> TraceBuilder:
    builder = TraceBuilder()
    commit_canary(builder, **options)
    builder.sign_in()
    return builder


def test_all_families_are_found() -> None:
    """PASS, and the real site's results know nothing of it."""
    builder = _committed()

    assert _result(builder).outcome is Outcome.PASS
    assert failing(builder) == ()


@pytest.mark.parametrize("check", FAMILY_OF)
def test_a_silent_check_is_named(check: str) -> None:
    """A family whose violation is not found makes the run UNKNOWN."""
    result = _result(_committed(without=check))

    assert result.outcome is Outcome.UNKNOWN
    assert (result.reason or "").startswith(f"family {FAMILY_OF[check]}: {check} did not find")


def test_a_check_that_is_not_registered_is_named() -> None:
    """A family nobody looks after."""
    result = examine(
        build_canary(tuple(c for c in CHECKS if c.id != "V15")), make_case(_committed())
    )

    assert result.reason == "family destination: V15 is not registered"


@pytest.mark.parametrize("defect", DEFECTIVE, ids=str)
def test_a_real_finding_beside_the_canary_stays(defect: str) -> None:
    """Neither hides the other."""
    builder = DEFECTIVE[defect]()
    alone = failing(builder)
    commit_canary(builder)

    assert failing(builder) == alone
    assert _result(builder).outcome is Outcome.PASS


def test_a_real_node_that_meets_the_canary_is_the_sites_own_fault() -> None:
    """Only what is among the canary's machines alone is the canary's."""
    builder = _committed()
    builder.open("dmz", N2, FORBIDDEN, 443, answered=False)

    assert failing(builder) == ("V15",)


def test_the_canary_loosens_nothing() -> None:
    """Its rules (Allow on, its balancer accepted) are not the real site's."""
    builder = TraceBuilder(make_site(allow_remote_port_header=False))
    commit_canary(builder)
    builder.sign_in()
    builder.open("dmz", N2, BALANCER, 443, answered=False)

    assert failing(builder) == ("V06", "V15")


def test_keys_missing_among_the_canary_leave_the_real_checks_alone() -> None:
    """Their evidence is not the site's."""
    builder = _committed()
    trace = without_keys(builder.build(), connection=2)

    assert failing(trace, CLUSTER) == ()
    assert examine(CANARY, make_case(trace, CLUSTER)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (None, "does not say that the harness recorded it"),
        (RunNote(mode="namespaces", canary=False, complete=True), "the run had no canary"),
    ],
    ids=["foreign", "without canary"],
)
def test_without_a_canary_nothing_is_shown(note: RunNote | None, expected: str) -> None:
    """UNKNOWN, even where the conversations happen to be there."""
    result = _result(_committed(), note)

    assert result.outcome is Outcome.UNKNOWN
    assert expected in (result.reason or "")


def test_a_finding_is_the_canarys_when_all_are_its_machines() -> None:
    """FORBIDDEN included; one other machine is enough to say no."""
    ends = [Endpoint(address, 443) for address in (NODE, DEVICE, FORBIDDEN)]
    own, mixed = (
        Finding(message="m", packets=(PacketNumber(1),), endpoints=tuple(e))
        for e in (ends, [*ends, Endpoint(N2, 443)])
    )

    assert [is_canary(own), is_canary(mixed)] == [True, False]
