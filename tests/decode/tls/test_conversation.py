"""Tests of harness/decode/tls/conversation.py."""

from __future__ import annotations

from harness.decode.tls.conversation import MALFORMED_LIMIT, Conversation
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from tests.tls_script import secrets

SEEN = Seen(time_ns=1, packets=(PacketNumber(1),))


def test_first_reason_stays() -> None:
    """What went wrong first explains the rest."""
    state = Conversation(secrets())
    state.note("first")
    state.note("second")

    assert state.build()[0].undecrypted == "first"


def test_partly_means_that_something_was_opened() -> None:
    """With a problem it is `no` until a record was opened; without one it is `yes`."""
    state = Conversation(secrets())
    clean = state.build()[0].decrypted
    state.note("hole of 1 bytes")
    closed = state.build()[0].decrypted
    state.see_opened(state.client)

    assert (clean, closed, state.build()[0].decrypted) == ("yes", "no", "partly")


def test_suspects_are_blamed_when_the_keys_prove_right() -> None:
    """A record that did not open is malformed only where the same keys opened another one."""
    state = Conversation(secrets())
    state.client.suspects.append(("record of 40 bytes: the authentication tag is wrong", SEEN))
    before = state.build()[1]
    state.see_opened(state.client)

    assert before == ()
    assert [m.message for m in state.build()[1]] == [
        "record of 40 bytes: the authentication tag is wrong"
    ]


def test_reports_are_limited() -> None:
    """A hostile peer cannot fill the memory."""
    state = Conversation(secrets())
    for _ in range(MALFORMED_LIMIT + 10):
        state.report("client", "bad", SEEN)

    assert len(state.malformed) == MALFORMED_LIMIT


def test_what_is_lost_leaves_its_place() -> None:
    """Between what came before and after, so that nobody takes them for neighbours."""
    state = Conversation(secrets())
    state.emit(state.server, b"before", SEEN)
    state.lose(state.server, "hole of 1 bytes", SEEN)
    state.emit(state.server, b"after", SEEN)

    assert [(p.data, p.follows_gap) for p in state.take_plaintexts()] == [
        (b"before", False),
        (b"", True),
        (b"after", False),
    ]


def test_plaintexts_are_given_once() -> None:
    """What was taken is gone."""
    state = Conversation(secrets())
    state.emit(state.server, b"data", SEEN)

    assert [p.data for p in state.take_plaintexts()] == [b"data"]
    assert state.take_plaintexts() == ()
