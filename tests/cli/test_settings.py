"""The commands `settings show|check|diff|clone|copy-key`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import main

ROOT = Path(__file__).parents[2]
DIFFERS = str(ROOT / "scenarios" / "settings" / "one-node-differs.yaml")
OTHER_KEY = str(ROOT / "scenarios" / "settings" / "other-key.yaml")


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The pages of a site whose third node differs, a file each."""
    assert main(["settings", "show", DIFFERS, "--output", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    return tmp_path


def test_show_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """A row, and above it what it means."""
    assert main(["settings", "show", DIFFERS, "--node", "node3"]) == 0

    lines = capsys.readouterr().out.splitlines()
    at = lines.index('destination: "192.0.2.0/24"')
    assert lines[at - 1].startswith("# Forced: exactly one host name or IP.")


def test_shown_pages_pass_the_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written is read; with the site it is also told what will happen."""
    files = sorted(map(str, folder.iterdir()))
    assert main(["settings", "check", *files, "--site", DIFFERS]) == 0

    out = capsys.readouterr().out
    assert "warning: $.node_settings.node3: got destination_forced, destination" in out
    assert out.splitlines()[-1] == "3 pages, no problem"


def test_check_tells_every_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all files, with places; exit code 2."""
    for node in ("node1", "node3"):
        file = folder / f"{node}.settings.yaml"
        file.write_text(file.read_text().replace("10.20.0.10", "10.20.0"))
    code = main(["settings", "check", *sorted(map(str, folder.iterdir()))])

    err = capsys.readouterr().err
    assert code == 2
    assert "2 problems" in err
    assert "node3.settings.yaml:17:26: $.accept_remote_port_from: got" in err


@pytest.mark.parametrize("is_files", [True, False], ids=["files", "site"])
def test_diff_names_the_node(
    folder: Path, capsys: pytest.CaptureFixture[str], *, is_files: bool
) -> None:
    """A15: the row, the node, both values; exit code 1."""
    files = sorted(map(str, folder.iterdir())) if is_files else [DIFFERS]
    assert main(["settings", "diff", *files]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "node3: destination_forced: false, but the others: true",
        'node3: destination: "192.0.2.0/24", but the others: "access.example.com"',
        "3 pages, 2 rows differ",
    ]


def test_a_clone_does_not_differ(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clone node1 to node3, compare again: exit code 0."""
    first, third = (folder / f"{node}.settings.yaml" for node in ("node1", "node3"))
    assert main(["settings", "clone", str(first), "--to", "node3"]) == 0
    third.write_text(capsys.readouterr().out)

    assert main(["settings", "diff", str(first), str(third)]) == 0
    assert capsys.readouterr().out == "2 pages, no rows differ\n"


def test_a_key_is_copied(capsys: pytest.CaptureFixture[str]) -> None:
    """A09: both rows say the same."""
    assert main(["settings", "copy-key", OTHER_KEY, "--node", "node1", "--from", "access"]) == 0

    assert capsys.readouterr().out.count(': "77b0e4d9"') == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", DIFFERS, "--node", "node9"], "--node: got 'node9'; expected one of node1"),
        (["clone", DIFFERS, "--to", "node4"], "got 3 nodes; expected --node"),
        (["show", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["diff", DIFFERS, DIFFERS], "two pages of node1, node2, node3"),
    ],
)
def test_wrong_usage_is_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and what to write instead."""
    assert main(["settings", *arguments]) == 2

    assert told in capsys.readouterr().err
