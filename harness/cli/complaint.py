"""A complaint: why a command ends before it has done its work, and with which exit code."""

from __future__ import annotations

import os
from pathlib import Path

from harness.cli.exit_code import ExitCode


class Complaint(Exception):
    """What the user reads on stderr, and the exit code that goes with it."""

    def __init__(self, message: str, code: ExitCode = ExitCode.BAD_INPUT) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code


def read_file(path: Path) -> bytes:
    """The bytes of a file that the user named.

    Raises:
        Complaint: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def read_text(path: Path) -> str:
    """The text of a file that the user named, in UTF-8.

    Raises:
        Complaint: it cannot be read, or is not UTF-8.
    """
    data = read_file(path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wrong = data[error.start : error.start + 1].hex()
        raise Complaint(
            f"{path}:{line}: got byte 0x{wrong}; expected text in UTF-8 (save the file as UTF-8)"
        ) from error


def unreadable(path: Path, error: OSError) -> Complaint:
    """The complaint about a file that the system does not hand over."""
    why = os.strerror(error.errno) if error.errno else str(error)
    return Complaint(f"{path}: cannot be read: {why}")
