"""Scenarios that are left out: what a folder has beside what this machine can run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode
from harness.cli.left_out import leave_out
from harness.cli.main import main
from harness.cli.scenario_file import load_scenario_files
from tests.cli.scenario_text import SINGLE_NODE

REAL = SINGLE_NODE.replace(
    "  cert_proxy",
    "  balancers: {vip: {address: 10.20.0.10, 443: passthrough, engine: nginx}}\n  cert_proxy",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One scenario that needs nginx, and two that need nothing."""
    for name, text in (("a", SINGLE_NODE), ("b", REAL), ("c", SINGLE_NODE)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_those_of_a_folder_are_left_out_with_the_reason(folder: Path) -> None:
    """Told once for all of the same reason."""
    loaded = load_scenario_files(sorted(folder.iterdir()))
    lines = leave_out(loaded, named=(str(folder),), wire="sim")

    assert [file.stem for file in loaded] == ["a", "c"]
    assert len(lines) == 1
    assert lines[0].startswith(
        "left out: 1 of 3 scenarios: $.site.balancers.vip.engine: nginx is a real program"
    )


def test_one_that_is_named_is_refused(folder: Path) -> None:
    """Whoever names it wants it; nothing else runs either."""
    loaded = load_scenario_files(sorted(folder.iterdir()))
    with pytest.raises(Complaint, match=r"nothing was run$") as caught:
        leave_out(loaded, named=(str(folder), str(folder / "b.yaml")), wire="sim")

    assert caught.value.code is ExitCode.ENVIRONMENT
    assert str(caught.value).startswith(f"{folder}/b.yaml: $.site.balancers.vip.engine")


def test_nothing_left_is_no_success(folder: Path) -> None:
    """A folder of which nothing can be run."""
    (folder / "a.yaml").unlink()
    (folder / "c.yaml").unlink()
    loaded = load_scenario_files(sorted(folder.iterdir()))

    with pytest.raises(Complaint, match=r"nothing was run$"):
        leave_out(loaded, named=(str(folder),), wire="sim")


def test_nothing_is_said_where_nothing_is_missing(folder: Path) -> None:
    """Scenarios without real programs run anywhere."""
    (folder / "b.yaml").unlink()
    loaded = load_scenario_files(sorted(folder.iterdir()))

    assert leave_out(loaded, named=(str(folder),), wire="sim") == ()
    assert len(loaded) == 2


def test_run_says_it_and_judges_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As expected: what cannot run here is neither a failure nor passed over in silence."""
    code = main(["run", str(folder), "--wire", "sim", "--output", str(folder / "runs")])
    told = capsys.readouterr().out

    assert code == 0
    assert told.startswith("left out: 1 of 3 scenarios: ")
    assert "2 runs, 2 as expected" in told
