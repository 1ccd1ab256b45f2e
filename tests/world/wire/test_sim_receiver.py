"""The receiving half: order, windows, and when to acknowledge."""

from __future__ import annotations

from harness.world.wire.sim_receiver import CAPACITY, DIALOGUE_NS, SCALE, Receiver

MSS = 1000


def test_holes_are_filled() -> None:
    """Whatever the order and the overlap, the bytes come out once and in order."""
    receiver = Receiver(MSS)
    data = bytes(range(100))

    for start, end in ((50, 60), (20, 55), (0, 10), (60, 100), (5, 30)):
        receiver.accept(1 + start, data[start:end], 0)

    assert receiver.read(1000) == data
    assert receiver.nxt == 101


def test_behind_a_hole_the_answer_is_at_once() -> None:
    """So that the sender counts duplicates; also for what came before, and when the hole is filled."""
    receiver = Receiver(MSS)
    receiver.note_sent(receiver.window)

    assert receiver.accept(11, b"later", 0)
    assert receiver.accept(1, bytes(10), 0)
    assert receiver.accept(1, bytes(10), 0)
    assert receiver.nxt == 16


def test_a_dialogue_acknowledges_with_its_answers() -> None:
    """At once while it is new, later only every second full segment."""
    receiver = Receiver(MSS)

    fresh = receiver.accept(1, b"question", 0)
    receiver.note_sent(receiver.window)
    receiver.note_data_sent(DIALOGUE_NS - 1)
    later = receiver.accept(9, b"question", DIALOGUE_NS)
    receiver.note_sent(receiver.window)
    one = receiver.accept(17, bytes(MSS), DIALOGUE_NS)
    two = receiver.accept(17 + MSS, bytes(MSS), DIALOGUE_NS)

    assert (fresh, later, one, two) == (True, False, False, True)


def test_a_late_answer_makes_no_dialogue() -> None:
    """What is sent 40 ms after anything came was not waited for."""
    receiver = Receiver(MSS)
    receiver.accept(1, b"question", 0)
    receiver.note_sent(receiver.window)
    receiver.note_data_sent(DIALOGUE_NS)

    assert receiver.accept(9, b"question", DIALOGUE_NS)


def test_the_window_never_takes_back_what_it_promised() -> None:
    """But for rounding it shrinks only by what comes; its opening is news when it is worth a segment."""
    receiver = Receiver(MSS)
    receiver.note_sent(receiver.window)
    position = 1
    edges = [position + receiver.window]
    while receiver.window >= MSS:
        receiver.accept(position, bytes(MSS), 0)
        position += MSS
        receiver.note_sent(receiver.window)
        edges.append(position + receiver.window)

    assert all(edge > max(edges[: n + 1]) - (1 << SCALE) for n, edge in enumerate(edges))
    assert len(receiver.unread) > CAPACITY - 3 * MSS
    assert not receiver.is_window_news()
    receiver.read(CAPACITY // 2)
    assert receiver.is_window_news()


def test_beyond_the_window_nothing_is_kept() -> None:
    """A sender that does not care for it gets the same answer again."""
    receiver = Receiver(MSS)

    assert receiver.accept(1 + CAPACITY, b"too far", 0)
    receiver.accept(1, b"x", 0)
    assert receiver.read(10) == b"x"


def test_the_end_waits_for_what_is_missing() -> None:
    """FIN behind a hole counts when the hole is filled."""
    receiver = Receiver(MSS)

    assert not receiver.end(11)
    assert not receiver.is_ended
    receiver.accept(1, bytes(10), 0)
    assert receiver.end(11)
    assert receiver.is_ended
