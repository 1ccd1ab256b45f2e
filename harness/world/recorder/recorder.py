"""The recorder: rings on all taps, one sniffer that empties them, and the counters that prove nothing is missing."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from harness.world.recorder import ring
from harness.world.recorder.recording import Frame, Recording, TapCount
from harness.world.recorder.ring import Ring
from harness.world.recorder.sniffer import Sniffer
from harness.world.wire.tap import TapPoint

DEFAULT_LIMIT_BYTES = 512 * 1024 * 1024
"""Some 300,000 sign-ins; a world that sends more has gone wild."""
DEFAULT_RING_BYTES = 8 * 1024 * 1024
"""For each tap: 80 ms at the fastest that one core can send."""
DRAIN_TIMEOUT_NS = 2_000_000_000
"""A ring hands over every 10 ms; the rest is for a machine that is busy."""
_POLL_SECONDS = 0.002


class Recorder:
    """Records the taps of one wire, once: start, drain, stop."""

    def __init__(
        self,
        taps: tuple[TapPoint, ...],
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        ring_bytes: int = DEFAULT_RING_BYTES,
        retire_ms: int = ring.RETIRE_MS,
    ) -> None:
        """Nothing is opened yet.

        Args:
            taps: where to record; their order is the order in the recording.
            limit_bytes: of frames kept; later ones are only counted, and the recording says so.
            ring_bytes: size of each tap's ring.
            retire_ms: how long a ring may keep frames before it hands them over.
        """
        self._taps = taps
        self._limit_bytes = limit_bytes
        self._ring_bytes = ring_bytes
        self._retire_ms = retire_ms
        self._rings: tuple[Ring, ...] = ()
        self._sniffer: Sniffer | None = None
        self._blocks: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self._written = [0] * len(taps)
        self._passed_over = [0] * len(taps)
        self._limit_reached = False

    def start(self) -> None:
        """Open the rings; every frame from the return on is recorded.

        Raises:
            OSError: a ring cannot be opened.
        """
        assert not self._rings, "a recorder records once"
        # At the same time: the kernel waits for all its processors to open a ring, and to close one.
        with ThreadPoolExecutor(max_workers=len(self._taps), thread_name_prefix="ring") as pool:
            opening = [
                pool.submit(Ring, tap, size_bytes=self._ring_bytes, retire_ms=self._retire_ms)
                for tap in self._taps
            ]
        rings = tuple(f.result() for f in opening if f.exception() is None)
        try:
            for failure in (f.exception() for f in opening):
                if failure is not None:
                    raise failure
            self._sniffer = Sniffer(rings, self._take)
            self._sniffer.start()
        except BaseException:
            for opened in rings:
                opened.close()
            raise
        self._rings = rings

    def _take(self, tap: int, block: bytes) -> None:
        """In the sniffer's thread while that runs, then in `stop`."""
        frames = ring.count_frames(block)
        if self._limit_reached or self._kept_bytes + len(block) > self._limit_bytes:
            self._limit_reached = True
            self._passed_over[tap] += frames
            return
        self._kept_bytes += len(block)
        self._blocks.append((tap, block))
        self._written[tap] += frames

    def inject(self, tap: TapPoint | str, frame: bytes) -> None:
        """Send a frame that this very tap records, once.

        Args:
            tap: itself or its name.
            frame: a whole Ethernet frame, without check sequence.

        Raises:
            KeyError: no tap has that name.
            OSError: the interface is down.
        """
        name = tap if isinstance(tap, str) else tap.name
        {r.tap.name: r for r in self._rings}[name].inject(frame)

    def _is_drained(self) -> bool:
        for one in self._rings:
            one.count()
        taken = [w + p for w, p in zip(self._written, self._passed_over, strict=True)]
        return taken == [r.received - r.dropped for r in self._rings]

    async def drain(self, timeout_ns: int = DRAIN_TIMEOUT_NS) -> bool:
        """Wait until everything that the kernel counted has been taken out of the rings; False: not in that time.

        It settles only when nobody sends any more.
        """
        deadline = time.monotonic_ns() + timeout_ns
        while not self._is_drained():
            if time.monotonic_ns() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def stop(self) -> Recording:
        """End the recording. Without `drain` before it, the last frames are missing and the counters show that."""
        assert self._sniffer is not None, "start the recorder before stopping it"
        self._sniffer.stop()
        for tap, one in enumerate(self._rings):
            one.count()
            while (block := one.take_block()) is not None:
                self._take(tap, block)
        # The senders at the same time: each close waits for all processors once or twice more.
        threads = 2 * len(self._rings)
        with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="ring") as pool:
            closing = [pool.submit(one.close) for one in self._rings]
            closing += [pool.submit(one.close_sender) for one in self._rings]
            frames: list[Frame] = []
            for tap, block in self._blocks:
                frames.extend(ring.parse_block(block, tap))
            frames.sort(key=lambda frame: frame.time_ns)
        for closed in closing:
            closed.result()
        return Recording(
            taps=self._counts(), frames=tuple(frames), limit_reached=self._limit_reached
        )

    def _counts(self) -> tuple[TapCount, ...]:
        return tuple(
            TapCount(
                name=one.tap.name,
                received=one.received,
                dropped=one.dropped,
                freezes=one.freezes,
                written=written,
            )
            for one, written in zip(self._rings, self._written, strict=True)
        )
