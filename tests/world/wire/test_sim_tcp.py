"""One TCP end against another: opening, losses, ending, and what breaks off."""

from __future__ import annotations

import random

import pytest

from harness.world.wire.sim_frame import ACK, FIN, RST, SYN, Segment
from harness.world.wire.sim_receiver import CAPACITY
from harness.world.wire.sim_state import State
from harness.world.wire.sim_tcp import TcpEnd
from tests.world.wire.sim_pair import MSS, Pair

BIG = random.Random(1).randbytes(300_000)


def _read_all(end: TcpEnd) -> bytes:
    return end.read(1 << 30)


def test_a_connection_opens_with_three_segments() -> None:
    """Numbers wrap around zero without anybody noticing."""
    pair = Pair()
    pair.run(0.01)

    assert [(who, s.flags) for who, s in pair.sent] == [
        ("client", SYN),
        ("server", SYN | ACK),
        ("client", ACK),
    ]
    pair.client.write(BIG[:5000])
    pair.run(0.1)
    assert _read_all(pair.server) == BIG[:5000]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_lost_comes_again(seed: int) -> None:
    """A fifth of all segments vanish; both directions arrive whole, and both ends close in order."""
    chance = random.Random(seed)
    pair = Pair(lambda _number, _segment: chance.random() > 0.2)
    pair.run(60)
    assert pair.client.state is State.ESTABLISHED
    pair.client.write(BIG)
    pair.client.end()
    pair.server.write(BIG[::-1])
    got, answer = b"", b""
    for _ in range(3000):
        pair.run(0.5)
        got += _read_all(pair.server)
        answer += _read_all(pair.client)
        if pair.server.receiver.is_ended and pair.server.state is State.CLOSE_WAIT:
            pair.server.end()
        if len(pair.ended) == 2:
            break

    assert got == BIG
    assert answer == BIG[::-1]
    assert sorted(pair.ended) == ["client", "server"]
    assert (pair.client.error, pair.server.error) == (None, None)


@pytest.mark.parametrize("seed", range(6))
def test_what_overtakes_or_comes_twice_does_no_harm(seed: int) -> None:
    """Segments late by chance, some doubled."""
    chance = random.Random(seed)

    class Bent(Pair):
        def _deliver(self, name: str, segment: Segment) -> None:
            if chance.random() < 0.3:
                self.agenda.put(chance.randrange(20_000_000), super()._deliver, name, segment)
            if chance.random() > 0.2:
                super()._deliver(name, segment)

    pair = Bent()
    pair.run(30)
    pair.client.write(BIG)
    got = b""
    for _ in range(200):
        pair.run(0.5)
        got += _read_all(pair.server)

    assert got == BIG


def test_one_loss_is_mended_without_a_time_out() -> None:
    """Three duplicates bring the segment again within a few round trips (RFC 5681 section 3.2)."""
    pair = Pair(lambda number, _segment: number != 5)
    pair.run(0.01)
    pair.client.write(BIG[: 9 * MSS])
    pair.run(0.02)

    assert _read_all(pair.server) == BIG[: 9 * MSS]
    seqs = [s.seq for who, s in pair.sent if who == "client" and s.payload]
    assert len(seqs) == len(set(seqs)) + 1


def test_a_full_receiver_stops_the_sender_and_starts_it_again() -> None:
    """The window closes, is asked for now and then, and opens with a read."""
    pair = Pair()
    pair.run(0.01)
    data = BIG[: 2 * CAPACITY]
    pair.client.write(data)
    pair.run(5)
    held = len(pair.server.receiver.unread)
    probes = [s for who, s in pair.sent[-6:] if who == "client" and not s.payload]
    got = b""
    while len(got) < len(data):
        got += _read_all(pair.server)
        pair.run(0.1)

    assert CAPACITY - MSS < held <= CAPACITY
    assert probes
    assert got == data


def test_a_lost_window_update_is_asked_for() -> None:
    """Else both ends would wait for ever."""
    is_lossy = False

    def passes(_number: int, segment: Segment) -> bool:
        return not (is_lossy and segment.source_port == 443)

    pair = Pair(passes)
    pair.run(0.01)
    pair.client.write(BIG[: 2 * CAPACITY])
    pair.run(1)
    is_lossy = True
    got = _read_all(pair.server)
    pair.run(0.01)
    is_lossy = False
    for _ in range(10):
        pair.run(30)
        got += _read_all(pair.server)

    assert got == BIG[: 2 * CAPACITY]


def test_simultaneous_ends_close() -> None:
    """Both FINs cross on the way."""
    pair = Pair()
    pair.run(0.01)
    pair.client.end()
    pair.server.end()
    pair.run(0.1)

    assert (pair.client.state, pair.server.state) == (State.TIME_WAIT, State.TIME_WAIT)


def test_an_abort_resets_the_other_end() -> None:
    """Which knows that it was reset, and says nothing more."""
    pair = Pair()
    pair.run(0.01)
    pair.client.abort()
    count = len(pair.sent)
    pair.run(0.1)

    assert pair.sent[-1][1].flags & RST
    assert len(pair.sent) == count
    assert isinstance(pair.server.error, ConnectionResetError)
    assert pair.ended == ["client", "server"]


def test_a_reset_from_elsewhere_is_not_believed() -> None:
    """Its number must lie in the window."""
    pair = Pair()
    pair.run(0.01)
    pair.server.receive(Segment(1, 1000, 2, 443, 0x7FFF0000, 0, RST, 0))

    assert pair.server.state is State.ESTABLISHED


@pytest.mark.parametrize("ack", [5, 4, 100_000], ids=["nothing of it", "before it", "far beyond"])
def test_an_acknowledgement_of_an_older_connection_is_refused(ack: int) -> None:
    """A SYN that came twice has opened one half anew; ends that acknowledge each other would do so for ever."""
    pair = Pair(lambda number, _: number == 0)
    pair.run(0.01)
    pair.server.receive(Segment(1, 1000, 2, 443, 0xFFFFFF01 + 50, ack, ACK, 64))

    assert pair.server.state is State.SYN_RECEIVED
    who, refusal = pair.sent[-1]
    assert (who, refusal.flags, refusal.seq) == ("server", RST, ack)


def test_unread_data_at_the_end_is_a_reset() -> None:
    """The peer must not believe that it was read (RFC 2525 section 2.17)."""
    pair = Pair()
    pair.run(0.01)
    pair.client.write(b"unread")
    pair.run(0.1)
    pair.server.release()

    assert pair.sent[-1][1].flags & RST


def test_nobody_answers() -> None:
    """SYN is repeated every second at first, then less often, and given up after two minutes or so."""
    pair = Pair(lambda _number, _segment: False)
    pair.run(4.5)
    assert len(pair.sent) == 5
    pair.run(300)

    assert isinstance(pair.client.error, ConnectionError)
    assert pair.ended == ["client"]


def test_a_peer_that_vanishes_is_given_up() -> None:
    """After fifteen repetitions, as in Linux."""
    is_gone = False
    pair = Pair(lambda _number, _segment: not is_gone)
    pair.run(0.01)
    is_gone = True
    pair.client.write(b"anybody?")
    pair.run(2000)

    assert isinstance(pair.client.error, ConnectionError)
    assert 15 <= len([s for _, s in pair.sent if s.payload]) <= 17


def test_the_acknowledgement_of_fin_waits_for_the_answer() -> None:
    """As in Linux: FIN, FIN with ACK, ACK when the other end closes at once."""
    pair = Pair()
    pair.run(0.01)
    pair.client.end()
    pair.run(0.002)
    pair.server.end()
    pair.run(0.1)

    assert [(who, s.flags) for who, s in pair.sent[3:]] == [
        ("client", FIN | ACK),
        ("server", FIN | ACK),
        ("client", ACK),
    ]
