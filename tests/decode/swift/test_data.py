"""Tests of application data read without the handshake: what the careful decoder reads, or nothing."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets, parse_keylog
from harness.decode.swift.data import Records, read_application_data
from harness.decode.tls.session import TlsDecoder
from harness.trace.tls import Side
from tests.decode.swift.test_swift import talk_of
from tests.decode.tcp.test_talk_table import table_of
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
OTHER = converse(PEERS["1.2 CBC"], SENDS)


def read(talk: Talk, secrets: Secrets) -> Said | None:
    """Contents of the records of both sides, beside those of another connection."""
    talks = table_of(talk_of(OTHER.chunks), talk_of(talk.chunks), talk_of(OTHER.chunks))
    _, found, _ = read_application_data(talks, secrets)
    if found is None:
        return None
    client, server = found
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

    found = read(talk, talk.secrets)

    assert found is not None
    client, server = found
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

    assert read(converse(PEERS["1.2 GCM"], SENDS), secrets) is None


def test_a_hello_sent_again_is_left_to_care() -> None:
    """Two sets of secrets for one client random: only trying tells which is the right one."""
    talk = converse(PEERS["1.3"], SENDS)
    lines = [line.rsplit(b" ", 1) for line in talk.keylog.splitlines()]
    again = b"".join(b"%b %b\n" % (head, b"00" * (len(secret) // 2)) for head, secret in lines)

    assert read(talk, parse_keylog(talk.keylog + again)) is None


@pytest.mark.parametrize("label", [b"CLIENT_TRAFFIC_SECRET_0", b"SERVER_TRAFFIC_SECRET_0"])
def test_half_of_the_secrets_is_left_to_care(label: bytes) -> None:
    """The careful decoder says what is missing."""
    talk = converse(PEERS["1.3"], SENDS)
    keys = b"\n".join(line for line in talk.keylog.splitlines() if not line.startswith(label))

    assert read(talk, parse_keylog(keys)) is None


def test_secrets_of_another_connection_are_left_to_care() -> None:
    """They open nothing."""
    talk, other = converse(PEERS["1.3"], SENDS), converse(PEERS["1.3"], SENDS)
    mine, theirs = (each.chunks[0][1][11:43].hex().encode() for each in (talk, other))

    assert read(talk, parse_keylog(other.keylog.replace(theirs, mine))) is None


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

    said = read(changed, talk.secrets)

    assert said is None or said in (INTACT[which], read_with_care(changed, talk.secrets))


MIX = [
    *TALKS,
    OTHER,
    converse(PEERS["1.2 ChaCha20"], SENDS),
    Talk(chunks=TALKS[0].chunks[:3], keylog=b"", client_der=b"", server_der=b""),
    Talk(chunks=(("client", b"GET / HTTP/1.1"),), keylog=b"", client_der=b"", server_der=b""),
    converse(PEERS["1.2 GCM"], []),
]


@given(chosen=st.lists(st.integers(0, len(MIX) - 1), max_size=6))
def test_connections_do_not_touch_each_other(chosen: list[int]) -> None:
    """Many at once are told as each of them alone, whatever the others are."""
    secrets = parse_keylog(b"".join(talk.keylog for talk in MIX))
    tables = [table_of(talk_of(MIX[index].chunks)) for index in chosen]
    alone = [read_application_data(table, secrets)[0] for table in tables]

    together = read_application_data(
        table_of(*(talk_of(MIX[index].chunks) for index in chosen)), secrets
    )

    assert [_tell(found) for found in together] == [_tell(found) for found in alone]


def _tell(found: tuple[Records, Records] | None) -> list[list[tuple[bytes, int]]] | None:
    """Contents, and how long their records are."""
    if found is None:
        return None
    return [[(content, end - begin) for content, begin, end in side] for side in found]
