"""Tests of harness/decode/tls/handshake.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.handshake import MESSAGE_LIMIT, HandshakeReader, Message
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from tests.tls_script import message

FLIGHT = message(2, b"hello") + message(11, bytes(300)) + message(14)


def seen(number: int) -> Seen:
    """One packet."""
    return Seen(time_ns=number, packets=(PacketNumber(number),))


def feed(reader: HandshakeReader, *fragments: bytes) -> list[Message]:
    """Each fragment as one packet."""
    messages = []
    for index, fragment in enumerate(fragments):
        reader.feed(fragment, ((len(fragment), seen(index + 1)),))
        while (found := reader.take()) is not None:
            messages.append(found)
    return messages


@pytest.mark.parametrize("cut", range(len(FLIGHT) + 1))
def test_every_cut_gives_the_same_messages(cut: int) -> None:
    """Messages split over records and joined in one are the same."""
    messages = feed(HandshakeReader(), FLIGHT[:cut], FLIGHT[cut:])

    assert [(m.kind, m.body) for m in messages] == [(2, b"hello"), (11, bytes(300)), (14, b"")]


def test_message_names_only_its_own_packets() -> None:
    """The first message is in packet 1, the second in 1 and 2, the third in 2."""
    messages = feed(HandshakeReader(), FLIGHT[:50], FLIGHT[50:])

    assert [m.seen.packets for m in messages] == [(1,), (1, 2), (2,)]


def test_too_long_message_is_refused() -> None:
    """A length beyond the limit is told, and what follows is taken again from whole messages on."""
    reader = HandshakeReader()
    messages = feed(reader, b"\x0b\xff\xff\xff" + bytes(100), bytes(100), message(14))

    assert (
        reader.refused
        == f"handshake message of type 11 with 16777215 bytes; the limit is {MESSAGE_LIMIT}"
    )
    assert [m.kind for m in messages] == [14]


def test_after_a_gap_only_whole_messages_count() -> None:
    """The middle of a message is not taken for a beginning."""
    reader = HandshakeReader()
    feed(reader, FLIGHT[:20])
    reader.gap()
    messages = feed(reader, FLIGHT[40:200], message(20, bytes(12)))

    assert [m.kind for m in messages] == [20]


def test_clear_says_what_was_thrown_away() -> None:
    """Bytes of an incomplete message are counted."""
    reader = HandshakeReader()
    feed(reader, FLIGHT[:20])

    assert reader.pending == 11
    assert reader.clear() == 11
    assert reader.pending == 0
