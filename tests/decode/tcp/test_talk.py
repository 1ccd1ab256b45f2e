"""Tests of talks: both sides apart, and again in the order in which they spoke."""

from __future__ import annotations

from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk, join_talks
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side

ORDER: tuple[tuple[Side, str], ...] = (
    ("client", "ab"),
    ("client", "c"),
    ("server", "DE"),
    ("client", "f"),
    ("server", "G"),
    ("server", "HI"),
)


def build_talk(order: tuple[tuple[Side, str], ...]) -> Talk:
    """Packets numbered from 1."""
    runs = []
    for side in ("client", "server"):
        data, ends, numbers = b"", [], []
        for number, (sender, text) in enumerate(order, 1):
            if sender == side:
                data += text.encode()
                ends.append(len(data))
                numbers.append(PacketNumber(number))
        runs.append(Run(data, ends, numbers, [10 * n for n in numbers]))
    return Talk(*runs)


def test_runs_end_where_the_sender_changes() -> None:
    """Each with its own packets, and offsets of its own."""
    runs = build_talk(ORDER).build_runs()

    assert [(side, run.data, run.ends, run.numbers, run.times) for side, run in runs] == [
        ("client", b"abc", [2, 3], [1, 2], [10, 20]),
        ("server", b"DE", [2], [3], [30]),
        ("client", b"f", [1], [4], [40]),
        ("server", b"GHI", [1, 3], [5, 6], [50, 60]),
    ]


def test_a_silent_side_has_no_run() -> None:
    """One side alone, or none."""
    assert [side for side, _ in build_talk(ORDER[:2]).build_runs()] == ["client"]
    assert build_talk(()).build_runs() == []


def test_talks_are_joined() -> None:
    """Both sides, as if they had come at once."""
    whole = build_talk(ORDER)
    parts = [
        Talk(whole.client.cut(0, 2), whole.server.cut(0, 1)),
        Talk(whole.client.cut(2, 3), whole.server.cut(1, 3)).keep(),
    ]
    joined = join_talks(parts)

    assert [*joined.client.pieces()] == [*whole.client.pieces()]
    assert [*joined.server.pieces()] == [*whole.server.pieces()]
    assert join_talks([whole]) is whole
