"""The command `show`."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from harness.cli import show
from harness.cli.main import main
from tests.cli.tiny_capture import tiny_pcap


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Somebody's tcpdump."""
    file = tmp_path / "dump.pcap"
    file.write_bytes(tiny_pcap())
    return file


def test_show(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Packets and ranges, each once, in the order asked for."""
    code = main(["show", str(dump), "3", "1-2", "1"])
    lines = capsys.readouterr().out.splitlines()

    assert code == 0
    assert [line.split()[0] for line in lines] == ["3", "1", "2"]
    assert "203.0.113.10:40001 > 10.20.1.1:443  TCP  SYN  0 bytes  connection 1" in lines[1]


def test_show_of_no_packets(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without a readable packet says why there is nothing to show."""
    dump.write_bytes(b"GIF89a")

    assert main(["show", str(dump), "1"]) == 2
    assert "no packet could be read" in capsys.readouterr().err


def test_the_limit_holds_for_all_ranges_together(
    dump: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each packet counts once."""
    monkeypatch.setattr(show, "MAX_SHOWN", 2)

    assert main(["show", str(dump), "1-2", "2", "1"]) == 0
    assert main(["show", str(dump), "1-2", "3"]) == 2
    assert "got 3 packet numbers; expected at most 2" in capsys.readouterr().err


def test_a_pipe_is_a_file_as_well(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can be read only once."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(dump.read_bytes(),))
    writer.start()

    assert main(["show", str(tmp_path / "pipe"), "3"]) == 0
    writer.join()
    assert capsys.readouterr().out.split()[0] == "3"
