"""Tests of the groups of a window."""

from __future__ import annotations

from harness.decode.packet.frame import FrameDecoder
from harness.decode.tcp.flow_key import find_key
from tests.decode.tcp.test_whole import ENDED, OPEN, read
from tests.packet_builder import Talk


def test_groups_have_the_keys_of_their_packets() -> None:
    """As single packets have them."""
    talks = [*ENDED.values(), *OPEN.values()]
    groups, _, _ = read(talks)
    expected = set()
    for talk in talks:
        frame = talk.frames[0]
        _, segment = FrameDecoder().decode(
            1, frame, number=1, time_ns=1, tap="dmz", size=len(frame)
        )
        assert segment is not None
        expected.add(find_key("dmz", segment))

    assert set(groups.keys) == expected
    assert len(groups) == len(talks)


def test_the_client_sent_the_first_packet() -> None:
    """Also where its address is the smaller one."""
    low = Talk(client=("10.0.0.1", 5), server=("10.0.0.2", 443)).open()
    groups, sums, _ = read([low, ENDED["both talk"]])

    clients = sorted(str(groups.build_ends(row)[0]) for row in (0, 1))
    sent = sorted(
        groups.build_group(row, sums, is_low_client=bool(groups.is_low_client[row])).client.size
        for row in (0, 1)
    )

    assert clients == ["10.0.0.1:5", "203.0.113.5:1"]
    assert sent == [0, 3]


def test_the_answer_is_the_first_packet_of_the_server() -> None:
    """None where it said nothing."""
    groups, sums, _ = read([ENDED["refused"], ENDED["both talk"]])

    answers = {
        groups.build_ends(row)[0].port: groups.build_group(row, sums, is_low_client=False).answer
        for row in (0, 1)
    }

    assert answers == {6: None, 1: 3}
