"""`replay --merge`: several files, one verdict, and nothing left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from harness.cli.complaint import Complaint
from harness.cli.event import judge_event
from harness.cli.keys import Keys
from harness.verdict.verdict import Verdict
from tests.cli.tiny_capture import tiny_pcap
from tests.split_capture import split

RUN = Path(__file__).parents[2] / "captures" / "terminating-cluster.pcapng"
NO_KEYS = Keys(log=b"", log_file=None, rsa=None, rsa_files=())


def _judge(files: list[Path]) -> Verdict:
    return judge_event(files, None, NO_KEYS)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """One file for each tap."""
    found = []
    for tap, stream in split(RUN).items():
        found.append(tmp_path / f"{tap}.pcap")
        found[-1].write_bytes(stream.getvalue())
    return found


def test_interfaces_without_a_name_are_called_as_their_file(files: list[Path]) -> None:
    """All packets of all files count; nothing stays in the folder."""
    before = sorted(files[0].parent.iterdir())
    verdict = _judge(files)

    assert {tap["name"] for tap in verdict.completeness["taps"]} == {f.stem for f in files}
    assert sorted(files[0].parent.iterdir()) == before


def test_a_pipe_is_a_file_as_well(files: list[Path], tmp_path: Path) -> None:
    """It can be read only once, and the verdict is the same."""
    os.mkfifo(tmp_path / "pipe")
    data = files[0].read_bytes()
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    piped = _judge([tmp_path / "pipe", *files[1:]])
    writer.join()

    assert piped.completeness["packets"] == _judge(files).completeness["packets"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Before anything is written."""
    (tmp_path / "one.pcap").write_bytes(tiny_pcap())

    with pytest.raises(Complaint, match=r"gone\.pcap: cannot be read: No such file"):
        _judge([tmp_path / "one.pcap", tmp_path / "gone.pcap"])


def test_a_full_disk_says_what_to_do(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of this process may have more than a kilobyte."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(Complaint, match=r"pcap: the disk is full; .*scratch, TMPDIR"):
            _judge(files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)

    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    """In the middle of the second file, which never ends: it is a pipe that somebody holds open."""
    (tmp_path / "one.pcap").write_bytes(tiny_pcap())
    (tmp_path / "scratch").mkdir()
    os.mkfifo(tmp_path / "two.pcap")
    command = [sys.executable, "-m", "harness.cli", "replay", "--merge", "one.pcap", "two.pcap"]
    child = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        stderr=subprocess.PIPE,
        text=True,
    )
    # Opening waits for the reader, so that it is there when the signal comes.
    with child, (tmp_path / "two.pcap").open("wb"):
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=60)

    assert (child.returncode, "Traceback" in told) == (130, False)
    assert list((tmp_path / "scratch").iterdir()) == []
