"""The project's own scenario files and captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.scenario_file import load_scenario_file
from harness.run import Run, find_missing, run
from harness.world.wire.choice import Wanted

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = tuple(sorted((ROOT / "scenarios").rglob("*.yaml")))
WITH_PROGRAMS = ROOT / "scenarios" / "real-balancers"
"""What needs the kernel wire, and programs of others."""
CAPTURES = tuple(sorted((ROOT / "captures").glob("*.pcapng")))
SINGLE_NODE = ROOT / "scenarios" / "topologies" / "single-node.yaml"
TERMINATING = ROOT / "scenarios" / "topologies" / "terminating-cluster.yaml"
PASSTHROUGH = ROOT / "scenarios" / "topologies" / "passthrough-cluster.yaml"


def name(file: Path) -> str:
    """`attacks/around-the-balancer`."""
    return f"{file.parent.name}/{file.stem}"


def record(scenario: Path, folder: Path, *, wire: Wanted = "auto") -> Run:
    """Run one scenario file; the capture lands in `folder`.

    Where a real balancer of it cannot run here, the test is skipped, which fails with CI=true.
    """
    loaded, text = load_scenario_file(scenario)
    if missing := find_missing(loaded, wire):
        pytest.skip(missing)
    return run(loaded, text=text, file=folder / f"{scenario.stem}.pcapng", wire=wire)
