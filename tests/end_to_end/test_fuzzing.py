"""Found cases stay fixed, every fuzz target holds for some inputs, and fuzzing finds what is planted."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzz.__main__ import share_out
from fuzz.bound import TooBig, TooSlow, run_bounded
from fuzz.capture_blocks import stored_runs
from fuzz.choices import Choices
from fuzz.found import CASES
from fuzz.hearing import Hearing
from fuzz.judge import Tally, examine, load_scenes
from fuzz.judge_mutants import HARMLESS, KINDS
from fuzz.material import pack, unpack
from fuzz.registry import TARGETS, find_target
from fuzz.session import Session, fuzz_blind
from fuzz.shift import work_shift
from fuzz.target import Target
from fuzz.work import Work, parse_work, read_work
from harness.replay import judge_trace
from harness.verdict.outcome import Outcome

FOUND = tuple(sorted(CASES.glob("*.case")))
DEAR = frozenset({"replay", "growth", "scenario"})
"""Targets whose checks take long."""


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_found_cases_stay_fixed(path: Path) -> None:
    """What fuzzing once found is never found again."""
    target = find_target(path.name.split("-")[0])

    run_bounded(target.check, path.read_bytes(), patience_s=target.patience_s)


def test_every_found_case_says_what_it_was() -> None:
    """The README has a line for each."""
    listed = (CASES / "README.md").read_text("utf-8")

    assert [path.stem for path in FOUND if path.stem not in listed] == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_holds(target: Target) -> None:
    """The plainest input and some random ones keep the promise."""

    @settings(
        max_examples=1 if target.name == "growth" else 3 if target.name in DEAR else 60,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.binary(max_size=min(target.max_size, 400)))
    def holds(data: bytes) -> None:
        run_bounded(target.check, target.grow(Choices(data)), patience_s=target.patience_s)

    run_bounded(target.check, target.grow(Choices(b"")), patience_s=target.patience_s)
    holds()


def _refuse_seven(material: bytes) -> None:
    assert b"\x07" not in material, "a seven"


def _spin(material: bytes) -> None:
    while material:
        pass


def _hoard(material: bytes) -> None:
    assert len(bytearray(100 << 20)) > len(material)


PLANTED = Target(
    name="planted", promise="No seven.", grow=lambda choices: choices.rest(), check=_refuse_seven
)


def test_a_planted_fault_is_found_and_kept(tmp_path: Path) -> None:
    """Of many cases of one place the smallest stays, and it fails again."""
    fuzz_blind(Session(PLANTED, tmp_path), seconds=1, seed=1, max_size=64)

    (case,) = tmp_path.glob("planted-AssertionError*.case")
    assert len(case.read_bytes()) <= 64
    with pytest.raises(AssertionError, match="a seven"):
        PLANTED.check(case.read_bytes())


def test_what_hangs_is_stopped() -> None:
    """An endless loop ends when its processor time is over."""
    with pytest.raises(TooSlow):
        run_bounded(_spin, b"x", patience_s=0.2)


def test_what_hoards_is_told() -> None:
    """Memory that the input does not explain is a fault."""
    with pytest.raises(TooBig, match="bytes of memory for 1 bytes"):
        run_bounded(_hoard, b"x", patience_s=5, with_memory=True)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=8,
    )
)
def test_materials_come_back(value: object) -> None:
    """What is packed is unpacked, whatever stands in it."""
    assert unpack(pack(value)) == value  # type: ignore[arg-type]


def test_the_judge_notices() -> None:
    """Every change of a stored run that breaks a promise is noticed, and what is harmless is not."""
    scenes = list(load_scenes(stored_runs()[-2:-1]))

    tallies = examine(scenes, each=1, seed=7)

    assert [tally.name for tally in tallies if tally.is_wrong] == []
    assert sum(tally.killed for tally in tallies if tally.check not in ("", HARMLESS)) > 40


def test_a_hearing_is_as_good_as_a_verdict() -> None:
    """Judging no more than tells whether a change was noticed, gives what the whole verdict gives."""
    (scene,) = load_scenes(stored_runs()[-2:-1])
    hearing = Hearing(scene.trace, scene.site)
    made = [(kind, kind.make(scene, Random(kind.name))) for kind in KINDS]
    changed = [(kind.check, trace) for kind, trace in made if trace is not None]

    quick = [hearing.judge(trace, promised=check) for check, trace in changed]

    whole = [judge_trace(trace) for _, trace in changed]
    awake = [{r.check for r in v.results if r.outcome is not Outcome.PASS} for v in whole]
    assert len(changed) > 40
    assert [one.outcome for one in quick] == [verdict.outcome for verdict in whole]
    assert [one.is_by_promised for one in quick] == [
        check in ids for (check, _), ids in zip(changed, awake, strict=True)
    ]


def test_a_sleeping_judge_is_found_out() -> None:
    """A promised change that survives is wrong, and so is a harmless one that is noticed."""
    survived = Tally("x", "V07", made=2, killed=1)
    noticed = Tally("y", HARMLESS, made=1, killed=1)
    unpromised = Tally("z", "", made=1)

    assert (survived.is_wrong, noticed.is_wrong, unpromised.is_wrong) == (True, True, False)


def _shift(
    capsys: pytest.CaptureFixture[str], *, seconds: float, late: float = 0.0
) -> list[tuple[str, float, str]]:
    """A shift of four targets by a clock of its own; each takes its share and `late` seconds more."""
    now = [100.0]

    def fuzz(name: str, share: float) -> Work:
        now[0] += share + late
        return Work(target=name, executions=1, seconds=share)

    names = ("replay", "frame", "header", "keylog")
    work_shift(names, until=100.0 + seconds, clock=lambda: now[0], fuzz=fuzz)
    works = [parse_work(line) for line in capsys.readouterr().out.splitlines()]
    return [(work.target, work.seconds, work.shortfall) for work in works]


def test_a_shift_shares_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Each target gets its share, the heavy ones more."""
    assert _shift(capsys, seconds=60) == [
        ("replay", 30.0, ""),
        ("frame", 10.0, ""),
        ("header", 10.0, ""),
        ("keylog", 10.0, ""),
    ]


def test_who_is_late_costs_the_others_and_not_the_clock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a target takes beyond its share is taken from those after it; who gets nothing is named."""
    assert _shift(capsys, seconds=12, late=2) == [
        ("replay", 6.0, ""),
        ("frame", 4 / 3, ""),
        ("header", 0.0, "left out: 0.3 s were left for it; give --seconds more"),
        ("keylog", 0.0, "left out: 0.7 s were left for it; give --seconds more"),
    ]


def test_lanes_hold_every_target_once() -> None:
    """Whatever the number of cores, each target is in one lane, with the engine that it needs."""
    lanes = share_out(TARGETS, jobs=5, engine="atheris")

    placed = sorted((name, engine) for lane in lanes for engine, names in lane for name in names)
    assert placed == sorted((t.name, "atheris" if t.is_guided else "blind") for t in TARGETS)
    assert len(lanes) == 5
    assert share_out(TARGETS[:1], jobs=5, engine="blind") == [[("blind", [TARGETS[0].name])]]


def test_work_that_was_stopped_tells_what_was_done() -> None:
    """Without a final count the last one told on the way holds; without any the log's last line is the reason."""
    log = "#16\tpulse  cov: 3 ft: 4\nfound x.case: y\n#32\tNEW    cov: 7 ft: 9\n"

    stopped = read_work("tls", log=log, seconds=3, shortfall="stopped", exit_code=-9)
    assert (stopped.executions, stopped.coverage, stopped.found, stopped.error) == (32, "7", 1, "")
    assert read_work("tls", log="a\nMemoryError\n", seconds=3, exit_code=1).error == (
        "exit 1: MemoryError"
    )


STUCK = """
import argparse, pathlib, sys, time
from fuzz.shift import fork
from fuzz.target import Target
target = Target(name="stuck", promise="", grow=lambda c: c.rest(), check=lambda m: time.sleep(60 if m else 0))
options = argparse.Namespace(engine="blind", found=pathlib.Path(sys.argv[1]), corpus=None, seed=1)
print(fork(target, 0.2, options, grace_s=0.3).encode_line())
"""


def test_who_sticks_in_an_input_is_stopped(tmp_path: Path) -> None:
    """An input that takes wall time but no processor time does not hold up the other targets."""
    began = time.monotonic()

    done = subprocess.run(
        [sys.executable, "-c", STUCK, tmp_path],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )

    work = parse_work(done.stdout)
    assert (work.executions, work.error) == (0, "")
    assert work.shortfall == "stopped 0 s after its time, inside one input"
    assert time.monotonic() - began < 45


def test_fuzzing_ends_and_tells_of_every_target(tmp_path: Path) -> None:
    """The stated time is kept, and each target named has its line."""
    command = [sys.executable, "-m", "fuzz", "allow_list", "header", "keylog", "--seconds", "6"]
    command += ["--engine", "blind", "--found", str(tmp_path), "--seed", "1"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    lines = done.stdout.splitlines()
    assert sorted(line.split()[0] for line in lines[1:4]) == ["allow_list", "header", "keylog"]
    assert (done.returncode, done.stderr) == (0, "")
