"""How an outcome comes about: findings, missing evidence, crashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.checks.case import Case
from harness.checks.check import (
    REMEMBERED,
    Absent,
    Check,
    Examination,
    Judgement,
    LookedAt,
    Unjudged,
    crashed,
    examine,
    unknown,
)
from harness.checks.need import COMPLETE, Need
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from tests.checks.examining import make_case
from tests.trace_builder import N1, TraceBuilder

MET = Need(name="met", missing=lambda case: ())
UNMET = Need(name="unmet", missing=lambda case: ("the keys are gone",))


def _finding(packet: int = 4) -> Finding:
    return Finding(
        message="it broke", packets=(PacketNumber(packet),), endpoints=(Endpoint(N1, 1),)
    )


def _check(*judgements: Judgement, need: Need = MET) -> Check:
    def judge(case: Case) -> Iterable[Judgement]:
        return iter(judgements)

    return Check(id="V99", promise="It holds.", source="nowhere", needs=(need,), judge=judge)


CASE = make_case(TraceBuilder())


def test_silence_with_all_evidence_passes() -> None:
    """Nothing found, nothing missing."""
    assert examine(_check(), CASE).outcome is Outcome.PASS


def test_silence_without_evidence_is_unknown() -> None:
    """Missing evidence beats silence."""
    result = examine(_check(need=UNMET), CASE)

    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "the keys are gone")


def test_a_finding_without_all_evidence_fails() -> None:
    """What was seen was seen; the reason is for UNKNOWN alone."""
    result = examine(_check(Unjudged(reason="and more"), _finding(), need=UNMET), CASE)

    assert (result.outcome, result.reason, result.findings) == (Outcome.FAIL, None, (_finding(),))


def test_something_undecidable_is_unknown() -> None:
    """With its packets."""
    result = examine(_check(Unjudged(reason="two candidates", packets=(PacketNumber(3),))), CASE)

    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "two candidates (packet 3)")


def test_an_absence_counts_only_when_nothing_is_missing() -> None:
    """What was not seen may have been lost."""
    whole = examine(_check(Absent(finding=_finding())), CASE)
    lossy = examine(_check(Absent(finding=_finding()), need=UNMET), CASE)

    assert (whole.outcome, whole.findings) == (Outcome.FAIL, (_finding(),))
    assert (lossy.outcome, lossy.findings) == (Outcome.UNKNOWN, ())
    assert "it broke (packet 4)" in (lossy.reason or "")


def test_findings_come_in_order_and_once() -> None:
    """By their first packet."""
    result = examine(_check(_finding(9), _finding(4), _finding(9)), CASE)

    assert result.findings == (_finding(4), _finding(9))


def test_reasons_are_counted_beyond_three() -> None:
    """A verdict stays readable."""
    result = examine(_check(*(Unjudged(reason=f"r{n}") for n in range(8))), CASE)

    assert result.reason == "r0; r1; r2; and 5 more"


def test_every_kind_of_reason_is_told_and_an_introduction_once() -> None:
    """What is nearest to the promise first, the state of the capture last."""
    lossy = Need(name="lossy", missing=lambda case: ("a gap", "a cut"), intro="not complete: ")
    keys = Need(name="keys", missing=lambda case: ("no key", "no key either"))
    check = replace(_check(Unjudged(reason="two candidates")), needs=(lossy, keys))
    alone = replace(_check(), needs=(lossy,))

    assert examine(check, CASE).reason == "two candidates; no key; not complete: a gap; and 2 more"
    assert examine(alone, CASE).reason == "not complete: a gap; a cut"


def _crash(case: Case) -> Iterable[Judgement]:
    yield _finding()
    raise RuntimeError("bug 7")


def test_a_crash_is_unknown_with_its_traceback() -> None:
    """Also after a finding: a judge that fails half way is not believed."""
    check = Check(id="V99", promise="It holds.", source="nowhere", needs=(), judge=_crash)
    result = examine(check, CASE)

    assert (result.outcome, result.findings) == (Outcome.UNKNOWN, ())
    assert result.reason == "the check itself failed: RuntimeError: bug 7"
    assert "_crash" in (result.traceback or "")


def test_a_crash_of_a_need_is_unknown() -> None:
    """Needs are code as well."""

    def fail(case: Case) -> tuple[str, ...]:
        raise KeyError("tap")

    assert examine(_check(need=Need(name="n", missing=fail)), CASE).traceback is not None


def test_unknown_and_crashed_name_the_check() -> None:
    """For those who could not even start."""
    check = _check()

    assert (unknown(check, "no site").check, unknown(check, "no site").reason) == ("V99", "no site")
    assert crashed(check, ValueError("x")).outcome is Outcome.UNKNOWN


def test_of_a_part_counts_what_ends_there() -> None:
    """The last packet decides; what has no packets is said by every part, and told once."""
    doubt, bare = (
        Unjudged(reason="who", packets=(PacketNumber(2), PacketNumber(9))),
        Unjudged(reason="why"),
    )
    examination = Examination(_check(_finding(4), doubt, bare))
    parts = [_part(1, 5), _part(5, 9)]
    for part in parts:
        examination.look(part)
    before = Examination(_check(_finding(4), doubt, bare))
    before.look(parts[1])

    assert examination.conclude().findings == (_finding(4),)
    assert before.conclude().reason == "why"
    before.look(_part(9, 10))
    assert before.conclude().reason == "why; who (packets 2, 9)"


def test_a_check_of_packets_looks_once_and_at_all() -> None:
    """They are the same in every part."""
    examination = Examination(replace(_check(_finding(4)), by_packets=True))
    examination.look(_part(7, 9))
    examination.look(_part(9, 10))

    assert examination.conclude().findings == (_finding(4),)


def test_what_is_absent_from_a_part_is_judged_with_what_all_parts_lack() -> None:
    """Evidence that is missing later makes it doubtful as well."""
    missing: list[tuple[str, ...]] = [(), ("the keys are gone",)]
    need = Need(name="n", missing=lambda case: missing[case.trace.own.start > 1])
    examination = Examination(_check(Absent(finding=_finding(4)), need=need))
    examination.look(_part(1, 5))
    assert examination.conclude().outcome is Outcome.FAIL
    examination.look(_part(5, 9))

    assert examination.conclude().reason == (
        "it broke (packet 4), unless the evidence is missing; the keys are gone"
    )


def test_a_crash_in_one_part_is_unknown_for_all() -> None:
    """Also where others found something."""

    def judge(case: Case) -> Iterable[Judgement]:
        return (_finding(4),) if case.trace.own.start == 1 else _crash(case)

    examination = Examination(replace(_check(), judge=judge))
    for part in (_part(1, 5), _part(5, 9), _part(1, 5)):
        examination.look(part)

    assert examination.conclude().traceback is not None


def test_very_many_reasons_are_counted() -> None:
    """Three are told, and a thousand remembered."""
    many = [Unjudged(reason=f"reason {n}") for n in range(REMEMBERED + 5)]

    told = examine(_check(*many, many[0]), CASE).reason
    assert told == f"reason 0; reason 1; reason 2; and {REMEMBERED + 2} more"


def _part(start: int, stop: int) -> Case:
    return replace(CASE, trace=replace(CASE.trace, own=range(start, stop)))


def test_a_doubtful_capture_does_not_hide_that_what_it_shows_is_right() -> None:
    """Said only where nothing else is in the way."""
    check = replace(_check(), needs=(COMPLETE,), looked_at=LookedAt("request", lambda case: 3))
    case = replace(CASE, ledger=replace(CASE.ledger, problems=("a gap",)))
    blind = replace(check, needs=(COMPLETE, UNMET))

    told = "nothing wrong in 3 requests, but the capture is not proven complete: a gap"
    assert (examine(check, case).outcome, examine(check, case).reason) == (Outcome.UNKNOWN, told)
    assert examine(blind, case).reason == (
        "the keys are gone; the capture is not proven complete: a gap"
    )
    assert examine(check, CASE).reason is None
