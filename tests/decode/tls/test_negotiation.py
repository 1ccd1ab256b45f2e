"""Tests of harness/decode/tls/negotiation.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.epoch import MissingKeysError
from harness.decode.tls.message import (
    ClientHello,
    MessageError,
    ServerHello,
    decode_client_hello,
    parse_server_hello,
)
from harness.decode.tls.negotiation import HELLO_LIMIT, Negotiation
from tests.tls_script import EARLY_DATA, PSK, RETRY_RANDOM, client_hello, secrets, server_hello


def client(*extensions: bytes) -> ClientHello:
    """A ClientHello."""
    hello, _ = decode_client_hello(client_hello(*extensions)[4:])
    assert hello is not None
    return hello


def server(*extensions: bytes, version: int = 0x0304, random: bytes = bytes(32)) -> ServerHello:
    """A ServerHello."""
    return parse_server_hello(server_hello(*extensions, version=version, random=random)[4:])


def test_retry_is_pending_until_the_second_hello() -> None:
    """RFC 8446 section 4.1.4."""
    hellos = Negotiation(secrets())
    hellos.add_client_hello(client())
    hellos.add_server_hello(server(random=RETRY_RANDOM))
    before = hellos.is_retry_pending
    hellos.add_client_hello(client())

    assert (before, hellos.is_retry_pending, hellos.is_answered) == (True, False, False)


def test_tls13_knows_no_second_handshake() -> None:
    """Neither side may say hello again."""
    hellos = Negotiation(secrets())
    hellos.add_client_hello(client())
    hellos.add_server_hello(server())

    with pytest.raises(MessageError, match="ClientHello after"):
        hellos.add_client_hello(client())
    with pytest.raises(MessageError, match="ServerHello after"):
        hellos.add_server_hello(server())


def test_unanswered_hello_cannot_be_repeated() -> None:
    """Only the first one counts."""
    hellos = Negotiation(secrets())
    hellos.add_client_hello(client())

    with pytest.raises(MessageError, match="before the previous one was answered"):
        hellos.add_client_hello(client())


def test_renegotiations_are_limited() -> None:
    """TLS 1.2 may shake hands again, but not for ever."""
    hellos = Negotiation(secrets())
    for _ in range(HELLO_LIMIT):
        hellos.add_client_hello(client())
        hellos.add_server_hello(server(version=0x0303))

    with pytest.raises(MessageError, match="more than 64 handshakes"):
        hellos.add_client_hello(client())
    with pytest.raises(MessageError, match="more than 64 handshakes"):
        hellos.add_server_hello(server(version=0x0303))


@pytest.mark.parametrize(
    ("answer", "decided"),
    [(server(PSK), None), (server(), False), (server(random=RETRY_RANDOM), False)],
    ids=["psk", "no psk", "retry"],
)
def test_early_data_is_decided_by_the_hello(answer: ServerHello, decided: bool | None) -> None:
    """Only a ServerHello that takes a PSK leaves the question open."""
    hellos = Negotiation(secrets())
    hellos.add_client_hello(client(EARLY_DATA, PSK))
    hellos.add_server_hello(answer)

    assert hellos.offers_early_data
    assert hellos.early_data_accepted is decided


def test_keys_need_both_hellos() -> None:
    """What is missing is named."""
    nothing, only_server = Negotiation(secrets()), Negotiation(secrets())
    only_server.add_server_hello(server())

    with pytest.raises(MissingKeysError, match="no ServerHello was seen"):
        nothing.build_epoch("client", "handshake")
    with pytest.raises(MissingKeysError, match="no ClientHello was seen"):
        only_server.build_epoch("client", "handshake")
    assert nothing.find_epoch("client", "handshake") is None
