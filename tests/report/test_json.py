"""The JSON of a verdict: its exact shape."""

from __future__ import annotations

import json
from dataclasses import replace

from harness.net.address import Endpoint
from harness.report.json import verdict_json
from harness.trace.packet import PacketNumber
from harness.verdict.expectation import Expectation
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict
from tests.trace_builder import N1

FINDING = Finding(
    message="it broke", packets=(PacketNumber(4), PacketNumber(9)), endpoints=(Endpoint(N1, 1),)
)
VERDICT = Verdict(
    results=(
        CheckResult(check="V15", promise="p", outcome=Outcome.FAIL, findings=(FINDING,)),
        CheckResult(
            check="V05",
            promise="p",
            outcome=Outcome.UNKNOWN,
            reason="no keys",
            traceback="File /x.py",
        ),
    ),
    mode="namespaces",
    completeness={"complete": True, "taps": []},
    signed_in={"pixel": "alice@example.com"},
    expectation=Expectation(verdict=Outcome.FAIL, findings=("V15",)),
)


def test_the_whole_text() -> None:
    """One line, keys sorted, nothing else: no times, no paths, but the traceback of a check that crashed."""
    assert verdict_json(VERDICT) == (
        '{"as_expected": true, "checks": ['
        '{"check": "V15", "findings": [{"message": "it broke", "packets": [4, 9]}], '
        '"outcome": "fail", "reason": null}, '
        '{"check": "V05", "findings": [], "outcome": "unknown", "reason": "no keys", "traceback": "File /x.py"}], '
        '"completeness": {"complete": true, "taps": []}, "mode": "namespaces", '
        '"signed_in": {"pixel": "alice@example.com"}, "verdict": "fail"}'
    )


def test_text_of_strangers_stays_on_one_line() -> None:
    """Whatever a message holds, it is valid JSON on one line."""
    finding = Finding(
        message='a\nb"\u2028', packets=(PacketNumber(1),), endpoints=FINDING.endpoints
    )
    result = CheckResult(check="V15", promise="p", outcome=Outcome.FAIL, findings=(finding,))
    text = verdict_json(Verdict(results=(result,), mode="m", completeness={}, signed_in={}))

    assert len(text.splitlines()) == 1
    assert json.loads(text)["checks"][0]["findings"][0]["message"] == finding.message


def test_what_a_merge_did_is_told_only_where_there_was_one() -> None:
    """Notes, and file and number of each packet."""
    plain = Verdict(results=(), mode="foreign", completeness={}, signed_in={})
    sources = {PacketNumber(12): ("dmz.pcap", PacketNumber(7))}
    told = json.loads(verdict_json(replace(plain, notes=("a note",), sources=sources)))

    assert not {"notes", "sources"} & set(json.loads(verdict_json(plain)))
    assert (told["notes"], told["sources"]) == (["a note"], {"12": "dmz.pcap:7"})
