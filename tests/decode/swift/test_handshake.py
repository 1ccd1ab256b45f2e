"""Tests of handshakes told briefly."""

from __future__ import annotations

import ssl

import pytest

from harness.capture.keylog import Secrets
from harness.decode.swift.handshake import read_handshake
from harness.decode.swift.hello import OddError
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.certificate import parse_certificate
from tests.decode.swift.test_swift import talk_of
from tests.tls_wire import Peers, converse

OLD = converse(Peers(version=ssl.TLSVersion.TLSv1_2), [])
NEW = converse(Peers(), [])


def test_tls12_shows_the_client() -> None:
    """Its certificate is in the clear, with or without keys."""
    for secrets in (Secrets(), OLD.secrets):
        found = read_handshake(talk_of(OLD.chunks), secrets)

        assert found.version == 0x0303
        assert found.sni == "svc.example.test"
        assert found.subjects[0] == parse_certificate(OLD.client_der).subject


def test_tls13_shows_the_hellos() -> None:
    """Nothing else without keys; what keys would show is left to care."""
    found = read_handshake(talk_of(NEW.chunks), Secrets())

    assert (found.version, found.subjects) == (0x0304, ())
    with pytest.raises(OddError):
        read_handshake(talk_of(NEW.chunks), NEW.secrets)


@pytest.mark.parametrize("place", [0, 5, 43, 76])
def test_damage_is_left_to_care(place: int) -> None:
    """Types and lengths that do not fit."""
    talk = talk_of(NEW.chunks)
    data = bytearray(talk.client.data)
    data[place] ^= 0x7F
    client = Run(bytes(data), talk.client.ends, talk.client.numbers, talk.client.times)

    with pytest.raises(OddError):
        read_handshake(Talk(client, talk.server), Secrets())
