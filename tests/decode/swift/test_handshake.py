"""Tests of handshakes told briefly."""

from __future__ import annotations

import ssl

import pytest

from harness.capture.keylog import Secrets
from harness.decode.swift.handshake import read_handshakes
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.certificate import parse_certificate
from harness.trace.brief import BriefTls
from tests.decode.swift.test_swift import talk_of
from tests.decode.tcp.test_talk_table import table_of
from tests.tls_wire import Peers, converse

OLD = converse(Peers(version=ssl.TLSVersion.TLSv1_2), [])
NEW = converse(Peers(), [])


def read(talk: Talk, secrets: Secrets) -> BriefTls | None:
    """Of one connection, beside another that is ordinary."""
    other = talk_of(OLD.chunks)
    before, found, after = read_handshakes(table_of(other, talk, other), secrets)
    assert before is not None
    assert before == after
    return found


def test_tls12_shows_the_client() -> None:
    """Its certificate is in the clear, with or without keys."""
    for secrets in (Secrets(), OLD.secrets):
        found = read(talk_of(OLD.chunks), secrets)

        assert found is not None
        assert found.version == 0x0303
        assert found.sni == "svc.example.test"
        assert found.subjects[0] == parse_certificate(OLD.client_der).subject


def test_tls13_shows_the_hellos() -> None:
    """Nothing else without keys; what keys would show is left to care."""
    found = read(talk_of(NEW.chunks), Secrets())

    assert found is not None
    assert (found.version, found.subjects) == (0x0304, ())
    assert read(talk_of(NEW.chunks), NEW.secrets) is None


@pytest.mark.parametrize("place", [0, 5, 43, 76])
def test_damage_is_left_to_care(place: int) -> None:
    """Types and lengths that do not fit."""
    talk = talk_of(NEW.chunks)
    data = bytearray(talk.client.data)
    data[place] ^= 0x7F
    client = Run(bytes(data), talk.client.ends, talk.client.numbers, talk.client.times)

    assert read(Talk(client, talk.server), Secrets()) is None


def cut(run: Run, size: int) -> Run:
    """The first bytes, as one packet."""
    return Run(run.data[:size], [size], run.numbers[:1], run.times[:1])


def find_end(run: Run, kind: int) -> int:
    """Where the first record of a type ends."""
    at = 0
    while True:
        end = at + 5 + int.from_bytes(run.data[at + 3 : at + 5], "big")
        if run.data[at] == kind:
            return end
        at = end


def test_a_part_shows_as_much() -> None:
    """Where only the first packets are there, the certificate among them."""
    talk = talk_of(OLD.chunks)
    client = cut(talk.client, find_end(talk.client, 20) - 1)

    assert read(Talk(client, talk.server, is_cut=True), Secrets()) == read(talk, Secrets())


def test_a_part_without_a_certificate_tells_nothing() -> None:
    """It may come later."""
    talk = talk_of(OLD.chunks)
    client = cut(talk.client, find_end(talk.client, 22))

    assert read(Talk(client, talk.server, is_cut=True), Secrets()) is None


def test_no_certificate_was_sent() -> None:
    """ChangeCipherSpec says that none will come, also in a part."""
    talk = talk_of(OLD.chunks)
    hello, change = find_end(talk.client, 22), find_end(talk.client, 20)
    data = talk.client.data[:hello] + talk.client.data[change - 6 : change]
    client = Run(data, [len(data)], talk.client.numbers[:1], talk.client.times[:1])

    for is_cut in (False, True):
        found = read(Talk(client, talk.server, is_cut=is_cut), Secrets())

        assert found is not None
        assert found.subjects == ()
