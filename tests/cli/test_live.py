"""The command `doctor`."""

from __future__ import annotations

import json
import subprocess
import sys

from harness.world.wire.doctor import probe


def test_doctor_says_the_same_to_people_and_programs() -> None:
    """Which mode works, as its proof says, and without any, that scenarios are simulated; in both forms."""
    command = [sys.executable, "-m", "harness.cli", "doctor"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    data = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    facts = json.loads(data.stdout)
    mode = facts["mode"]
    proved = probe().mode

    assert mode == (str(proved) if proved else None)
    # 4: this machine cannot do it live (README, exit codes).
    assert told.returncode == data.returncode == (0 if mode else 4)
    assert f"mode: {mode or 'none'}" in told.stdout
    assert ("simulated" in told.stdout) is (mode is None)
    assert [line.partition(":")[0] for line in facts["engines"]] == ["haproxy", "nginx"]
    assert [line for line in facts["engines"] if line not in told.stdout] == []
    assert facts["wire"] == ("kernel" if mode else "sim")
