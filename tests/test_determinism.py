"""The same scenario, seed and versions give the same file byte for byte, whoever simulates it and when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run import run
from harness.scenario.yaml import load_scenario

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = (
    "topologies/terminating-cluster",
    "load/twenty-devices-passthrough",
    "attacks/lost-certificate-F36",
    "settings/old-device",
    "certificates/balancer-renewed",
)
"""TLS 1.2 and 1.3, many at once, refused handshakes, both kinds of balancers, RSA and ECDSA."""


def _record(name: str, file: Path, *, seed: int | None = None) -> bytes:
    source = ROOT / "scenarios" / f"{name}.yaml"
    text = source.read_text("utf-8")
    scenario = load_scenario(text, name=source.name)
    done = run(scenario, text=text, file=file, seed=seed, wire="sim")
    assert done.verdict.as_expected
    assert done.verdict.mode == "simulated"
    return file.read_bytes()


def _record_elsewhere(name: str, folder: Path, *, hash_seed: str) -> bytes:
    """In a process of its own, with another order of sets and another time zone."""
    source = ROOT / "scenarios" / f"{name}.yaml"
    command = [sys.executable, "-m", "harness.cli", "run", str(source), "--wire", "sim"]
    done = subprocess.run(
        [*command, "--output", str(folder)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Pacific/Kiritimati"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("wire: simulated (as asked); ")
    return (folder / f"{source.stem}.pcapng").read_bytes()


@pytest.mark.parametrize("name", SCENARIOS)
def test_processes_do_not_differ(name: str, tmp_path: Path) -> None:
    """Twice here, where caches are warm the second time, and twice elsewhere with other hash seeds."""
    first = _record(name, tmp_path / "first.pcapng")

    assert _record(name, tmp_path / "second.pcapng") == first
    assert _record_elsewhere(name, tmp_path / "one", hash_seed="1") == first
    assert _record_elsewhere(name, tmp_path / "two", hash_seed="31337") == first


def test_another_seed_differs(tmp_path: Path) -> None:
    """In its keys, numbers and ports: a test that could not fail would prove nothing."""
    one = _record(SCENARIOS[0], tmp_path / "one.pcapng", seed=1)
    two = _record(SCENARIOS[0], tmp_path / "two.pcapng", seed=2)

    assert len(set(_packets(one)) & set(_packets(two))) <= 2 * len(_packets(one)) // 100
    assert _packets(one) == _packets(_record(SCENARIOS[0], tmp_path / "1.pcapng", seed=1))


def _packets(data: bytes) -> list[bytes]:
    """Enhanced Packet Blocks (type 6) of a little-endian pcapng, sentinels left out."""
    blocks = []
    offset = 0
    while offset < len(data):
        kind = int.from_bytes(data[offset : offset + 4], "little")
        size = int.from_bytes(data[offset + 4 : offset + 8], "little")
        if kind == 6 and data[offset + 28 + 12 : offset + 28 + 14] == b"\x08\x00":
            blocks.append(data[offset + 20 : offset + size])
        offset += size
    return blocks
