"""Replay: from a trace (or a file) to a verdict, whatever the file says about itself."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from harness.capture.block import Capture
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.checks.ledger import IN_PARTS
from harness.checks.registry import CHECKS
from harness.decode.decode import decode
from harness.decode.merge import Source
from harness.replay import examine, judge_trace, replay, replay_event
from harness.report.json import verdict_json
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict
from tests.canary_trace import commit_canary
from tests.defect_traces import DEFECTIVE
from tests.split_capture import read_key_log, read_site, split, strip
from tests.trace_builder import CLUSTER, TraceBuilder, make_site

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.pcapng"))
IDS = [*(check.id for check in CHECKS), "canary"]


def _recorded(builder: TraceBuilder | None = None, **annotations: Any) -> Trace:
    """A trace as a run leaves it; keyword arguments replace annotations by tag (`run_1`), None removes them."""
    if builder is None:
        builder = TraceBuilder()
        builder.sign_in()
    commit_canary(builder)
    said: dict[str, Any] = builder.annotations()
    said |= {tag.replace("_", "/"): text for tag, text in annotations.items()}
    return builder.build(annotations={tag: text for tag, text in said.items() if text is not None})


def _reasons(verdict: Verdict) -> set[str | None]:
    return {result.reason for result in verdict.results}


def test_a_recorded_run_passes() -> None:
    """All checks and the canary, the mode and who is signed in."""
    verdict = judge_trace(_recorded())

    assert [(r.check, r.outcome) for r in verdict.results] == [
        (check, Outcome.PASS) for check in IDS
    ]
    assert (verdict.mode, dict(verdict.signed_in)) == ("namespaces", {"pixel": "alice@example.com"})
    assert (verdict.as_expected, verdict.completeness["complete"]) == (True, True)


def test_a_foreseen_failure_is_as_expected() -> None:
    """The expectation travels inside the file."""
    foreseen = {"verdict": "fail", "findings": ["V05"], "signed_in": {}}
    right, wrong = (
        judge_trace(_recorded(DEFECTIVE["F44"](), expectation_1=json.dumps(foreseen | change)))
        for change in ({}, {"signed_in": {"pixel": "alice@example.com"}})
    )

    assert (right.outcome, right.failing) == (Outcome.FAIL, ("V05",))
    assert (right.as_expected, wrong.as_expected) == (True, False)


def test_without_a_site_nothing_is_judged() -> None:
    """And the remedy is named."""
    verdict = judge_trace(_recorded(site_1=None))

    assert [r.outcome for r in verdict.results] == [Outcome.UNKNOWN] * len(IDS)
    assert _reasons(verdict) == {"no site description: give --site"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "Invalid JSON"),
        ("[]", "site/1"),
        ('{"fqdn": "x"}', "nodes"),
        ('{"nodes": {"n": 1}}', "fqdn"),
    ],
)
def test_a_site_that_cannot_be_read_is_no_exception(text: str, expected: str) -> None:
    """Every check is UNKNOWN and says why."""
    verdict = judge_trace(_recorded(site_1=text))

    (reason,) = _reasons(verdict)
    assert expected in (reason or "")
    assert "give --site" in (reason or "")


def test_a_site_of_another_version_is_named() -> None:
    """A file of the future."""
    (reason,) = _reasons(judge_trace(_recorded(site_1=None, site_2="{}")))

    assert reason == "no site description: give --site (the file holds site/2, not site/1)"


def test_a_site_from_outside_replaces_the_files_own() -> None:
    """Other rules, another verdict."""
    strict = make_site(destination="bystander")
    trace = _recorded()

    assert judge_trace(trace, site=strict).failing == ("V15",)
    assert judge_trace(_recorded(site_1="{"), site=CLUSTER).outcome is Outcome.PASS


@pytest.mark.parametrize("tag", ["run_1", "expectation_1"])
@pytest.mark.parametrize("text", ["{", "[]", "3", '{"mode": 1, "verdict": "maybe"}', "[" * 50_000])
def test_other_annotations_that_cannot_be_read_leave_it_unknown(tag: str, text: str) -> None:
    """The ledger says so; nobody raises."""
    changed: dict[str, Any] = {tag: text}
    verdict = judge_trace(_recorded(**changed))

    assert verdict.outcome is Outcome.UNKNOWN
    assert f"annotation {tag.replace('_', '/')} cannot be read" in (verdict.results[0].reason or "")


def test_a_capture_of_others_is_never_passed() -> None:
    """No run note: nobody knows whether the checks could fire."""
    verdict = judge_trace(_recorded(run_1=None, expectation_1=None))

    assert (verdict.mode, verdict.outcome) == ("foreign", Outcome.UNKNOWN)
    assert [r.check for r in verdict.results if r.outcome is Outcome.UNKNOWN] == ["V10", "canary"]


def test_an_interrupted_run_is_unknown() -> None:
    """Although everything in it is well."""
    builder = TraceBuilder()
    note = builder.annotations(complete=False)["run/1"]
    verdict = judge_trace(_recorded(run_1=note))

    assert verdict.results[0].outcome is Outcome.UNKNOWN
    assert "interrupted" in (verdict.results[0].reason or "")
    assert Outcome.PASS not in {r.outcome for r in verdict.results[:-1]}


def test_an_empty_trace_is_unknown() -> None:
    """No packets, no claim, no crash."""
    verdict = judge_trace(Trace(), site=CLUSTER)

    assert {r.outcome for r in verdict.results} == {Outcome.UNKNOWN}
    assert [r.traceback for r in verdict.results if r.traceback] == []


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"GIF89a", b"\x0a\x0d\x0d\x0a" * 9], ids=["empty", "line", "gif", "cut"]
)
def test_a_file_that_is_no_capture_is_unknown(data: bytes) -> None:
    """What was understood, what not."""
    verdict = replay(BytesIO(data), site=CLUSTER)

    assert verdict.outcome is Outcome.UNKNOWN
    assert Outcome.PASS not in {r.outcome for r in verdict.results}


@pytest.mark.parametrize("defect", ["F15", "F44", "F57"])
def test_the_same_trace_gives_the_same_bytes(defect: str) -> None:
    """Twice judged, once written."""
    texts = {verdict_json(judge_trace(_recorded(DEFECTIVE[defect]()))) for _ in range(2)}

    assert len(texts) == 1


RUNS = Path(__file__).parents[1] / "captures"


def _event(name: str, *, ahead_ns: int = 0) -> Verdict:
    """A recorded run as several files of others, the dmz's clock wrong."""
    run = RUNS / f"{name}.pcapng"
    with run.open("rb") as stream:
        site = read_site(decode(stream))
    files = split(run, clocks={"dmz": ahead_ns})
    names = ("outside", "dmz", "inside", *(f"{node}.lo" for node in site.nodes))
    sources = [Source(name=f"{n}.pcap", stream=files[n], tap=n) for n in names if n in files]
    return replay_event(sources, site=site, key_log=read_key_log(run))


@pytest.mark.parametrize("ahead_ns", [0, 3_600_000_000_000, -250_000_000])
def test_several_files_of_one_event_are_judged_together(ahead_ns: int) -> None:
    """F15 is found across the files whatever their clocks say, and its packets are named by file."""
    verdict = _event("client-remote-port-F15", ahead_ns=ahead_ns)
    files = {file for file, _ in verdict.sources.values()}

    assert (verdict.failing, verdict.mode) == (("V06", "V07"), "foreign")
    assert "dmz.pcap" in files
    assert any(note.startswith("dmz.pcap: clock moved by") for note in verdict.notes)
    assert json.loads(verdict_json(verdict))["notes"] == list(verdict.notes)


@pytest.mark.parametrize("name", ["terminating-cluster", "passthrough-cluster", "single-node"])
def test_several_files_of_a_right_event_accuse_nobody(name: str) -> None:
    """Nothing fails, and nothing passes: others recorded it."""
    verdict = _event(name, ahead_ns=5_000_000_000)

    assert (verdict.failing, verdict.outcome) == ((), Outcome.UNKNOWN)


def test_interfaces_of_one_file_that_saw_the_same_are_one() -> None:
    """A machine's two interfaces: what passed through it counts once."""
    run = RUNS / "client-remote-port-F15.pcapng"
    with run.open("rb") as stream:
        site = read_site(decode(stream))
    stream = BytesIO()
    writer = PcapngWriter(stream)
    taps = {n: writer.write_interface(n) for n in ("outside", "dmz", "inside", "twin")}
    files = split(run)
    frames = [
        (block.time_ns, tap, block.data)
        for name in ("outside", "dmz", "inside")
        for block in read_blocks(files[name])
        if isinstance(block, Capture)
        for tap in ((taps[name], taps["twin"]) if name == "dmz" else (taps[name],))
    ]
    for time_ns, tap, data in sorted(frames):
        writer.write_packet(tap, time_ns, data)
    stream.seek(0)
    verdict = replay(stream, site=site, key_log=read_key_log(run))

    assert verdict.failing == ("V06", "V07")
    assert [n for n in verdict.notes if "seen on twin and elsewhere: counted once, on dmz" in n]
    assert verdict.sources == {}


@pytest.mark.parametrize("file", CAPTURES, ids=lambda path: path.stem)
def test_a_large_capture_of_others_is_judged_like_a_small_one(file: Path) -> None:
    """Packet by packet, by tables, and by what concerns the site alone: one verdict, to the byte."""
    with file.open("rb") as stream:
        site = read_site(decode(stream))
    data = strip(file).getvalue()
    sizes = ({"small": len(data)}, {"small": 0, "large": 1 << 40}, {"small": 0, "large": 0})

    singly, whole, part = (
        verdict_json(examine(BytesIO(data), site=site, **limits)[0]) for limits in sizes
    )

    assert whole == singly
    assert part == singly


@pytest.mark.parametrize("file", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_in_parts_is_judged_like_a_whole_one(file: Path) -> None:
    """However small the parts: the same findings, the same people signed in, the same counts; and that is said."""
    with file.open("rb") as stream:
        site = read_site(decode(stream))
    data = strip(file).getvalue()
    whole, parts = (
        examine(BytesIO(data), site=site, small=0, large=0, open_file=open_file, most=5)[0]
        for open_file in (None, BytesIO)
    )

    assert [r.findings for r in parts.results] == [r.findings for r in whole.results]
    assert parts.signed_in == whole.signed_in
    assert parts.completeness == {
        **whole.completeness,
        "problems": [*whole.completeness["problems"], IN_PARTS],  # type: ignore[misc]
    }
    assert [_plain(r) for r in parts.results] == [_plain(r) for r in whole.results]


def _plain(result: CheckResult) -> str:
    return (result.reason or "").replace(f"; {IN_PARTS}", "")
