"""Tests of the hellos of ordinary connections."""

from __future__ import annotations

import ssl

import pytest

from harness.decode.swift.hello import OddError, find_record, read_extensions, read_hellos
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.message import RETRY_RANDOM, decode_client_hello, parse_server_hello
from harness.trace.packet import PacketNumber
from tests.decode.swift.test_swift import talk_of
from tests.tls_wire import Peers, converse

SPOKEN = converse(Peers(), [])
CLIENT, SERVER = (talk_of(SPOKEN.chunks).client, talk_of(SPOKEN.chunks).server)


def changed(run: Run, old: bytes, new: bytes) -> Run:
    """Other bytes of the same size."""
    assert len(old) == len(new)
    assert old in run.data
    return Run(run.data.replace(old, new, 1), run.ends, run.numbers, run.times)


def record(data: bytes) -> Run:
    """One packet."""
    return Run(data, [len(data)], [PacketNumber(1)], [1])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_they_are_what_the_careful_decoder_reads(version: ssl.TLSVersion) -> None:
    """Randoms, version, suite, and where the hellos end."""
    talk = talk_of(converse(Peers(version=version), []).chunks)
    hellos = read_hellos(talk)
    client, _ = decode_client_hello(talk.client.data[9 : hellos.client_end])
    size = int.from_bytes(talk.server.data[6:9], "big")
    server = parse_server_hello(talk.server.data[9 : 9 + size])

    assert client is not None
    assert (hellos.client_random, hellos.server_random) == (client.random, server.random)
    assert (hellos.version, hellos.suite.code_point) == (server.version, server.cipher_suite)
    assert hellos.encrypt_then_mac == server.encrypt_then_mac
    assert hellos.version == int(version)


@pytest.mark.parametrize(
    "talk",
    [
        Talk(record(b""), SERVER),
        Talk(CLIENT, record(b"")),
        Talk(CLIENT, Run(b"", [], [], [])),
        Talk(SERVER, CLIENT),
        Talk(record(CLIENT.data[:30]), SERVER),
        Talk(CLIENT, record(SERVER.data[:30])),
        Talk(CLIENT, changed(SERVER, SERVER.data[11:43], RETRY_RANDOM)),
        Talk(CLIENT, changed(SERVER, b"\x00\x2b\x00\x02\x03\x04", b"\x00\x2b\x00\x02\x03\x05")),
        Talk(CLIENT, Run(SERVER.data, SERVER.ends, [PacketNumber(0)], SERVER.times)),
        Talk(changed(CLIENT, CLIENT.data[43:47], b"\x00\x2a\x00\x00"), SERVER),
    ],
    ids=[
        "no client",
        "nothing of the server",
        "no server",
        "sides swapped",
        "client cut",
        "server cut",
        "retry",
        "unknown version",
        "server first",
        "early data",
    ],
)
def test_the_rest_is_left(talk: Talk) -> None:
    """Whatever is not ordinary."""
    with pytest.raises(OddError):
        read_hellos(talk)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x16\x03\x03\x00",
        b"\x16\x03\x03\x00\x02a",
        b"\x15\x04\x03\x00\x01a",
        b"GET / HTTP/1.1",
        b"\x17\x03\x03\xff\xff" + bytes(0xFFFF),
    ],
    ids=["nothing", "header cut", "cut", "version", "no record", "too large"],
)
def test_what_is_no_whole_record(data: bytes) -> None:
    """It is not passed over."""
    with pytest.raises(OddError):
        find_record(record(data), 0)


def test_a_record_ends_after_its_fragment() -> None:
    """Its length says so."""
    assert find_record(record(b"x\x15\x03\x01\x00\x02abc"), 1) == 8


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x05\x00\x00\x00\x00",
        b"\x00\x04\x00\x00\x00\x01",
        b"\x00\x08\x00\x01\x00\x00\x00\x01\x00\x00",
        b"\x00\x02\x00\x01",
    ],
    ids=["too long", "body cut", "twice", "head cut"],
)
def test_extensions_that_are_odd(data: bytes) -> None:
    """Lengths that do not fit, and types that come twice."""
    with pytest.raises(OddError):
        read_extensions(data, 0, len(data))
