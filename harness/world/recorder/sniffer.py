"""The sniffer: scapy's AsyncSniffer, reading capture rings. The only file that knows scapy.

Each ring is a scapy socket that gives whole blocks of frames, and nothing is dissected while recording: scapy's own
sockets lose most of a burst, and do not say so.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.world.recorder.ring import Ring


@contextmanager
def _homeless() -> Iterator[None]:
    """Without a place for anybody's caches and settings: no folder can be below the null device."""
    names = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, f"{os.devnull}/none"))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)


# As it is imported, scapy makes folders in the home folder and keeps a cache there; it fails where root, with the same
# HOME, has made one before. Nothing in it is of use here.
with _homeless():
    from scapy.sendrecv import AsyncSniffer
    from scapy.supersocket import SuperSocket

_THREAD_SECONDS = 10
"""A thread that has not started or ended by then never will."""


class _Blocks:
    """What scapy passes around in place of a packet: all blocks that one ring had ready."""

    __slots__ = ("blocks", "sniffed_on", "tap")

    def __init__(self, tap: int, blocks: tuple[bytes, ...]) -> None:
        self.tap, self.blocks = tap, blocks
        self.sniffed_on: Any = None


class _RingSocket(SuperSocket):  # type: ignore[misc] # scapy is not typed
    """A ring in the shape that scapy sniffs on."""

    def __init__(self, tap: int, ring: Ring) -> None:
        # Not the parent's: it would open a socket of its own.
        self._tap, self._ring = tap, ring
        self.closed = False

    def fileno(self) -> int:
        return self._ring.fileno()

    @staticmethod
    def select(sockets: list[Any], remain: float | None = None) -> list[Any]:
        """With poll: scapy's select refuses file descriptors above 1,023, and a fleet has more."""
        poll = select.poll()
        by_fd = {s.fileno(): s for s in sockets}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        return [by_fd[fd] for fd, _ in poll.poll(None if remain is None else remain * 1000)]

    def recv(self, x: int = 0, **_: Any) -> Any:
        # All that are ready: a busy loop in another thread lets this one run only every 5 ms.
        blocks = tuple(iter(self._ring.take_block, None))
        return _Blocks(self._tap, blocks) if blocks else None

    def close(self) -> None:
        """The recorder owns the ring: its counters are read after the sniffer has ended."""
        self.closed = True


class Sniffer:
    """A thread that takes blocks out of rings."""

    def __init__(self, rings: tuple[Ring, ...], take: Callable[[int, bytes], None]) -> None:
        """Args: `take` gets the ring's index and a block, in the sniffer's thread; it must not raise."""
        sockets = [_RingSocket(index, ring) for index, ring in enumerate(rings)]

        def deliver(taken: Any) -> None:
            for block in taken.blocks:
                take(taken.tap, block)

        self._started = threading.Event()
        self._sniffer: Any = AsyncSniffer(
            opened_socket=sockets, store=False, prn=deliver, started_callback=self._started.set
        )

    def start(self) -> None:
        """Start the thread; the rings hold what comes before it runs.

        Raises:
            RuntimeError: it does not start within ten seconds.
        """
        self._sniffer.start()
        # Until scapy's thread has come this far, it cannot be told to stop.
        if not self._started.wait(_THREAD_SECONDS):
            raise RuntimeError(f"the sniffer's thread did not start within {_THREAD_SECONDS} s")

    def stop(self) -> None:
        """End the thread. What is still in the rings stays there.

        Raises:
            RuntimeError: it does not end within ten seconds.
        """
        if self._sniffer.thread.is_alive():
            self._sniffer.stop_cb()
            self._sniffer.thread.join(_THREAD_SECONDS)
            if self._sniffer.thread.is_alive():
                raise RuntimeError(f"the sniffer's thread did not end within {_THREAD_SECONDS} s")
