"""A timer of the simulated wire that is set again and again; most of them never ring."""

from __future__ import annotations

from collections.abc import Callable

from harness.world.wire.sim_loop import Agenda


class Timer:
    """Calls back once when its time has come; at most one appointment stands for all its settings."""

    __slots__ = ("_agenda", "_booked", "_deadline", "_ring")

    def __init__(self, agenda: Agenda, ring: Callable[[], None]) -> None:
        """Args: `ring` is called at the deadline."""
        self._agenda = agenda
        self._ring = ring
        self._deadline: int | None = None
        self._booked: int | None = None
        """When the agenda will ask."""

    @property
    def is_running(self) -> bool:
        """A deadline is set."""
        return self._deadline is not None

    def start(self, delay_ns: int) -> None:
        """Set the deadline, instead of any before."""
        self._deadline = self._agenda.now_ns + delay_ns
        if self._booked is None or self._booked > self._deadline:
            self._book()

    def start_if_idle(self, delay_ns: int) -> None:
        """Set the deadline unless there is one."""
        if self._deadline is None:
            self.start(delay_ns)

    def stop(self) -> None:
        """Forget the deadline."""
        self._deadline = None

    def _book(self) -> None:
        assert self._deadline is not None
        self._booked = self._deadline
        self._agenda.put(self._deadline - self._agenda.now_ns, self._ask, self._deadline)

    def _ask(self, booked: int) -> None:
        if booked != self._booked:
            return  # An earlier appointment has taken over.
        self._booked = None
        if self._deadline is None:
            return
        if self._deadline > self._agenda.now_ns:
            self._book()
            return
        self._deadline = None
        self._ring()
