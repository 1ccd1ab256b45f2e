"""Timers: set again and again, they ring once, when they should."""

from __future__ import annotations

from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_timer import Timer


def _run(agenda: Agenda, until_ns: int) -> None:
    while agenda.now_ns < until_ns:
        agenda.advance(until_ns)


def test_the_last_setting_counts() -> None:
    """Earlier or later than the one before."""
    agenda = Agenda()
    rung: list[int] = []
    timer = Timer(agenda, lambda: rung.append(agenda.now_ns))
    timer.start(100)
    timer.start(300)
    timer.start_if_idle(50)
    _run(agenda, 200)
    assert rung == []
    timer.start(20)
    _run(agenda, 1000)

    assert rung == [220]


def test_a_stopped_timer_is_silent_and_can_start_again() -> None:
    """Its appointment stays in the agenda and does nothing."""
    agenda = Agenda()
    rung: list[int] = []
    timer = Timer(agenda, lambda: rung.append(agenda.now_ns))
    timer.start(100)
    timer.stop()
    assert not timer.is_running
    _run(agenda, 150)
    timer.start(10)
    assert timer.is_running
    _run(agenda, 400)

    assert rung == [160]


def test_a_timer_may_be_set_from_its_own_ring() -> None:
    """As a retransmission does."""
    agenda = Agenda()
    rung: list[int] = []

    def ring() -> None:
        rung.append(agenda.now_ns)
        if len(rung) < 3:
            timer.start(10)

    timer = Timer(agenda, ring)
    timer.start(10)
    _run(agenda, 100)

    assert rung == [10, 20, 30]
