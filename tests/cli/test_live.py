"""The command `doctor`."""

from __future__ import annotations

import json
import subprocess
import sys


def test_doctor_says_the_same_to_people_and_programs() -> None:
    """The exit code is 0 where a mode works and 4 where none does, in both forms."""
    command = [sys.executable, "-m", "harness.cli", "doctor"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    data = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    mode = json.loads(data.stdout)["mode"]

    assert told.returncode == data.returncode == (0 if mode else 4)
    assert f"mode: {mode or 'none'}" in told.stdout
