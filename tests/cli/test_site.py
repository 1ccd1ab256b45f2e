"""The commands `check` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from tests.cli.scenario_text import SINGLE_NODE


def test_check_of_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is run, and that is said in one line."""
    (tmp_path / "one.yaml").write_text(SINGLE_NODE)

    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 scenario, no problem"


def test_check_of_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with place, value and what was expected on stderr."""
    (tmp_path / "one.yaml").write_text(SINGLE_NODE.replace("10.20.1.1", "10.20.1"))

    code = main(["check", str(tmp_path / "one.yaml")])

    assert code == 2
    assert "one.yaml:4:18: $.site.nodes.node1: got" in capsys.readouterr().err


def test_check_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is legal and probably not meant is a warning, not a problem."""
    text = SINGLE_NODE.replace(
        "destination: localhost", "destination: localhost, allow_remote_port_header: true"
    )
    (tmp_path / "one.yaml").write_text(text)

    code = main(["check", str(tmp_path / "one.yaml")])

    assert code == 0
    assert "one.yaml: warning: allow_remote_port_header is on" in capsys.readouterr().out


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is JSON and knows a scenario's keys."""
    code = main(["schema"])
    schema = json.loads(capsys.readouterr().out)

    assert code == 0
    assert {"scenario", "site", "steps", "expect"} <= set(schema["properties"])
