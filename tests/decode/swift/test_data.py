"""Tests of application data read without the handshake: what the careful decoder reads, or nothing."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets, parse_keylog
from harness.decode.swift.data import read_application_data
from harness.decode.swift.hello import OddError
from harness.decode.tls.session import TlsDecoder
from harness.trace.tls import Side
from tests.decode.swift.test_swift import talk_of
from tests.tls_wire import Peers, Talk, converse, converse_resumable

SENDS: list[tuple[Side, bytes]] = [("client", b"q" * 700), ("server", b"a" * 40_000)]
TLS_1_2 = ssl.TLSVersion.TLSv1_2
PEERS = {
    "1.3": Peers(),
    "1.3 without client": Peers(with_client_certificate=False, client_certificate_required=False),
    "1.2 GCM": Peers(version=TLS_1_2),
    "1.2 CBC": Peers(version=TLS_1_2, ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"),
    "1.2 ChaCha20": Peers(
        version=TLS_1_2, ciphers="ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    ),
}
Said = tuple[list[bytes], list[bytes]]


def read(talk: Talk, secrets: Secrets) -> Said:
    """Contents of the records of both sides."""
    client, server = read_application_data(talk_of(talk.chunks), secrets)
    return [content for content, _, _ in client], [content for content, _, _ in server]


def read_with_care(talk: Talk, secrets: Secrets) -> Said:
    """The same of the careful decoder."""
    decoder = TlsDecoder(secrets)
    said: Said = ([], [])
    for side, run in talk_of(talk.chunks).build_runs():
        for piece in decoder.feed_run(side, run):
            said[side == "server"].append(piece.data)
    return said


@pytest.mark.parametrize("peers", PEERS.values(), ids=PEERS)
def test_it_is_what_was_said(peers: Peers) -> None:
    """Record by record, for all kinds of suites."""
    talk = converse(peers, SENDS)

    client, server = read(talk, talk.secrets)

    assert (b"".join(client), b"".join(server)) == (b"q" * 700, b"a" * 40_000)
    assert (client, server) == read_with_care(talk, talk.secrets)


def test_a_resumed_session() -> None:
    """It has a short handshake, and keys of its own."""
    peers = Peers()
    _, session = converse_resumable(peers, SENDS)
    talk, _ = converse_resumable(peers, SENDS, session=session)

    assert read(talk, talk.secrets) == read_with_care(talk, talk.secrets)


def test_without_any_secret_there_is_nothing() -> None:
    """Nothing could be opened by anybody."""
    assert read(converse(PEERS["1.3"], SENDS), Secrets()) == ([], [])


def test_keys_that_must_be_derived_are_left_to_care() -> None:
    """RSA key exchange needs the whole handshake, also where no secret is known yet."""
    secrets = Secrets()
    secrets.use_private_keys(lambda encrypted, certificate: None)

    with pytest.raises(OddError):
        read(converse(PEERS["1.2 GCM"], SENDS), secrets)


def test_a_hello_sent_again_is_left_to_care() -> None:
    """Two sets of secrets for one client random: only trying tells which is the right one."""
    talk = converse(PEERS["1.3"], SENDS)
    lines = [line.rsplit(b" ", 1) for line in talk.keylog.splitlines()]
    again = b"".join(b"%b %b\n" % (head, b"00" * (len(secret) // 2)) for head, secret in lines)

    with pytest.raises(OddError):
        read(talk, parse_keylog(talk.keylog + again))


@pytest.mark.parametrize("label", [b"CLIENT_TRAFFIC_SECRET_0", b"SERVER_TRAFFIC_SECRET_0"])
def test_half_of_the_secrets_is_left_to_care(label: bytes) -> None:
    """The careful decoder says what is missing."""
    talk = converse(PEERS["1.3"], SENDS)
    keys = b"\n".join(line for line in talk.keylog.splitlines() if not line.startswith(label))

    with pytest.raises(OddError):
        read(talk, parse_keylog(keys))


def test_secrets_of_another_connection_are_left_to_care() -> None:
    """They open nothing."""
    talk, other = converse(PEERS["1.3"], SENDS), converse(PEERS["1.3"], SENDS)
    mine, theirs = (each.chunks[0][1][11:43].hex().encode() for each in (talk, other))

    with pytest.raises(OddError):
        read(talk, parse_keylog(other.keylog.replace(theirs, mine)))


TALKS = [converse(PEERS[name], SENDS) for name in ("1.3", "1.2 GCM")]
INTACT = [read(talk, talk.secrets) for talk in TALKS]


@settings(max_examples=200, deadline=None)
@given(which=st.integers(0, 1), place=st.integers(0, 50_000), mask=st.integers(1, 255))
def test_damage_never_shows_other_bytes(which: int, place: int, mask: int) -> None:
    """One changed byte anywhere: what was said, what the careful decoder sees, or nothing at all."""
    talk = TALKS[which]
    chunks = []
    for side, data in talk.chunks:
        if 0 <= place < len(data):
            data = data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :]
        place -= len(data)
        chunks.append((side, data))
    changed = Talk(chunks=tuple(chunks), keylog=talk.keylog, client_der=b"", server_der=b"")
    try:
        said = read(changed, talk.secrets)
    except OddError:
        return

    assert said in (INTACT[which], read_with_care(changed, talk.secrets))
