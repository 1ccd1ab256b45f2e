"""Links: what a bad cable does, on which side of the tap, and always the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.world.entropy import Entropy
from harness.world.recorder.recording import Frame
from harness.world.wire.sim_frame import ACK, Segment
from harness.world.wire.sim_link import GOOD, Link, LinkSettings, SimTap, Switch
from harness.world.wire.sim_loop import Agenda

COUNT = 400


class Lan:
    """Two machines on one switch, and what the second one gets."""

    def __init__(
        self, near: LinkSettings = GOOD, far: LinkSettings = GOOD, *, seed: bytes = b"1"
    ) -> None:
        self.agenda = Agenda()
        self.tap = SimTap("dmz", 0)
        self.got: list[tuple[int, bytes]] = []
        switch = Switch(self.agenda, "dmz", self.tap, start_ns=1000, unowned=bytes(6))
        self.near, self.far = (
            Link(
                self.agenda,
                switch,
                Entropy(seed).child(str(number)),
                mac=bytes((2, 0, 0, 0, 0, number)),
                deliver=self._note,
            )
            for number in (1, 2)
        )
        switch.plug(1, self.near)
        switch.plug(2, self.far)
        self.near.settings, self.far.settings = near, far

    def _note(self, packet: Segment) -> None:
        self.got.append((self.agenda.now_ns, packet.payload))

    def send(self, size: int = 4, *, count: int = COUNT) -> list[Frame]:
        """Send numbered segments; what the tap saw."""
        for number in range(count):
            self.near.send(Segment(1, 7, 2, 9, 0, 0, ACK, 0, number.to_bytes(4) + bytes(size - 4)))
        while self.agenda.next_ns() is not None:
            self.agenda.advance(None)
        return self.tap.frames


def test_a_good_link_keeps_everything_in_order() -> None:
    """One after the other, none at the same time: the cable carries a gigabit a second."""
    lan = Lan()
    seen = lan.send()

    assert [payload for _, payload in lan.got] == [n.to_bytes(4) for n in range(COUNT)]
    times = [frame.time_ns for frame in seen]
    assert times == sorted(set(times))
    assert all(later > 1000 + GOOD.delay_ns for later in times)
    assert lan.tap.count().received == lan.tap.count().written == COUNT


def test_delay_is_delay() -> None:
    """Of the cable alone."""
    slow = Lan(near=LinkSettings(delay_ns=50_000_000))
    slow.send(count=1)

    assert slow.got[0][0] == 50_000_000 + GOOD.delay_ns + 2 * 82 * 8


def test_loss_of_the_sender_is_unseen_and_of_the_receiver_seen() -> None:
    """The tap stands between the two cables."""
    before, behind = Lan(near=LinkSettings(loss=0.3)), Lan(far=LinkSettings(loss=0.3))
    unseen, seen = len(before.send()), len(behind.send())

    assert 0.6 * COUNT < unseen == len(before.got) < 0.8 * COUNT
    assert seen == COUNT
    assert 0.6 * COUNT < len(behind.got) < 0.8 * COUNT


@pytest.mark.parametrize("cut", [LinkSettings(cut=True), LinkSettings(mtu=43)])
def test_a_cut_link_and_one_too_small_let_nothing_pass(cut: LinkSettings) -> None:
    """A packet of 44 bytes, and a cable for 43."""
    lan = Lan(far=cut)

    assert len(lan.send()) == COUNT
    assert lan.got == []


def test_packets_come_twice_late_or_spoilt() -> None:
    """As often as asked for; a spoilt one is seen, with one bit wrong, and thrown away."""
    twice = Lan(far=LinkSettings(duplicate=0.5))
    late = Lan(far=LinkSettings(reorder=0.1))
    spoilt = Lan(near=LinkSettings(corrupt=0.5))
    clean = Lan().send()
    twice.send()
    late.send()
    seen = spoilt.send()

    assert 1.35 * COUNT < len(twice.got) < 1.65 * COUNT
    assert sorted(late.got, key=lambda got: got[1]) != late.got
    assert len(late.got) == COUNT
    wrong = [(a.data, b.data) for a, b in zip(seen, clean, strict=True) if a.data != b.data]
    assert len(wrong) == COUNT - len(spoilt.got) > 0.3 * COUNT
    assert all(_bits(a, b) == 1 for a, b in wrong)


def _bits(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def test_the_seed_decides() -> None:
    """The same faults for the same seed, others for another one."""
    settings = LinkSettings(loss=0.2, duplicate=0.1, jitter_ns=1_000_000, corrupt=0.1)
    runs = [Lan(settings, settings, seed=seed) for seed in (b"1", b"1", b"2")]
    frames = [run.send() for run in runs]

    assert runs[0].got == runs[1].got != runs[2].got
    assert frames[0] == frames[1] != frames[2]


def test_addresses_can_be_translated() -> None:
    """Before the tap what the machine sends, behind it what it gets."""
    lan = Lan()

    def translate(packet: Segment) -> Segment:
        return replace(packet, source=9)

    lan.near.translate_out = translate
    seen = lan.send(count=1)

    assert seen[0].data[26:30] == bytes((0, 0, 0, 9))
    assert len(lan.got) == 1
