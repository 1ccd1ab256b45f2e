"""The kill matrix: the page says what the defects say, and a survivor is found out."""

from __future__ import annotations

from harness.scenario.defect import DEFECTS
from tests.end_to_end.kill_matrix import (
    CHANGES,
    EXPLAINED,
    IDS,
    build_page,
    change_stored_runs,
    find_kills,
    find_surviving,
    read_page,
    tell_changes,
)
from tests.end_to_end.scenario_files import CAPTURES, ROOT

PAGE = ROOT / "docs" / "kill-matrix.md"


def test_the_page_agrees_with_the_defects() -> None:
    """Every defect is on it, with exactly the checks that are to fail."""
    assert find_surviving(read_page(PAGE.read_text("utf-8"))) == {}


def test_every_check_alone_finds_a_defect_or_is_explained() -> None:
    """A check that adds nothing stays for a reason."""
    alone = {next(iter(f)) for f in read_page(PAGE.read_text("utf-8")).values() if len(f) == 1}

    assert set(IDS) - alone == set(EXPLAINED)


def test_a_page_is_read_as_it_was_written() -> None:
    """Marks stand under their checks."""
    kills = {"F15": frozenset({"V06", "V07"}), "F44": frozenset({"V05"})}

    assert read_page(build_page(kills)) == kills


def test_stored_captures_kill_as_their_defects_say() -> None:
    """The checked-in captures of defects, judged again."""
    kills = find_kills(CAPTURES)

    assert len(kills) >= 3
    assert [w for w in find_surviving(kills).items() if w[1] != "no capture"] == []


def test_the_page_tells_what_becomes_of_changes() -> None:
    """Thousands of random changes of the stored runs: each kind as the page says, and none wrongly."""
    tallies = change_stored_runs()

    assert [tally.name for tally in tallies if tally.is_wrong] == []
    assert sum(tally.made for tally in tallies) > 2000
    table = PAGE.read_text("utf-8").partition(CHANGES)[2].splitlines()
    assert [line for line in tell_changes(tallies) if line not in table] == []


def test_a_survivor_is_told() -> None:
    """A check too few, and a defect that nobody ran."""
    first, second = DEFECTS[:2]
    others = {d.id: frozenset(d.caught_by) for d in DEFECTS[2:]}

    wrong = find_surviving({**others, first.id: frozenset()})
    assert list(wrong) == [first.id, second.id]
    assert wrong[second.id] == "no capture"
