"""Both wires, one meaning: what passes on the kernel wire (test_scenarios.py) has the same verdict simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.terminal import tell
from tests.end_to_end.scenario_files import (
    PASSTHROUGH,
    ROOT,
    SCENARIOS,
    TERMINATING,
    WITH_PROGRAMS,
    name,
    record,
)
from tests.end_to_end.test_readers import TLS_1_2, output

TWENTY = ROOT / "scenarios" / "load" / "twenty-devices-terminating.yaml"
TOPOLOGIES = tuple(
    ROOT / "scenarios" / "topologies" / f"{stem}.yaml"
    for stem in ("ipv6-only", "dual-stack", "devices-behind-one-address", "nodes-translated")
)
"""Other headers, and addresses and checksums that change on the way."""


@pytest.mark.parametrize(
    "scenario", [file for file in SCENARIOS if file.parent != WITH_PROGRAMS], ids=name
)
def test_scenario_simulated(scenario: Path, tmp_path: Path) -> None:
    """Exactly the foreseen verdict, that of the kernel wire; there is no exception to list."""
    done = record(scenario, tmp_path, wire="sim")

    assert done.verdict.as_expected, tell(done.verdict, name=scenario.stem, file=str(done.file))
    assert done.verdict.mode == "simulated"


@pytest.mark.parametrize(
    "scenario", [TERMINATING, PASSTHROUGH, TLS_1_2, TWENTY, *TOPOLOGIES], ids=name
)
def test_tshark_finds_nothing_wrong_with_our_tcp(scenario: Path, tmp_path: Path) -> None:
    """Every checksum is right, and its analysis of TCP has nothing to remark."""
    done = record(scenario, tmp_path, wire="sim")
    settings = ("tcp.check_checksum:TRUE", "ip.check_checksum:TRUE", "udp.check_checksum:TRUE")
    wrong = (
        "(tcp.analysis.flags and !tcp.analysis.window_update) or _ws.malformed"
        ' or tcp.checksum.status == "Bad" or ip.checksum.status == "Bad"'
    )
    told = output(
        "tshark",
        *("-r", done.file),
        *(word for setting in settings for word in ("-o", setting)),
        *("-Y", wrong),
    )

    assert told == []
