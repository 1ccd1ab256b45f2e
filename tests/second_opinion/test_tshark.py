"""Running tshark: missing, failing, hanging, and left in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.second_opinion import tshark
from harness.second_opinion.tshark import NO_KEYS, SecondOpinionError, run_tshark


def _ask() -> list[str]:
    return list(run_tshark({}, Path("any.pcapng"), NO_KEYS))


def test_without_tshark_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody guesses another reader's opinion."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SecondOpinionError, match="tshark is not installed: install it"):
        _ask()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'out of luck' >&2\nexit 1", "tshark failed: out of luck$"),
        ("printf '%9999s\\nlast words' >&2\nexit 1", "tshark failed: last words$"),
        ("echo 'Out of memory' >&2\nexit 1", "tshark failed: Out of memory .it keeps state"),
        ("kill -9 $$", "tshark failed: exit code -9 .it keeps state for every packet.* 8 GB"),
    ],
    ids=["words", "last words", "memory", "killed"],
)
def test_a_program_that_fails_is_no_opinion(
    script: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its last words are told, and what helps where memory was too small."""
    fake = tmp_path / "tshark"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SecondOpinionError, match=told):
        _ask()


def test_a_program_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After the time it may take."""
    fake = tmp_path / "tshark"
    fake.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tshark, "TIMEOUT_S", 0.2)

    with pytest.raises(SecondOpinionError, match="said nothing for"):
        _ask()


def test_a_program_that_is_not_heard_to_its_end_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An interrupt leaves nothing running."""
    fake = tmp_path / "tshark"
    fake.write_text("#!/bin/sh\necho $$\nexec /bin/sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = run_tshark({}, Path("any.pcapng"), NO_KEYS)
    number = int(next(lines))
    lines.close()

    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
