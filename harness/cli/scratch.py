"""Scratch files: what does not fit into memory while a command works. They have no name, and go with the process."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode
from harness.cli.progress import open_spool

if TYPE_CHECKING:
    from harness.decode.spool import OpenFile

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def scratch_files(what: str, content: str, *, needed: int = 0) -> Iterator[OpenFile]:
    """What opens them, in the folder that TMPDIR names; all are gone at the end, whatever ends it.

    Args:
        what: the work that they are for, as a complaint begins.
        content: what is in them, where they say how much was read again.
        needed: bytes that will be written for certain.

    Raises:
        Complaint: there is no room for them, now or later.
    """
    # Not above: most captures are small, and loading the decoder takes longer than this.
    from harness.decode.spool import SpoolError

    if needed:
        _look_for_room(what, needed)
    try:
        with ExitStack() as stack:
            yield lambda: stack.enter_context(open_spool(f"{what}: {content}"))
    except SpoolError as error:
        raise _full(what, str(error)) from error
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _full(what, "the disk is full") from error


def _look_for_room(what: str, needed: int) -> None:
    disk = os.statvfs(tempfile.gettempdir())
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise _full(what, f"{_megabytes(needed)} are needed, {_megabytes(free)} are free")


def _full(what: str, why: str) -> Complaint:
    folder = tempfile.gettempdir()
    told = f"{what}: {why}; the temporary folder is {folder}, TMPDIR names another one"
    return Complaint(told, ExitCode.ENVIRONMENT)


def _megabytes(size: int) -> str:
    return f"{-(-size // 1_000_000)} MB"
