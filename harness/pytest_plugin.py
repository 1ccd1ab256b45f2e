"""The pytest plug-in: scenario files and captures are test items.

    pytest scenarios/ captures/

A YAML file with the key `scenario` at its top level is run; its verdict must be the expected one. A capture is replayed
if it was named on the command line, was recorded by the harness, or has its verdict beside it (`NAME.verdict.json`,
which must come out byte for byte). Nothing of the harness is imported before such a file is found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from harness.verdict.verdict import Verdict

SCENARIO_ENDINGS: Final = (".yaml", ".yml")
CAPTURE_ENDING: Final = ".pcapng"
HEAD_SIZE: Final = 8192
"""Bytes of a capture in which the mark of the harness stands: its section header comes first."""
MARK: Final = b"certproxy-harness "


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where captures go."""
    group = parser.getgroup("certproxy-harness")
    group.addoption(
        "--harness-output",
        default="runs",
        metavar="DIR",
        help="where captures of scenarios go (default: runs, below the root folder)",
    )
    group.addoption(
        "--harness-wire",
        choices=("kernel", "sim", "auto"),
        default="auto",
        help="what scenarios run on (default: auto, as harness run)",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files and captures; leave everything else alone."""
    named = parent.session.isinitpath(file_path)
    if file_path.suffix in SCENARIO_ENDINGS and _is_scenario(file_path):
        return ScenarioFile.from_parent(parent, path=file_path)
    if file_path.suffix == CAPTURE_ENDING and (named or _is_ours(file_path)):
        return CaptureFile.from_parent(parent, path=file_path)
    return None


class NotAsExpected(Exception):
    """The verdict is not the foreseen one; the text is the report."""


class ScenarioFile(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item."""
        yield ScenarioItem.from_parent(self, name=self.path.stem)


class CaptureFile(pytest.File):
    """A capture."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item."""
        yield CaptureItem.from_parent(self, name=self.path.stem)


class FileItem(pytest.Item):
    """What both kinds of item share: they fail with the report, not with a traceback."""

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """The report, or the complaint about the file; a traceback only for a bug of our own."""
        from harness.cli.complaint import Complaint

        if isinstance(excinfo.value, NotAsExpected | Complaint):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The file, and the name that the summary shows."""
        return self.path, None, self.name


class ScenarioItem(FileItem):
    """A scenario, to be run and judged."""

    def runtest(self) -> None:
        """Run it; the verdict must be the expected one."""
        from harness.cli.complaint import Complaint
        from harness.cli.exit_code import ExitCode
        from harness.cli.scenario_file import load_scenario_file
        from harness.report.terminal import tell
        from harness.run import find_missing, run
        from harness.world.job import WorldError

        scenario, text = load_scenario_file(self.path)
        try:
            wire = self.config.getoption("--harness-wire")
            if missing := find_missing(scenario, wire):
                pytest.skip(missing)
            done = run(scenario, text=text, file=self._capture(), wire=wire)
        except WorldError as error:
            raise Complaint(f"{self.path}: {error}", ExitCode.ENVIRONMENT) from error
        if not done.verdict.as_expected:
            raise NotAsExpected(tell(done.verdict, name=self.name, file=str(done.file)))

    def _capture(self) -> Path:
        """Where the capture goes: one place for each scenario, whatever its folder."""
        output = self.config.rootpath / str(self.config.getoption("--harness-output"))
        parts = Path(self.nodeid.split("::")[0]).with_suffix(CAPTURE_ENDING).parts
        return output / "-".join(part for part in parts if part not in ("..", "/"))


class CaptureItem(FileItem):
    """A capture, to be replayed."""

    def runtest(self) -> None:
        """Judge it: as its verdict file says, or else as its scenario foresees."""
        verdict = self._replay()
        stated = self.path.with_suffix(".verdict.json")
        if stated.exists():
            self._compare(verdict, stated)
        elif not verdict.as_expected:
            raise NotAsExpected(self._tell(verdict))

    def _replay(self) -> Verdict:
        from harness.replay import replay

        with self.path.open("rb") as stream:
            return replay(stream)

    def _tell(self, verdict: Verdict) -> str:
        from harness.report.terminal import tell

        return tell(verdict, name=self.name, file=str(self.path))

    def _compare(self, verdict: Verdict, stated: Path) -> None:
        from harness.report.json import verdict_json

        got, expected = f"{verdict_json(verdict)}\n", stated.read_text("utf-8")
        if got != expected:
            raise NotAsExpected(
                f"{self._tell(verdict)}\n{stated.name} says something else:\n"
                f"  got      {got}  expected {expected}"
            )


def _is_scenario(file: Path) -> bool:
    """Whether the YAML file is a scenario; a file that cannot be read is none of ours."""
    from harness.cli.scenario_file import is_scenario

    try:
        return is_scenario(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return False


def _is_ours(file: Path) -> bool:
    """Whether a capture was recorded by the harness, or has its verdict beside it."""
    if file.with_suffix(".verdict.json").exists():
        return True
    try:
        with file.open("rb") as stream:
            return MARK in stream.read(HEAD_SIZE)
    except OSError:
        return False
