"""A capture in parts has no finding that the whole lacks; what it misses is far apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.parts import compare, main
from tests.end_to_end.scenario_files import CAPTURES


@pytest.mark.parametrize("file", CAPTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("most", [1, 3, 12])
def test_parts_accuse_nobody_of_their_own(file: Path, most: int) -> None:
    """Even of one connection or request each."""
    compared = compare(file, most=most)

    assert compared.parts <= compared.whole


def test_the_sums_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing to compare is no success."""
    run = next(file for file in CAPTURES if file.stem == "wrong-node-F44")
    (tmp_path / run.name).write_bytes(run.read_bytes())

    assert main([str(tmp_path), "--most", "500"]) == 0
    assert capsys.readouterr().out.startswith("1 runs: ")
    assert main([str(tmp_path / "none")]) == 1
