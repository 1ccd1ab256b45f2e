"""What the pages show of the commands `check` and `settings` is what those print."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import main
from tests.end_to_end.scenario_files import ROOT

PAGES = ("docs/preflight.md", "docs/settings.md")
COMMANDS = ("harness check ", "harness settings ")
PROMPT = "    $ "


def blocks(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines below it."""
    lines = iter((ROOT / page).read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(PROMPT):
            shown = []
            for below in lines:
                if not below.startswith("    "):
                    break
                shown.append(below.removeprefix("    "))
            yield line.removeprefix(PROMPT), shown


BLOCKS = [(command, shown) for page in PAGES for command, shown in blocks(page)]


def test_there_are_blocks() -> None:
    """One on each page at least."""
    assert len(BLOCKS) >= len(PAGES)
    assert all(command.startswith(COMMANDS) for command, _ in BLOCKS)


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_a_block_is_current(
    command: str,
    shown: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run in the project's folder, it prints exactly these lines."""
    monkeypatch.chdir(Path(ROOT))
    main(shlex.split(command)[1:])

    assert capsys.readouterr().out.splitlines() == shown
