"""Processes: what descends from one, what it does just now, and waiting for that. From /proc, so Linux only."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 60.0
"""Ends a wait that would never end; on a machine with much else to do, seconds are nothing."""


def wait_for(what: Callable[[], bool], *, timeout_s: float = PATIENCE_S) -> None:
    """Look again until it is so.

    Raises:
        TimeoutError: it never was.
    """
    end = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout_s} s")
        time.sleep(0.01)


def below(parent: int) -> Iterator[int]:
    """Ids of the processes that descend from one."""
    for listed in Path("/proc").glob(f"{parent}/task/*/children"):
        try:
            children = listed.read_text().split()
        except OSError:  # Gone between two looks.
            continue
        for child in map(int, children):
            yield child
            yield from below(child)


def is_running(process: int) -> bool:
    """Not ended: one that nobody has asked for its exit code yet has ended, although it is still listed."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def handles(process: int, number: signal.Signals) -> bool:
    """Whether it has a handler of its own for a signal."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    (caught,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@contextmanager
def interrupted_once(what: Callable[[], bool]) -> Iterator[None]:
    """Meanwhile a thread waits for something, and then sends SIGINT to this process.

    Raises:
        TimeoutError: it never came.
    """
    over = threading.Event()

    def interrupt() -> None:
        try:
            wait_for(lambda: over.is_set() or what())
        finally:
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt, name="interrupt")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
