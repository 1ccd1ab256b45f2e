"""Tests of the hellos of ordinary connections."""

from __future__ import annotations

import ssl

import pytest

from harness.decode.swift.hello_table import HelloTable, read_hellos
from harness.decode.swift.record_table import find_records
from harness.decode.tcp.run import NOTHING, Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.message import RETRY_RANDOM, decode_client_hello, parse_server_hello
from harness.trace.packet import PacketNumber
from tests.decode.swift.test_swift import talk_of
from tests.decode.tcp.test_talk_table import table_of
from tests.tls_wire import Peers, converse

SPOKEN = converse(Peers(), [])
CLIENT, SERVER = (talk_of(SPOKEN.chunks).client, talk_of(SPOKEN.chunks).server)
SNI = b"svc.example.test"


def read(*talks: Talk) -> HelloTable:
    """Of all of them."""
    table = table_of(*talks)
    return read_hellos(table, find_records(table))


def changed(run: Run, old: bytes, new: bytes) -> Run:
    """Other bytes of the same size."""
    assert len(old) == len(new)
    assert old in run.data
    return Run(run.data.replace(old, new, 1), run.ends, run.numbers, run.times)


def record(data: bytes) -> Run:
    """One packet."""
    return Run(data, [len(data)], [PacketNumber(1)], [1])


def hello(extensions: bytes) -> bytes:
    """A record with a ClientHello."""
    size = len(extensions).to_bytes(2, "big") if extensions else b""
    body = b"\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0" + size + extensions
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + len(message).to_bytes(2, "big") + message


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_they_are_what_the_careful_decoder_reads(version: ssl.TLSVersion) -> None:
    """Randoms, version, suite and name; beside others."""
    talk = talk_of(converse(Peers(version=version), []).chunks)
    table = table_of(talk_of(SPOKEN.chunks), talk)
    hellos = read_hellos(table, find_records(table))
    client, _ = decode_client_hello(
        talk.client.data[9 : 5 + int.from_bytes(talk.client.data[3:5], "big")]
    )
    server = parse_server_hello(
        talk.server.data[9 : 9 + int.from_bytes(talk.server.data[6:9], "big")]
    )

    assert hellos.is_ordinary.tolist() == [True, True]
    assert client is not None
    for begin, random in ((hellos.begin, client.random), (hellos.answer, server.random)):
        assert table.data[begin[1] + 11 : begin[1] + 43] == random
    assert (hellos.version[1], hellos.suite[1]) == (server.version, server.cipher_suite)
    assert hellos.suites[server.cipher_suite].code_point == server.cipher_suite
    assert bool(hellos.encrypt_then_mac[1]) == server.encrypt_then_mac
    assert hellos.version[1] == int(version)
    assert table.data[hellos.sni[0][1] : hellos.sni[1][1]].endswith(SNI)


ODD = {
    "no client": Talk(record(b""), SERVER),
    "nothing of the server": Talk(CLIENT, record(b"")),
    "no server": Talk(CLIENT, NOTHING),
    "nothing at all": Talk(NOTHING, NOTHING),
    "sides swapped": Talk(SERVER, CLIENT),
    "client cut": Talk(record(CLIENT.data[:30]), SERVER),
    "server cut": Talk(CLIENT, record(SERVER.data[:30])),
    "retry": Talk(CLIENT, changed(SERVER, SERVER.data[11:43], RETRY_RANDOM)),
    "unknown version": Talk(
        CLIENT, changed(SERVER, b"\x00\x2b\x00\x02\x03\x04", b"\x00\x2b\x00\x02\x03\x05")
    ),
    "version of three bytes": Talk(
        CLIENT, changed(SERVER, b"\x00\x2b\x00\x02\x03\x04", b"\x00\x2b\x00\x03\x03\x04")
    ),
    "suite of another version": Talk(CLIENT, changed(SERVER, SERVER.data[76:78], b"\xc0\x2b")),
    "unknown suite": Talk(CLIENT, changed(SERVER, SERVER.data[76:78], b"\x5a\x5a")),
    "server first": Talk(CLIENT, Run(SERVER.data, SERVER.ends, [PacketNumber(0)], SERVER.times)),
    "early data": Talk(record(hello(b"\0\x2a\0\0")), SERVER),
    "extensions too long": Talk(record(hello(b"\0\5\0\1")), SERVER),
    "extension head cut": Talk(record(hello(b"\0\5\0")), SERVER),
    "extension twice": Talk(record(hello(b"\0\5\0\0" * 2)), SERVER),
    "very many extensions": Talk(
        record(hello(b"".join(b"%c%c\0\0" % (200, n) for n in range(65)))), SERVER
    ),
}


@pytest.mark.parametrize("talk", ODD.values(), ids=ODD)
def test_the_rest_is_left(talk: Talk) -> None:
    """Whatever is not ordinary; it does not touch the others, and not all of them are odd."""
    spoken = Talk(CLIENT, SERVER)

    assert read(talk).is_ordinary.tolist() == [False]
    assert read(spoken, talk, spoken).is_ordinary.tolist() == [True, False, True]


@pytest.mark.parametrize(
    "extensions",
    [b"", b"\0\5\0\0", b"".join(b"%c%c\0\0" % (200, n) for n in range(64))],
    ids=["none", "one", "many"],
)
def test_a_hello_with_few_or_many_extensions(extensions: bytes) -> None:
    """All of these are ordinary, and none has a name."""
    hellos = read(Talk(record(hello(extensions)), SERVER))

    assert hellos.is_ordinary.tolist() == [True]
    assert hellos.sni[1].tolist() == [0]
