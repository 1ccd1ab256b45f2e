"""Tests of harness/decode/tls/dialogue.py: what single messages change."""

from __future__ import annotations

import zlib

import pytest

from harness.decode.tls.conversation import Conversation
from harness.decode.tls.dialogue import Dialogue
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side, TlsSession
from tests.tls_script import ALPN, client_hello, extension, message, secrets, server_hello, vector

SEEN = Seen(time_ns=1, packets=(PacketNumber(1),))
CHAIN = vector(3, vector(3, b"der"))
CHAIN13 = b"\0" + vector(3, vector(3, b"der") + b"\0\0")


def hold(*said: tuple[Side, bytes]) -> tuple[TlsSession, list[str]]:
    """Handshake data of both sides, as if in the clear; the session and what was malformed."""
    state = Conversation(secrets())
    dialogue = Dialogue(state)
    for side, data in said:
        if data == b"\1":
            dialogue.handle_change_cipher_spec(state.flow(side), data, SEEN)
        else:
            dialogue.handle_fragment(state.flow(side), data, ((len(data), SEEN),))
    session, malformed = state.build()
    return session, [m.message for m in malformed]


def test_abbreviated_handshake_is_a_resumption() -> None:
    """TLS 1.2: ChangeCipherSpec right after the ServerHello, or after a ticket."""
    hellos: tuple[tuple[Side, bytes], ...] = (
        ("client", client_hello()),
        ("server", server_hello(version=0x0303, suite=0xC02F)),
    )
    resumed, _ = hold(*hellos, ("server", message(4, bytes(6))), ("server", b"\1"))
    full, _ = hold(*hellos, ("server", message(11, CHAIN)), ("server", b"\1"))
    anonymous, _ = hold(*hellos, ("server", message(12, b"")), ("server", b"\1"))

    assert (resumed.resumed, full.resumed, anonymous.resumed) == (True, False, False)


def test_second_certificate_of_a_client_is_kept_apart() -> None:
    """Renegotiation shows another chain."""
    session, _ = hold(("client", message(11, CHAIN)), ("client", message(11, vector(3, b""))))

    assert [c.der for c in session.client_certificates] == [b"der"]
    assert session.later_client_certificates == ((),)


def test_compressed_certificate_is_read() -> None:
    """RFC 8879, in TLS 1.3."""
    body = b"\0\1" + len(CHAIN13).to_bytes(3, "big") + vector(3, zlib.compress(CHAIN13))
    session, _ = hold(
        ("client", client_hello()), ("server", server_hello()), ("client", message(25, body))
    )

    assert [c.der for c in session.client_certificates] == [b"der"]


def test_protocol_of_tls13_is_in_the_encrypted_extensions() -> None:
    """The ServerHello does not say it."""
    chosen = extension(16, vector(2, vector(1, b"h2")))
    session, _ = hold(
        ("client", client_hello(ALPN)),
        ("server", server_hello()),
        ("server", message(8, vector(2, chosen))),
    )

    assert session.alpn == "h2"


@pytest.mark.parametrize(
    ("side", "data", "text"),
    [
        ("server", client_hello(), "handshake message of type 1: ClientHello from the server"),
        ("client", server_hello(), "handshake message of type 2: ServerHello from the client"),
        (
            "client",
            message(11, b"\0"),
            "handshake message of type 11: 3 bytes wanted at offset 0 of 1",
        ),
        ("server", message(2, b""), "handshake message of type 2: 2 bytes wanted at offset 0 of 0"),
    ],
)
def test_wrong_message_is_told(side: Side, data: bytes, text: str) -> None:
    """Type and reason."""
    assert hold((side, data))[1] == [text]


def test_unknown_message_is_passed_over() -> None:
    """A type without a meaning here is not an error."""
    assert hold(("server", message(99, b"data")))[1] == []
