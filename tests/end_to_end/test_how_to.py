"""The how-to pages say what the harness says, and their examples work."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.scenario import Scenario
from tests.end_to_end import real_balancers
from tests.end_to_end.how_to import EXAMPLES, FOLDER, Example, build_page
from tests.end_to_end.scenario_files import load_scenario_file, record


def _name(example: Example) -> str:
    return example.name


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_the_page_is_current(example: Example) -> None:
    """Every output is that of its command: `make how-to` writes the page again."""
    page = (FOLDER / f"{example.name}.md").read_text(encoding="utf-8")

    assert page == build_page(example)


def test_the_page_on_real_balancers_is_current() -> None:
    """With the configurations of today, and a scenario for each mistake in them."""
    page = (FOLDER / f"{real_balancers.NAME}.md").read_text(encoding="utf-8")

    assert page == real_balancers.build_page()


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_the_example_works(example: Example, tmp_path: Path) -> None:
    """Everybody is signed in, and every promise holds, on whatever wire this machine has."""
    file = FOLDER / f"{example.name}.yaml"
    scenario: Scenario = load_scenario_file(file)[0]
    verdict = record(file, tmp_path).verdict

    assert verdict.as_expected
    assert dict(verdict.signed_in) == scenario.expect.signed_in != {}


def test_every_example_is_listed() -> None:
    """A page, a scenario and a site each; nothing else lies there."""
    names = {example.name for example in EXAMPLES}
    index = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert {file.stem for file in FOLDER.glob("*.yaml")} == names
    assert {file.stem for file in (FOLDER / "sites").iterdir()} == names
    assert {file.stem for file in FOLDER.glob("*.md")} == {*names, real_balancers.NAME, "README"}
    assert all(f"({name}.md)" in index for name in (*names, real_balancers.NAME))
