"""Scratch files: they go by themselves, and a full disk is told with what to do."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode
from harness.cli.scratch import scratch_files


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_they_have_no_name_and_are_closed_at_the_end(folder: Path) -> None:
    """Nobody has to clear them away, not even after a kill."""
    with scratch_files("merging", "packets") as make_file:
        one, other = make_file(), make_file()
        one.write(b"one")
        other.write(b"other")
        one.seek(0)

        assert one.read() == b"one"
        assert list(folder.iterdir()) == []
    assert one.closed
    assert other.closed


def test_too_little_room_is_told_before_anything_is_written(folder: Path) -> None:
    """With what is needed, what there is, and the remedy."""
    with (
        pytest.raises(
            Complaint, match=r"merging: .* are needed, \d+ MB are free; .* TMPDIR"
        ) as told,
        scratch_files("merging", "packets", needed=1 << 60),
    ):
        pytest.fail("nothing may be begun")

    assert str(folder) in str(told.value)
    assert told.value.code is ExitCode.ENVIRONMENT


def test_a_disk_that_fills_up_meanwhile_is_told(folder: Path) -> None:
    """Where it is, and the remedy; whatever a reader of the capture runs into is not taken for it."""
    with (
        pytest.raises(Complaint, match=f"merging: the disk is full; .*{folder}, TMPDIR"),
        scratch_files("merging", "packets"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(FileNotFoundError), scratch_files("merging", "packets"):
        raise FileNotFoundError(errno.ENOENT, "gone")
