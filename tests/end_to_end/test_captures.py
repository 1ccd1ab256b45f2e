"""Every checked-in capture: described in the index, and judged as its verdict file says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.replay import replay
from harness.report.json import verdict_json
from tests.end_to_end.scenario_files import CAPTURES, ROOT


def test_index_lists_every_capture() -> None:
    """The table of captures/README.md names exactly the files that are there."""
    index = (ROOT / "captures" / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| `([^`]+\.pcapng)` \|", index, re.MULTILINE)

    assert sorted(listed) == [file.name for file in CAPTURES]
    assert len(listed) >= 6


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda file: file.stem)
def test_capture_gives_its_verdict(capture: Path) -> None:
    """Byte for byte, and as the scenario inside foresees."""
    with capture.open("rb") as stream:
        verdict = replay(stream)

    assert f"{verdict_json(verdict)}\n" == capture.with_suffix(".verdict.json").read_text("utf-8")
    assert verdict.as_expected


def test_captures_are_small() -> None:
    """A clone stays small: no capture is larger than 150 kB."""
    assert [file.name for file in CAPTURES if file.stat().st_size > 150_000] == []
