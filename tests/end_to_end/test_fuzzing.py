"""Found cases stay fixed, every fuzz target holds for some inputs, and fuzzing finds what is planted."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzz.bound import TooBig, TooSlow, run_bounded
from fuzz.capture_blocks import stored_runs
from fuzz.choices import Choices
from fuzz.found import CASES
from fuzz.hearing import Hearing
from fuzz.judge import Tally, examine, load_scenes
from fuzz.judge_mutants import HARMLESS, KINDS
from fuzz.material import pack, unpack
from fuzz.registry import TARGETS, find_target
from fuzz.target import Target
from fuzz.worker import Session, fuzz_blind
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
