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
    assert capsys.readouterr().out.splitlines()[-1] == "1 scenario, no problem, no warning"


def test_check_of_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with place, value and what was expected on stderr."""
    (tmp_path / "one.yaml").write_text(SINGLE_NODE.replace("10.20.1.1", "10.20.1"))

    code = main(["check", str(tmp_path / "one.yaml")])

    assert code == 2
    assert "one.yaml:4:18: $.site.nodes.node1: got" in capsys.readouterr().err


WARNED = SINGLE_NODE.replace(
    "destination: localhost", "destination: localhost, allow_remote_port_header: true"
)
SITE = """\
fqdn: access.example.com
nodes: {node1: 10.20.1.1, node2: 10.20.1.2}
balancers: {vip: {address: 10.20.0.10}}
cert_proxy:
  destination: localhost
  allow_remote_port_header: true
  accept_remote_port_from: 10.20.0.10
"""


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--strict"], 1)])
def test_check_warns(
    arguments: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is legal and probably not meant is a warning; only who asks for it gets another exit code."""
    (tmp_path / "one.yaml").write_text(WARNED)

    assert main(["check", *arguments, str(tmp_path / "one.yaml")]) == code
    out = capsys.readouterr().out
    assert "one.yaml: warning: $.cert_proxy.allow_remote_port_header: got true: no balancer" in out
    assert out.splitlines()[-1] == "1 scenario, no problem, 1 warning"


def test_check_of_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A site alone, beside scenarios: what will happen, and the remedy."""
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "one.yaml").write_text(SINGLE_NODE)

    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert 'site.yaml: warning: $.cert_proxy.destination: got "localhost": a balancer has' in out
    assert "alert unknown_ca" in out
    assert "To mend it, force access.example.com [destination-self-signed]" in out
    assert out.splitlines()[-1] == "1 scenario and 1 site, no problem, 1 warning"


def test_check_of_a_bad_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with place, value and what was expected."""
    (tmp_path / "site.yaml").write_text(SITE.replace("node2: 10.20.1.2", "node2: 10.20.1"))

    assert main(["check", str(tmp_path / "site.yaml")]) == 2
    assert "site.yaml:2:34: $.nodes.node2: got" in capsys.readouterr().err


def test_problems_of_sites_scenarios_and_what_is_neither_come_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no text hides nothing of the others."""
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.yaml").write_text(SITE.replace("node2: 10.20.1.2", "node2: 10.20.1"))
    (tmp_path / "c.yaml").write_text(SINGLE_NODE.replace("10.20.1.1", "10.20.1"))

    assert main(["check", str(tmp_path)]) == 2
    first, *places = capsys.readouterr().err.splitlines()
    assert first == "harness: 3 problems, nothing was run"
    assert [Path(place.split(":")[0]).name for place in places] == ["a.yaml", "b.yaml", "c.yaml"]


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is JSON and knows a scenario's keys."""
    code = main(["schema"])
    schema = json.loads(capsys.readouterr().out)

    assert code == 0
    assert {"scenario", "site", "steps", "expect"} <= set(schema["properties"])
