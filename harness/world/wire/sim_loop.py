"""The loop of a simulated world: asyncio over a clock that jumps to the next thing that happens.

Nothing waits: when no task can run, time goes on to the next timer or the next event of the wire. No socket, no
thread and no real clock takes part, so equal inputs run in equal order.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import Any

_RESOLUTION_SECONDS = 1e-9
_FINE_SECONDS = 4e6
"""Until here, some weeks, a float tells nanoseconds apart."""
_PATIENCE = 5_000_000
"""Rounds of the loop without time passing, after which somebody must be turning in circles."""


class StandstillError(RuntimeError):
    """The run would never end: nothing can happen any more, or tasks keep each other busy while no time passes."""


class Appointment:
    """One call to come; it can be called off."""

    __slots__ = ("_arguments", "_callback")

    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Args: `callback` is called with `arguments`, once."""
        self._callback: Callable[..., object] | None = callback
        self._arguments = arguments

    def cancel(self) -> None:
        """Call it off; later than its time nothing changes."""
        self._callback = None
        self._arguments = ()

    def keep(self) -> None:
        """Make the call, unless it was called off."""
        if self._callback is not None:
            self._callback(*self._arguments)


class Agenda:
    """The wire's own events by virtual time; those of one instant keep the order they were put in."""

    def __init__(self) -> None:
        """Start at 0, with nothing to come."""
        self.now_ns = 0
        """Nanoseconds since the run began."""
        self._heap: list[tuple[int, int, Appointment]] = []
        self._count = 0

    def put(self, delay_ns: int, callback: Callable[..., object], *arguments: Any) -> Appointment:
        """Have something called after a time."""
        entry = Appointment(callback, arguments)
        self._count += 1
        heapq.heappush(self._heap, (self.now_ns + delay_ns, self._count, entry))
        return entry

    def next_ns(self) -> int | None:
        """When the next event is; None: there is none."""
        return self._heap[0][0] if self._heap else None

    def advance(self, limit_ns: int | None) -> None:
        """Go on to the next event and make all calls of that instant, but not beyond `limit_ns`.

        Raises:
            StandstillError: no limit, and no event.
        """
        due = self.next_ns()
        if due is None or (limit_ns is not None and due > limit_ns):
            if limit_ns is None:
                raise StandstillError("nothing can happen any more, and the run has not ended")
            self.now_ns = limit_ns
            return
        self.now_ns = max(self.now_ns, due)
        while self._heap and self._heap[0][0] <= self.now_ns:
            heapq.heappop(self._heap)[2].keep()


class _Selector:
    """What asyncio waits on when no task is ready: here that is when time passes."""

    def __init__(self, agenda: Agenda, count_work: Callable[[], int]) -> None:
        """Args: `count_work` counts what the loop has to do, now or later; only more than before is news to it."""
        self._agenda = agenda
        self._count_work = count_work
        self._rounds = 0

    def select(self, timeout: float | None) -> tuple[()]:
        self._rounds += 1
        if timeout is None or timeout > 0:
            self._rounds = 0
        elif self._rounds > _PATIENCE:
            raise StandstillError(f"no time has passed in {_PATIENCE} rounds of the loop")
        if timeout is None:
            self._advance(None)
        elif timeout > 0:
            # At least a nanosecond, or a timer that lies nearer than a float can tell would never come.
            self._advance(self._agenda.now_ns + max(1, round(timeout * 1e9)))
        return ()

    def _advance(self, limit_ns: int | None) -> None:
        """Go on until somebody has something to do: most packets on their way concern the wire alone."""
        agenda, before = self._agenda, self._count_work()
        agenda.advance(limit_ns)
        while self._count_work() == before and (limit_ns is None or agenda.now_ns < limit_ns):
            agenda.advance(limit_ns)


class SimLoop(asyncio.BaseEventLoop):
    """An asyncio loop in virtual time; it has tasks, futures and timers, and no I/O."""

    def __init__(self, agenda: Agenda) -> None:
        """Run on the clock of `agenda`."""
        super().__init__()
        self._agenda = agenda
        self._selector = _Selector(agenda, self._count_work)
        self._clock_resolution = _RESOLUTION_SECONDS

    def time(self) -> float:
        """Seconds since the run began."""
        now_s = self._agenda.now_ns / 1e9
        if now_s > _FINE_SECONDS:
            # A float is coarser here; without this a timer that is due would never count as such.
            self._clock_resolution = 2 * math.ulp(now_s)
        return now_s

    def _count_work(self) -> int:
        # Of asyncio's base class: callbacks that can run, and timers (those called off among them).
        return len(self._ready) + len(self._scheduled)  # type: ignore[attr-defined]

    def _process_events(self, _: object) -> None:
        """asyncio: what the selector found; it finds nothing."""

    def _write_to_self(self) -> None:
        """asyncio: wake the selector; it never sleeps."""
