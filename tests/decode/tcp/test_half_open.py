"""Tests of half-open connections: an end answers a SYN as one of a connection that the other has forgotten."""

from __future__ import annotations

from tests.decode.tcp.test_reassembly import hear
from tests.packet_builder import ACK, RST, SYN, Talk


def _answered_by_an_earlier_one(*, later: bool = True) -> Talk:
    """The server knows an old connection: it acknowledges something else, is reset, and answers the second SYN."""
    talk = Talk(client_isn=1000)
    talk.packet("client", flags=SYN, ack=0)
    talk.packet("server", flags=ACK, seq=77_000, ack=29_260)
    talk.packet("client", flags=RST, seq=29_260, ack=0)
    if later:
        talk.open().send("client", b"abc").send("server", b"ABC").close()
    return talk


def test_a_half_open_connection_is_found_out() -> None:
    """RFC 9293 section 3.5.1: one connection, nothing of it missing, and not that reset."""
    (found,) = hear(_answered_by_an_earlier_one())

    assert (found.closed, found.established, found.from_start) == ("fin", True, True)
    assert [found.receiver.text("client"), found.receiver.text("server")] == [b"abc", b"ABC"]
    assert [found.direction(side).build_stream().gaps for side in ("client", "server")] == [(), ()]
    assert found.packets == list(range(1, 12))


def test_a_half_open_connection_that_is_given_up() -> None:
    """Nothing was sent, so nothing is missing."""
    (found,) = hear(_answered_by_an_earlier_one(later=False))

    assert found.receiver.heard == []
    assert (found.closed, found.direction("client").build_stream().size) == ("open", 0)


def test_a_reset_that_answers_nothing_strange_counts() -> None:
    """The client gives up on its own."""
    (found,) = hear(Talk().packet("client", flags=SYN, ack=0).packet("client", flags=RST, seq=1001))

    assert found.closed == "rst"
