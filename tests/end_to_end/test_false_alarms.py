"""No false alarm: the catalogue's list of what must not be flagged, and good deployments drawn by a seed."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from harness.replay import replay
from harness.scenario.yaml import load_scenario
from harness.verdict.outcome import Outcome
from tests.end_to_end.false_alarms import draw, find_reasons, is_alarm, play
from tests.end_to_end.losses import judge, tell
from tests.end_to_end.scenario_files import CAPTURES, ROOT

ENHANCED_PACKET = b"\x06"

README = ROOT / "scenarios" / "README.md"


def _read_table(intro: str) -> dict[str, tuple[str, ...]]:
    """A table of scenarios/README.md behind some words: what is no failure, and the scenarios that show it."""
    text = README.read_text("utf-8").partition(intro)[2].partition("|---|---|\n")[2]
    rows = text.partition("\n\n")[0].splitlines()
    cells = (row.strip("| ").split(" | ") for row in rows)
    return {line: tuple(re.findall(r"`([^`]+)\.yaml`", shown)) for line, shown in cells}


INNOCENT = _read_table("## What must not be flagged")
"""What must not be flagged, and the scenarios that show that it passes."""

BESIDE = _read_table("Beside the catalogue")
"""The same for what the catalogue does not list."""
SHOWN = [(line, shown) for line, listed in (INNOCENT | BESIDE).items() for shown in listed]


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=str)
def test_what_must_not_be_flagged_is_shown_to_pass(line: str, shown: str) -> None:
    """By a scenario without defects that expects PASS (test_scenarios.py runs it)."""
    assert line
    file = ROOT / "scenarios" / f"{shown}.yaml"
    scenario = load_scenario(file.read_text("utf-8"), name=file.name)

    assert (scenario.defects, scenario.expect.verdict) == ((), "pass")


def test_every_line_of_the_catalogue_is_here(shared: Path) -> None:
    """Section 3 of failures.md, but for the captures that begin too late: those are below."""
    section = (shared / "spec" / "failures.md").read_text("utf-8").partition("## 3.")[2]
    text = section.partition("\n")[2].replace("**", "")
    # Last in the list, and the only one that is not to pass.
    listed = text.partition(" and captures that start mid-flow")[0]
    lines = {part.strip() for item in listed.split(";") for part in item.split(", ")}

    assert lines == set(INNOCENT)


def _split(pcapng: bytes) -> list[bytes]:
    """The blocks of a little-endian file: type, size, and so on."""
    blocks, at = [], 0
    while at < len(pcapng):
        size = int.from_bytes(pcapng[at + 4 : at + 8], "little")
        blocks.append(pcapng[at : at + size])
        at += size
    return blocks


@pytest.mark.parametrize(
    "capture",
    [c for c in CAPTURES if "-F" not in c.stem and "probe" not in c.stem],
    ids=lambda c: c.stem,
)
@pytest.mark.parametrize("share", [4, 2])
def test_a_capture_that_begins_too_late_is_unknown(capture: Path, share: int) -> None:
    """Whatever its first half held: neither PASS nor FAIL."""
    blocks = _split(capture.read_bytes())
    packets = [index for index, block in enumerate(blocks) if block[:1] == ENHANCED_PACKET]
    cut = set(packets[: len(packets) // share])
    rest = b"".join(block for index, block in enumerate(blocks) if index not in cut)

    assert replay(io.BytesIO(rest)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "capture", [c for c in CAPTURES if "-F" not in c.stem], ids=lambda c: c.stem
)
def test_packets_that_are_missing_are_no_failure(capture: Path) -> None:
    """Whichever they are; `python -m tests.end_to_end.losses` takes more runs, and more of each."""
    verdicts = list(judge(capture, each=12, seed=1))

    assert [tell(v) for v in verdicts if v.outcome is Outcome.FAIL] == []
    assert Outcome.UNKNOWN in {v.outcome for v in verdicts}


def test_a_seed_draws_the_same_run_again() -> None:
    """And another index another one."""
    assert draw(3, 7, wire="sim") == draw(3, 7, wire="sim")
    assert draw(3, 7, wire="sim") != draw(3, 8, wire="sim")


def test_what_is_drawn_differs_in_everything_that_matters() -> None:
    """Among a hundred: every topology, both versions, keep-alive, bad links, load, strangers."""
    drawn = [json.loads(draw(1, index, wire="sim")) for index in range(100)]
    text = "\n".join(json.dumps(one) for one in drawn)

    assert {one["scenario"].rpartition(" ")[2] for one in drawn} == {
        *("single", "localhost", "passthrough", "terminating"),
    }
    for word in (
        *('"tls": "1.2"', '"requests": 3', '"fleet"', '"stranger"', '"together"', '"restart"'),
        *("resumption", "revocation", "offload", "x_real_ip", "edge", "further_addresses", "probe"),
        *("to_proxy", "oldest_tls", "behind", "translated", '"clock"', '"wait"'),
        *("loss_percent", "reorder_percent", "duplicate_percent", '"mtu"', "port_ranges", "abort"),
    ):
        assert word in text


def _alarms(wire: str, indexes: range, folder: Path) -> list[tuple[str, list[str]]]:
    return [
        (told.name, find_reasons(told.verdict) or list(told.verdict.failing))
        for told in play(20, indexes, folder, wire=wire)
        if is_alarm(told.wire, told.verdict)
    ]


def test_good_simulated_runs_raise_no_alarm(tmp_path: Path) -> None:
    """Twenty of them; `make false-alarms` plays five hundred, on both wires."""
    assert _alarms("sim", range(20), tmp_path) == []


@pytest.mark.usefixtures("live")
def test_good_live_runs_raise_no_alarm(tmp_path: Path) -> None:
    """Ten, and nothing is UNKNOWN."""
    assert _alarms("kernel", range(10), tmp_path) == []
