"""The world: one job, one file, and what the file says about the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.capture.annotation import parse_annotations
from harness.capture.block import Capture, Names, Section
from harness.capture.ledger import parse_sentinel
from harness.capture.pcapng import read_blocks
from harness.scenario.yaml import load_scenario
from harness.world.job import Job
from harness.world.wire.process import run_private
from harness.world.world import record

pytestmark = pytest.mark.usefixtures("live")

TEXT = """
scenario: one device signs in at a single node
site:
  fqdn: access.example.com
  nodes: {node1: 10.20.1.1}
  cert_proxy: {destination_forced: true, destination: access.example.com}
  names: {nowhere.example.com: 192.0.2.9}
devices:
  pixel: {user: alice@example.com}
steps:
  - {device: pixel, sign_in: salesforce}
seed: 3
"""
LIMIT_NS = 60_000_000_000


def _record(file: Path, text: str = TEXT, *, step_timeout_ns: int = LIMIT_NS) -> None:
    scenario = load_scenario(text, name="single.yaml")
    job = Job(scenario=scenario, text=text, file=file, step_timeout_ns=step_timeout_ns)
    run_private(record, job, timeout_ns=LIMIT_NS)


def _note(file: Path) -> dict[str, object]:
    with file.open("rb") as stream:
        section = next(b for b in read_blocks(stream) if isinstance(b, Section))
    note: dict[str, object] = json.loads(parse_annotations(section.comments)["run/1"])
    return note


def test_the_file_tells_how_it_was_made(tmp_path: Path) -> None:
    """Mode, seed, devices, versions, the site and the scenario's own text."""
    _record(tmp_path / "run.pcapng")

    with (tmp_path / "run.pcapng").open("rb") as stream:
        section = next(b for b in read_blocks(stream) if isinstance(b, Section))
    texts = parse_annotations(section.comments)
    note = _note(tmp_path / "run.pcapng")
    assert texts["scenario/1"] == TEXT
    assert json.loads(texts["site/1"])["fqdn"] == "access.example.com"
    assert (note["seed"], note["complete"], note["canary"]) == (3, True, True)
    assert note["devices"] == {"203.0.113.10": "pixel"}


def test_every_tap_begins_and_ends_with_a_sentinel(tmp_path: Path) -> None:
    """So that the file itself proves how long each tap was open."""
    _record(tmp_path / "run.pcapng")

    with (tmp_path / "run.pcapng").open("rb") as stream:
        frames = [b for b in read_blocks(stream) if isinstance(b, Capture)]
    by_tap: dict[int, list[object]] = {}
    for frame in frames:
        by_tap.setdefault(frame.interface, []).append(parse_sentinel(frame.data))
    ends = {(taken[0][0], taken[-1][0]) for taken in by_tap.values()}  # type: ignore[index]
    assert ends == {("start", "stop")}
    assert len(by_tap) == 4


def test_hosts_have_names(tmp_path: Path) -> None:
    """A name resolution block stands before the packets."""
    _record(tmp_path / "run.pcapng")

    with (tmp_path / "run.pcapng").open("rb") as stream:
        names = next(b for b in read_blocks(stream) if isinstance(b, Names)).names
    assert {"node1", "pixel", "canary-node"} <= {name for _, texts in names for name in texts}


def test_a_step_that_lasts_too_long_ends_the_run(tmp_path: Path) -> None:
    """The file is written all the same, and says that it is not the whole."""
    text = TEXT.replace("sign_in: salesforce", "sign_in: salesforce, host: nowhere.example.com")

    _record(tmp_path / "run.pcapng", text, step_timeout_ns=300_000_000)

    assert _note(tmp_path / "run.pcapng")["complete"] is False
