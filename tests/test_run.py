"""Run: a scenario becomes a file, and the verdict is that file's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from harness.replay import replay
from harness.report.json import verdict_json
from harness.run import Interrupted, run
from harness.scenario.scenario import Scenario
from harness.scenario.yaml import load_scenario
from harness.verdict.outcome import Outcome
from harness.world.job import WorldError
from tests.processes import below, handles, interrupted_once

TEXT = """
scenario: one device signs in at a single node
site:
  fqdn: access.example.com
  nodes: {node1: 10.20.1.1}
  cert_proxy: {destination_forced: true, destination: access.example.com}
devices:
  pixel: {user: alice@example.com}
steps:
  - {device: pixel, sign_in: salesforce}
expect: {verdict: pass, signed_in: {pixel: alice@example.com}}
"""


def _scenario() -> Scenario:
    return load_scenario(TEXT, name="single.yaml")


def test_the_verdict_is_that_of_the_file(tmp_path: Path) -> None:
    """Nothing but the file tells: judged again, it says the same."""
    done = run(_scenario(), text=TEXT, file=tmp_path / "new" / "single.pcapng")

    with done.file.open("rb") as stream:
        again = replay(stream)
    assert done.verdict.outcome is Outcome.PASS
    assert verdict_json(again) == verdict_json(done.verdict)


def test_the_seed_given_replaces_the_scenarios_own(tmp_path: Path) -> None:
    """It is written down with the run."""
    done = run(_scenario(), text=TEXT, file=tmp_path / "single.pcapng", seed=7)

    assert b'"seed": 7' in done.file.read_bytes()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """Before anything is built."""
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")

    with pytest.raises(WorldError, match=r"cannot make the folder .*file/runs: Not a directory"):
        run(_scenario(), text=TEXT, file=tmp_path / "file" / "runs" / "single.pcapng")


def _is_recorded() -> bool:
    """A world of ours takes signals: from then on it writes down what it has."""
    return any(handles(process, signal.SIGTERM) for process in below(os.getpid()))


@pytest.mark.usefixtures("live")
def test_an_interrupt_keeps_what_was_recorded(tmp_path: Path) -> None:
    """A device that nobody answers holds the run; SIGINT ends it, and its file is marked as incomplete."""
    text = TEXT.replace(
        "steps:", "bystanders:\n  silent: {address: 10.30.0.5, segment: outside}\nsteps:"
    )
    text = text.replace("sign_in: salesforce}", "sign_in: salesforce, host: nowhere.example.com}")
    text = text.replace(
        "fqdn: access.example.com",
        "fqdn: access.example.com\n  names: {nowhere.example.com: 192.0.2.9}",
    )
    text = text.replace("signed_in: {pixel: alice@example.com}", "signed_in: {}")
    file = tmp_path / "held.pcapng"
    scenario = load_scenario(text, name="held.yaml")
    with pytest.raises(Interrupted) as caught, interrupted_once(_is_recorded):
        run(scenario, text=text, file=file)

    with file.open("rb") as stream:
        verdict = replay(stream)
    assert caught.value.file == file
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.completeness["complete"] is False


def test_a_real_balancer_is_not_simulated(tmp_path: Path) -> None:
    """Place and remedy; nothing is written."""
    text = TEXT.replace(
        "  cert_proxy: {",
        "  balancers: {vip: {address: 10.20.0.10, 443: passthrough, engine: haproxy}}\n  cert_proxy: {",
    )
    with pytest.raises(
        WorldError, match=r"^\$\.site\.balancers\.vip\.engine: haproxy is a real.*builtin$"
    ):
        run(
            load_scenario(text, name="real.yaml"),
            text=text,
            file=tmp_path / "real.pcapng",
            wire="sim",
        )

    assert list(tmp_path.iterdir()) == []


def test_a_simulated_run_says_that_it_is_one(tmp_path: Path) -> None:
    """In the file, and so in the verdict; everything else is as on the kernel wire."""
    done = run(_scenario(), text=TEXT, file=tmp_path / "single.pcapng", wire="sim")

    assert (done.verdict.outcome, done.verdict.mode) == (Outcome.PASS, "simulated")
    data = done.file.read_bytes()
    assert b"simulated tap on dmz" in data
    assert b"dmz (simulated)" in data


def test_an_interrupt_keeps_what_was_simulated(tmp_path: Path) -> None:
    """Marked as incomplete; afterwards signals do what they did before."""
    text = TEXT.replace("{user: alice@example.com}", '{user: "user{n}@example.com", count: 400}')
    text = text.replace(", signed_in: {pixel: alice@example.com}", "")
    before = signal.getsignal(signal.SIGINT)
    scenario = load_scenario(text, name="held.yaml")
    with (
        pytest.raises(Interrupted) as caught,
        interrupted_once(lambda: signal.getsignal(signal.SIGINT) is not before),
    ):
        run(scenario, text=text, file=tmp_path / "held.pcapng", wire="sim")

    assert caught.value.file == tmp_path / "held.pcapng"
    with caught.value.file.open("rb") as stream:
        assert replay(stream).completeness["complete"] is False
    assert signal.getsignal(signal.SIGINT) is before
