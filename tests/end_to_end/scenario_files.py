"""The project's own scenario files and captures."""

from __future__ import annotations

from pathlib import Path

from harness.cli.scenario_file import load_scenario_file
from harness.run import Run, run
from harness.world.wire.choice import Wanted

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = tuple(sorted((ROOT / "scenarios").rglob("*.yaml")))
CAPTURES = tuple(sorted((ROOT / "captures").glob("*.pcapng")))
SINGLE_NODE = ROOT / "scenarios" / "topologies" / "single-node.yaml"
TERMINATING = ROOT / "scenarios" / "topologies" / "terminating-cluster.yaml"
PASSTHROUGH = ROOT / "scenarios" / "topologies" / "passthrough-cluster.yaml"


def name(file: Path) -> str:
    """`attacks/around-the-balancer`."""
    return f"{file.parent.name}/{file.stem}"


def record(scenario: Path, folder: Path, *, wire: Wanted = "auto") -> Run:
    """Run one scenario file; the capture lands in `folder`."""
    loaded, text = load_scenario_file(scenario)
    return run(loaded, text=text, file=folder / f"{scenario.stem}.pcapng", wire=wire)
