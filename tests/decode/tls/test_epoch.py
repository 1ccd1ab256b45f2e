"""Tests of harness/decode/tls/epoch.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.epoch import MissingKeysError, build_tls12_epoch, build_tls13_epoch
from harness.decode.tls.message import ServerHello, decode_client_hello, parse_server_hello
from tests.tls_script import DATA, SECRETS, Sealer, client_hello, server_hello

CLIENT, _ = decode_client_hello(client_hello()[4:])
assert CLIENT is not None
SERVER = parse_server_hello(server_hello()[4:])
OLD = parse_server_hello(server_hello(version=0x0303, suite=0xC02F)[4:])


def test_epoch_opens_what_its_secret_sealed() -> None:
    """The first record of the client's application keys, and after an update the first of the next ones."""
    sealer = Sealer("client", "traffic")
    first, _, updated = sealer.seal(DATA, b"one"), sealer.update(), sealer.seal(DATA, b"two")
    epoch = build_tls13_epoch(SECRETS, SERVER, "client", "application")

    assert epoch.opener.open(0, first[:5], first[5:]) == (DATA, b"one")
    assert epoch.build_updated().opener.open(0, updated[:5], updated[5:]) == (DATA, b"two")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_secret_that_fits_is_found(place: int) -> None:
    """Of several with one client random; what it opened first it opens on, and nothing else does."""
    label = "CLIENT_TRAFFIC_SECRET_0"
    wrong = [bytes((n,)) * len(SECRETS[label]) for n in (1, 2)]
    first, *others = [*wrong[:place], SECRETS[label], *wrong[place:]]
    epoch = build_tls13_epoch(
        {label: first}, SERVER, "client", "application", others={label: tuple(others)}
    )
    sealer = Sealer("client", "traffic")
    records = [sealer.seal(DATA, text) for text in (b"one", b"two")]

    with pytest.raises(BadRecordError):
        epoch.opener.open(7, records[0][:5], records[0][5:])
    for seq, (record, text) in enumerate(zip(records, (b"one", b"two"), strict=True)):
        assert epoch.opener.open(seq, record[:5], record[5:]) == (DATA, text)


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (
            replace(SERVER, cipher_suite=0xC02F),
            "suite TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is not supported",
        ),
        (replace(SERVER, cipher_suite=0x1399), "suite 0x1399 is not supported"),
        (replace(SERVER, version=0x7F11), "version 0x7f11 is not supported"),
    ],
)
def test_tls13_reasons(hello: ServerHello, reason: str) -> None:
    """A suite of another version, an unknown one, and a draft that is too old."""
    with pytest.raises(MissingKeysError, match=reason):
        build_tls13_epoch(SECRETS, hello, "server", "handshake")


@pytest.mark.parametrize(
    ("hello", "labels", "reason"),
    [
        (
            replace(OLD, cipher_suite=0x1301),
            {"CLIENT_RANDOM": bytes(48)},
            "suite TLS_AES_128_GCM_SHA256",
        ),
        (
            replace(OLD, version=0x02FF),
            {"CLIENT_RANDOM": bytes(48)},
            "version 0x02ff is not supported",
        ),
        (
            replace(OLD, compression=64),
            {"CLIENT_RANDOM": bytes(48)},
            "compression method 64 is not supported",
        ),
        (OLD, {}, "no secret for this client random"),
        (OLD, {"CLIENT_TRAFFIC_SECRET_0": bytes(32)}, "no CLIENT_RANDOM secret"),
    ],
    ids=["suite", "version", "compression", "nothing", "other label"],
)
def test_tls12_reasons(hello: ServerHello, labels: dict[str, bytes], reason: str) -> None:
    """What is missing or not supported is named."""
    assert CLIENT is not None
    with pytest.raises(MissingKeysError, match=reason):
        build_tls12_epoch(labels, CLIENT, hello, "client")


def test_late_draft_is_opened() -> None:
    """Draft 28 has the keys of the final version."""
    epoch = build_tls13_epoch(SECRETS, replace(SERVER, version=0x7F1C), "client", "handshake")
    sealed = Sealer("client", "handshake").seal(DATA, b"x")

    assert epoch.opener.open(0, sealed[:5], sealed[5:]) == (DATA, b"x")
