"""The sending half: windows, losses, and what leaves again."""

from __future__ import annotations

from harness.world.wire.sim_sender import INITIAL_WINDOW_SEGMENTS, RTO_FIRST_NS, Piece, Sender

MSS = 100
MILLISECOND = 1_000_000


def _sender(window: int = 1 << 20) -> Sender:
    sender = Sender(MSS)
    sender.nxt = sender.top = 1
    sender.open(MILLISECOND, measured_from_ns=0)
    sender.window = window
    return sender


def _drain(sender: Sender, now_ns: int = 0) -> list[Piece]:
    return list(iter(lambda: sender.take(now_ns), None))


def test_data_leaves_in_full_segments_with_push_at_the_end() -> None:
    """The last segment of a write says that it is the last."""
    sender = _sender()
    sender.write(bytes(250))
    sender.write(b"next")

    pieces = _drain(sender)

    assert [(p.position, len(p.payload), p.push) for p in pieces] == [
        (1, 100, False),
        (101, 100, False),
        (201, 54, True),
    ]


def test_the_congestion_window_opens_with_acknowledgements() -> None:
    """Ten segments at first, then one more for each that arrived (slow start)."""
    sender = _sender()
    sender.write(bytes(10_000))

    first = _drain(sender)
    sender.acknowledge(1 + 2 * MSS, is_pure=True, window=1 << 20, now_ns=MILLISECOND)
    more = _drain(sender)

    assert len(first) == INITIAL_WINDOW_SEGMENTS
    assert len(more) == 3


def test_the_peers_window_is_kept() -> None:
    """Nothing beyond it, no small fragments at its edge, and a closed one is noticed."""
    sender = _sender(window=250)
    sender.write(bytes(1000))

    assert [len(p.payload) for p in _drain(sender)] == [100, 100]
    sender.acknowledge(201, is_pure=True, window=0, now_ns=0)
    assert sender.is_blocked
    assert sender.take(0) is None
    sender.acknowledge(201, is_pure=True, window=50, now_ns=0)
    assert [len(p.payload) for p in _drain(sender)] == [50]


def test_three_duplicates_send_the_oldest_again() -> None:
    """Once, and each further hole when a partial acknowledgement shows it (RFC 6582)."""
    sender = _sender()
    sender.write(bytes(500))
    _drain(sender)

    told = [sender.acknowledge(1, is_pure=True, window=1 << 20, now_ns=0) for _ in range(4)]
    repeated = sender.repeat_oldest()
    partial = sender.acknowledge(201, is_pure=True, window=1 << 20, now_ns=0)
    full = sender.acknowledge(501, is_pure=True, window=1 << 20, now_ns=0)

    assert told == [False, False, True, False]
    assert repeated is not None
    assert (repeated.position, len(repeated.payload)) == (1, 100)
    assert (partial, full) == (True, False)
    assert sender.pending == 0


def test_answers_with_data_are_no_duplicates() -> None:
    """Only a pure acknowledgement with the same window counts."""
    sender = _sender()
    sender.write(bytes(500))
    _drain(sender)

    told = [sender.acknowledge(1, is_pure=False, window=1 << 20, now_ns=0) for _ in range(5)]
    told += [sender.acknowledge(1, is_pure=True, window=(1 << 20) + n, now_ns=0) for n in (1, 2, 3)]

    assert not any(told)


def test_a_time_out_goes_back_and_waits_longer() -> None:
    """One segment at first, then more; acknowledgements of what had arrived skip it."""
    sender = _sender()
    sender.write(bytes(500))
    _drain(sender)
    before = sender.rto_ns

    sender.time_out()

    assert sender.rto_ns == 2 * before
    assert [(p.position, len(p.payload)) for p in _drain(sender)] == [(1, 100)]
    sender.acknowledge(401, is_pure=True, window=1 << 20, now_ns=0)
    assert [(p.position, len(p.payload)) for p in _drain(sender)] == [(401, 100)]


def test_the_time_out_follows_round_trips() -> None:
    """A second before any, then at least 200 ms more than the round trip (RFC 6298, Linux)."""
    sender = Sender(MSS)
    assert sender.rto_ns == RTO_FIRST_NS
    sender.nxt = sender.top = 1
    sender.open(50 * MILLISECOND, measured_from_ns=0)

    assert sender.rto_ns == 250 * MILLISECOND


def test_the_end_travels_with_the_last_data_or_alone() -> None:
    """FIN takes a number of its own, and is repeated like data."""
    sender = _sender()
    sender.write(b"last")
    sender.is_ended = True
    (piece,) = _drain(sender)
    alone = _sender()
    alone.is_ended = True
    (single,) = _drain(alone)

    assert (piece.payload, piece.fin, sender.nxt) == (b"last", True, 6)
    assert (single.payload, single.fin, alone.nxt) == (b"", True, 2)
    assert sender.repeat_oldest() == piece
    alone.time_out()
    assert _drain(alone) == [single]


def test_what_was_sent_is_known() -> None:
    """Everything has left, until more is written, the end is queued, or a time-out takes it back."""
    sender = _sender()
    told = [sender.has_sent_all]
    for change in (lambda: sender.write(bytes(150)), lambda: setattr(sender, "is_ended", True)):
        change()
        told.append(sender.has_sent_all)
        _drain(sender)
        told.append(sender.has_sent_all)
    sender.time_out()

    assert told == [True, False, True, False, True]
    assert not sender.has_sent_all
