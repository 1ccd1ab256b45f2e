"""Complaints about files."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.complaint import Complaint, read_file, read_text


def test_missing_file(tmp_path: Path) -> None:
    """The file and the reason are named."""
    with pytest.raises(
        Complaint, match=r"gone\.yaml: cannot be read: No such file or directory"
    ) as caught:
        read_file(tmp_path / "gone.yaml")

    assert caught.value.code == 2


def test_not_utf8(tmp_path: Path) -> None:
    """The line, the byte and the remedy are named."""
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"scenario: x\nuser: gr\xfc\xdfe\n")

    with pytest.raises(Complaint, match=r"latin\.yaml:2: got byte 0xfc; expected text in UTF-8"):
        read_text(file)


def test_text(tmp_path: Path) -> None:
    """UTF-8 is read as it is."""
    file = tmp_path / "a.yaml"
    file.write_bytes("grüße\n".encode())

    assert read_text(file) == "grüße\n"
