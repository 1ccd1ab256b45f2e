"""Scenario and site files on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.complaint import Complaint
from harness.cli.scenario_file import (
    is_scenario,
    load_scenario_file,
    load_scenario_files,
    load_site_file,
)
from tests.cli.scenario_text import SINGLE_NODE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("scenario: x\n", True, id="first line"),
        pytest.param("# note\nrows: []\nscenario: x\n", True, id="later"),
        pytest.param('"scenario": x\n', True, id="quoted"),
        pytest.param("site:\n  scenario: x\n", False, id="not at the top"),
        pytest.param("# scenario: x\n", False, id="comment"),
        pytest.param("scenarios: x\n", False, id="another key"),
    ],
)
def test_is_scenario(text: str, expected: bool) -> None:
    """The key at the top level makes a scenario."""
    assert is_scenario(text) is expected


def test_text_comes_with_the_scenario(tmp_path: Path) -> None:
    """The text is kept as written: it travels in the capture."""
    file = tmp_path / "one.yaml"
    file.write_text(SINGLE_NODE)

    scenario, text = load_scenario_file(file)

    assert (scenario.scenario, text) == ("one node signs a device in", SINGLE_NODE)


def test_site_file_stands_beside_its_scenario(tmp_path: Path) -> None:
    """A site file is found from the scenario's folder, not from the working one."""
    (tmp_path / "site.yaml").write_text(
        "fqdn: a.example.com\nnodes: {node1: 10.0.0.1}\ncert_proxy: {destination: localhost}\n"
    )
    (tmp_path / "one.yaml").write_text("scenario: x\nsite: site.yaml\n")

    assert load_scenario_file(tmp_path / "one.yaml")[0].site.fqdn == "a.example.com"


def test_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    """The second file's problem is told together with the first's."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(SINGLE_NODE.replace("10.20.1.1", f"10.20.{name}"))

    with pytest.raises(Complaint) as caught:
        load_scenario_files((tmp_path / "a.yaml", tmp_path / "b.yaml"))

    head, *lines = str(caught.value).splitlines()
    assert head == "2 problems, nothing was run"
    assert [line.split(": ")[0] for line in lines] == [
        f"{tmp_path}/a.yaml:4:18",
        f"{tmp_path}/b.yaml:4:18",
    ]


def test_site_of_a_scenario(tmp_path: Path) -> None:
    """A scenario file serves as a site file."""
    (tmp_path / "one.yaml").write_text(SINGLE_NODE)

    assert load_site_file(tmp_path / "one.yaml").fqdn == "access.example.com"


def test_site_file_with_a_problem(tmp_path: Path) -> None:
    """A site file's problem has its place."""
    (tmp_path / "site.yaml").write_text("fqdn: a.example.com\nnodes: {}\nnoodles: 1\n")

    with pytest.raises(Complaint, match=r"site\.yaml:3:1: .*noodles"):
        load_site_file(tmp_path / "site.yaml")
