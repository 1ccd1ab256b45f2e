"""Every scenario live: as expected, and the same verdict from the file alone."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.replay import replay
from harness.report.json import verdict_json
from harness.report.terminal import tell
from tests.end_to_end.scenario_files import SCENARIOS, TERMINATING, name, record


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=name)
def test_scenario(scenario: Path, tmp_path: Path) -> None:
    """The verdict is the foreseen one, and replaying the packed file gives the same bytes of JSON."""
    done = record(scenario, tmp_path)
    packed = io.BytesIO(gzip.compress(done.file.read_bytes(), compresslevel=1))

    assert done.verdict.as_expected, tell(done.verdict, name=scenario.stem, file=str(done.file))
    assert verdict_json(replay(packed)) == verdict_json(done.verdict)


def test_there_are_scenarios() -> None:
    """The folder is not empty: parametrizing over nothing would prove nothing."""
    assert len(SCENARIOS) >= 25


@pytest.mark.usefixtures("live")
def test_replay_needs_the_file_alone(tmp_path: Path) -> None:
    """Renamed, packed, in an empty folder, by a fresh process with a bare environment: the same bytes."""
    done = record(TERMINATING, tmp_path / "runs")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "renamed.bin").write_bytes(gzip.compress(done.file.read_bytes()))
    done.file.unlink()

    again = subprocess.run(
        [sys.executable, "-m", "harness.cli", "replay", "--json", "renamed.bin"],
        cwd=empty,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == f"{verdict_json(done.verdict)}\n"


@pytest.mark.usefixtures("live")
def test_lost_packets_are_never_a_pass(tmp_path: Path) -> None:
    """The same run cut in the middle: what was seen no longer proves anything."""
    done = record(TERMINATING, tmp_path)
    data = done.file.read_bytes()
    cut = replay(io.BytesIO(data[: len(data) // 2]))

    assert cut.outcome == "unknown"
    assert not cut.as_expected


@pytest.mark.usefixtures("live")
def test_missing_keys_are_never_a_pass(tmp_path: Path) -> None:
    """Without its secrets a run is unknown: nobody can say what was in it."""
    done = record(TERMINATING, tmp_path)
    blind = replay(io.BytesIO(without_secrets(done.file.read_bytes())))

    assert blind.outcome == "unknown"
    assert "unknown" in {str(result.outcome) for result in blind.results if result.check == "V01"}


def without_secrets(data: bytes) -> bytes:
    """A little-endian pcapng without its decryption secrets blocks (type 10)."""
    kept = bytearray()
    offset = 0
    while offset < len(data):
        kind, size = (
            int.from_bytes(data[at : at + 4], sys.byteorder) for at in (offset, offset + 4)
        )
        if kind != 10:
            kept += data[offset : offset + size]
        offset += size
    return bytes(kept)
