"""Entropy: streams of bytes that a seed decides, and nothing else."""

from __future__ import annotations

from harness.world.entropy import Entropy


def test_the_seed_decides() -> None:
    """Equal seeds give equal streams, however they are cut; others differ."""
    one, same, other = Entropy(b"1"), Entropy(b"1"), Entropy(b"2")

    whole = one.take(3000)

    assert b"".join(same.take(n) for n in (1, 999, 0, 1500, 500)) == whole
    assert other.take(3000) != whole


def test_the_stream_is_pinned() -> None:
    """A later version must not change what seeds mean: captures are compared byte for byte."""
    assert Entropy(b"pinned").take(8).hex() == "05540e9947714df3"


def test_children_are_their_own() -> None:
    """What one child takes changes nothing for another, nor for the parent."""
    one, two = Entropy(b"1"), Entropy(b"1")
    one.child("a").take(100)

    assert one.child("b").take(20) == two.child("b").take(20) != two.child("a").take(20)
    assert one.take(20) == two.take(20)


def test_numbers_stay_in_their_range() -> None:
    """Every number below the limit comes up, and chances spread over 0 to 1."""
    entropy = Entropy(b"1")

    chances = [entropy.chance() for _ in range(2000)]
    assert {entropy.below(7) for _ in range(300)} == set(range(7))
    assert 0 <= min(chances) < 0.05
    assert 0.95 < max(chances) < 1
