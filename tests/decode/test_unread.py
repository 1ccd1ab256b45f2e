"""Tests of the receiver that reads nothing."""

from __future__ import annotations

from harness.decode.tcp.run import NOTHING, Run
from harness.decode.tcp.talk import Talk
from harness.decode.unread import Unread
from harness.trace.packet import PacketNumber


def test_nothing_is_read() -> None:
    """Whatever comes, nothing was found, and nothing more is wanted."""
    unread = Unread()
    number = PacketNumber(1)
    unread.feed("client", b"GET / HTTP/1.1\r\n\r\n", number, 5)
    unread.feed_talk(Talk(NOTHING, Run(b"HTTP/1.1 200 OK\r\n\r\n", [19], [number], [5])))
    unread.gap("server", None, number, 5)

    found = unread.finish(client_closed=True, server_closed=True)

    assert not unread.wants
    assert found == {
        "preamble": None,
        "tls": None,
        "exchanges": (),
        "malformed": (),
        "tunnel": None,
    }
