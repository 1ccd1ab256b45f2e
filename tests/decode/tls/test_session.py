"""Tests of harness/decode/tls/session.py: OpenSSL's conversations, and written ones that no ordinary end would hold."""

from __future__ import annotations

import hashlib
import json
import ssl
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets
from harness.decode.decode import decode as decode_capture
from harness.decode.tls.session import FAILURE_LIMIT, QUEUE_LIMIT, TlsDecoder
from harness.trace.connection import Layers
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side, TlsSession
from tests.tls_script import (
    ALERT,
    ALPN,
    CCS,
    CLIENT_RANDOM,
    DATA,
    EARLY_DATA,
    FINISHED,
    HANDSHAKE,
    PSK,
    RETRY_RANDOM,
    SNI,
    Sealer,
    client_hello,
    extension,
    message,
    record,
    secrets,
    server_hello,
    vector,
)
from tests.tls_wire import (
    Chunk,
    Decoded,
    Part,
    Peers,
    Talk,
    converse,
    converse_resumable,
    decode,
    split,
)

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
REQUEST, ANSWER = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 100
SENDS: tuple[Chunk, ...] = (("client", REQUEST), ("server", ANSWER), ("client", b"second"))

# OpenSSL's name of a suite and its code point; the certificate's key is ECDSA.
SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": 0xC02B,
    "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C,
    "ECDHE-ECDSA-CHACHA20-POLY1305": 0xCCA9,
    "ECDHE-ECDSA-AES128-CCM": 0xC0AC,
    "ECDHE-ECDSA-AES256-CCM8": 0xC0AF,
    "ECDHE-ECDSA-AES128-SHA256": 0xC023,
    "ECDHE-ECDSA-AES256-SHA384": 0xC024,
    "ECDHE-ECDSA-AES128-SHA": 0xC009,
    "ECDHE-ECDSA-CAMELLIA256-SHA384": 0xC073,
    "ECDHE-ECDSA-NULL-SHA": 0xC006,
}
NO_SECRETS = Secrets()


@cache
def talk(version: ssl.TLSVersion, ciphers: str | None = None) -> Talk:
    """Mutual TLS with two requests and an answer of several records."""
    return converse(Peers(version=version, ciphers=ciphers), SENDS)


def assert_all_plain(got: Decoded, made: Talk) -> None:
    """Everything was decrypted, and the certificates are those that were used."""
    session = got.session
    assert (session.decrypted, session.undecrypted, got.malformed) == ("yes", None, ())
    assert got.data("client") == REQUEST + b"second"
    assert got.data("server") == ANSWER
    assert session.client_plaintext_sha256 == hashlib.sha256(REQUEST + b"second").hexdigest()
    assert session.server_plaintext_size == len(ANSWER)
    assert session.established
    assert session.client_certificates[0].der == made.client_der
    assert session.server_certificates[0].der == made.server_der
    assert [(alert.sender, alert.name) for alert in session.alerts] == [
        ("client", "close_notify"),
        ("server", "close_notify"),
    ]


# OpenSSL's conversations


@pytest.mark.parametrize("name", SUITES)
def test_tls12_suites(name: str) -> None:
    """Every kind of suite of TLS 1.2 is opened to the last byte."""
    made = talk(TLS12, name)
    got = decode(made.chunks, made.secrets)

    assert_all_plain(got, made)
    assert (got.session.version, got.session.cipher_suite) == (0x0303, SUITES[name])


@pytest.mark.parametrize(
    ("version", "number"),
    [(ssl.TLSVersion.TLSv1, 0x0301), (ssl.TLSVersion.TLSv1_1, 0x0302), (TLS13, 0x0304)],
)
def test_other_versions(version: ssl.TLSVersion, number: int) -> None:
    """TLS 1.0 (chained IVs), 1.1 and 1.3."""
    made = talk(version)
    got = decode(made.chunks, made.secrets)

    assert_all_plain(got, made)
    assert got.session.version == number


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("size", [1, 2, 7, 100, 1448])
def test_any_segment_size_gives_the_same(version: ssl.TLSVersion, size: int) -> None:
    """Byte by byte or in segments: the same plaintext and facts."""
    made = talk(version)

    assert_all_plain(decode(split(made.chunks, size), made.secrets), made)


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_sides_need_not_be_interleaved(version: ssl.TLSVersion) -> None:
    """All bytes of the client first, or all of the server: the records wait for the hello they need."""
    made = talk(version)
    client = [chunk for chunk in made.chunks if chunk[0] == "client"]
    server = [chunk for chunk in made.chunks if chunk[0] == "server"]

    for parts in (client + server, server + client):
        got = decode(parts, made.secrets)
        assert (got.session.decrypted, got.data("client"), got.data("server")) == (
            "yes",
            REQUEST + b"second",
            ANSWER,
        )


def test_hello_facts_are_told() -> None:
    """Name, offered and chosen protocol."""
    made = converse(Peers(alpn=("h2", "http/1.1")), SENDS)
    session = decode(made.chunks, made.secrets).session

    assert (session.sni, session.alpn_offered, session.alpn) == (
        "svc.example.test",
        ("h2", "http/1.1"),
        "h2",
    )


def test_messages_name_their_packets() -> None:
    """The ClientHello is packet 1, the ServerHello in packet 2, the client's Finished in its second flight."""
    made = talk(TLS12)
    session = decode(made.chunks, made.secrets).session

    assert session.client_hello is not None
    assert session.server_hello is not None
    assert session.client_finished is not None
    assert session.client_hello.packets == (1,)
    assert session.client_hello.time_ns == 1000
    assert session.server_hello.packets == (2,)
    assert session.client_finished.packets == (3,)


def test_split_message_names_all_packets() -> None:
    """A ClientHello in pieces of 50 bytes was seen in all of them."""
    made = talk(TLS13)
    size = len(made.chunks[0][1])
    session = decode(split(made.chunks, 50), made.secrets).session

    assert session.client_hello is not None
    assert session.client_hello.packets == tuple(range(1, -(-size // 50) + 1))


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_resumption_is_told(version: ssl.TLSVersion) -> None:
    """The second connection shows no certificate and is marked."""
    peers = Peers(version=version)
    first, session = converse_resumable(peers, SENDS)
    second, _ = converse_resumable(peers, SENDS, session=session)
    one, two = (
        decode(first.chunks, first.secrets).session,
        decode(second.chunks, second.secrets).session,
    )

    assert (one.resumed, two.resumed) == (False, True)
    assert (two.decrypted, two.established) == ("yes", True)
    assert (two.client_certificate, two.server_certificates) == (None, ())


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_empty_client_certificate_is_told(version: ssl.TLSVersion) -> None:
    """Nobody can confuse an empty certificate message with none."""
    made = converse(
        Peers(version=version, with_client_certificate=False, client_certificate_required=False),
        SENDS,
    )
    session = decode(made.chunks, made.secrets).session

    assert session.certificate_request is not None
    assert session.client_certificate is not None
    assert (session.client_certificates, session.certificate_verify) == ((), None)
    assert session.established


def test_refused_client_is_told() -> None:
    """A server that wants a certificate and gets none says so in a protected alert."""
    made = converse(Peers(with_client_certificate=False), SENDS)
    session = decode(made.chunks, made.secrets).session

    assert made.error is not None
    assert [(alert.sender, alert.name) for alert in session.alerts] == [
        ("server", "certificate_required")
    ]
    assert session.decrypted == "yes"


def test_retry_is_followed() -> None:
    """A HelloRetryRequest: the second ServerHello counts, both hellos belong together."""

    def tune(_client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        server.set_ecdh_curve("secp384r1")

    made = converse(Peers(tune=tune), SENDS)
    got = decode(made.chunks, made.secrets)

    assert sum(chunk[0] == "client" for chunk in made.chunks[:4]) == 2
    assert_all_plain(got, made)


def test_post_handshake_certificate_is_told() -> None:
    """RFC 8446 section 4.6.2: a certificate that is shown later is the client's certificate."""

    def tune(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        client.post_handshake_auth = True
        server.post_handshake_auth = True

    peers = Peers(tune=tune)
    made = converse(peers, SENDS, authenticate_later=True)
    session = decode(made.chunks, made.secrets).session

    assert session.decrypted == "yes"
    assert session.certificate_request is not None
    assert session.client_finished is not None
    assert session.client_certificate is not None
    assert session.client_certificate.time_ns > session.client_finished.time_ns
    assert session.client_certificates[0].der == made.client_der


# Without keys


def test_tls12_without_keys_tells_what_is_in_the_clear() -> None:
    """Certificates, proof and the protected Finished are seen; nothing is plaintext."""
    made = talk(TLS12)
    got = decode(made.chunks, NO_SECRETS)
    session = got.session

    assert (session.decrypted, session.undecrypted) == ("no", "no secret for this client random")
    assert got.data("client") + got.data("server") == b""
    assert session.client_certificates[0].der == made.client_der
    assert session.certificate_verify is not None
    assert session.established
    assert session.client_application_data is not None
    assert session.server_application_data is not None
    assert (session.client_plaintext_sha256, session.alerts) == (None, ())


def test_tls13_without_keys_leaves_the_rest_unknown() -> None:
    """Only the hellos are in the clear."""
    made = talk(TLS13)
    session = decode(made.chunks, NO_SECRETS).session

    assert (session.decrypted, session.undecrypted) == ("no", "no secret for this client random")
    assert (session.sni, session.version) == ("svc.example.test", 0x0304)
    assert (session.client_certificate, session.client_finished, session.server_finished) == (
        None,
        None,
        None,
    )
    assert session.client_application_data is None


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "no CLIENT_HANDSHAKE_TRAFFIC_SECRET for this client random",
        ),
        (b"SERVER_TRAFFIC_SECRET_0", "no SERVER_TRAFFIC_SECRET_0 for this client random"),
    ],
    ids=["handshake", "application"],
)
def test_one_missing_secret_is_named(label: bytes, reason: str) -> None:
    """The other direction is opened all the same."""
    made = talk(TLS13)
    store = Secrets()
    store.add(b"\n".join(line for line in made.keylog.splitlines() if not line.startswith(label)))
    session = decode(made.chunks, store).session

    assert (session.decrypted, session.undecrypted) == ("partly", reason)


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_wrong_secrets_open_nothing(version: ssl.TLSVersion) -> None:
    """Secrets of another connection under this client random: no plaintext, and the bytes are not blamed."""
    made = talk(version)
    store = Secrets()
    for line in made.keylog.splitlines():
        fields = line.split()
        if not line.startswith(b"#"):
            store.add(
                b" ".join(
                    (fields[0], fields[1], fields[2][:-2] + b"%02x" % (int(fields[2][-2:], 16) ^ 1))
                )
            )
    got = decode(made.chunks, store)

    assert got.data("client") + got.data("server") == b""
    assert (got.session.decrypted, got.malformed) == ("no", ())
    assert got.session.undecrypted is not None
    assert got.session.undecrypted.startswith("the secrets do not open the ")


def test_unsupported_suite_is_named() -> None:
    """ARIA cannot be opened: Finished is told by its record, the reason by the suite."""
    hellos: list[Part] = [
        ("client", record(HANDSHAKE, client_hello())),
        ("server", record(HANDSHAKE, server_hello(suite=0xC060, version=0x0303))),
        ("client", CCS + record(HANDSHAKE, bytes(40))),
        ("server", CCS + record(HANDSHAKE, bytes(40)) + record(DATA, bytes(50))),
    ]
    session = decode(hellos, secrets()).session

    assert (session.decrypted, session.undecrypted) == (
        "no",
        "suite TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256 is not supported",
    )
    assert session.established
    assert session.server_application_data is not None


# Written conversations


class Script:
    """Both directions of a TLS 1.3 conversation after an ordinary handshake."""

    def __init__(self) -> None:
        client, server = Sealer("client", "handshake"), Sealer("server", "handshake")
        self.parts: list[Part] = [
            ("client", record(HANDSHAKE, client_hello(SNI, ALPN))),
            (
                "server",
                record(HANDSHAKE, server_hello())
                + CCS
                + server.seal(HANDSHAKE, message(8, b"\0\0") + FINISHED),
            ),
            ("client", CCS + client.seal(HANDSHAKE, FINISHED)),
        ]
        self.client, self.server = Sealer("client", "traffic"), Sealer("server", "traffic")

    def say(self, side: Side, data: bytes) -> None:
        """One record of application data."""
        sealer = self.client if side == "client" else self.server
        self.parts.append((side, sealer.seal(DATA, data)))

    def decode(self) -> Decoded:
        """With all secrets."""
        return decode(self.parts, secrets())


def test_key_updates_both_ways() -> None:
    """RFC 8446 section 4.6.3: each direction changes its keys on its own, more than once."""
    script = Script()
    script.say("client", b"one ")
    script.parts.append(("client", script.client.update(is_requested=True)))
    script.parts.append(("server", script.server.update()))
    script.say("client", b"two ")
    script.parts.append(("client", script.client.update()))
    script.say("client", b"three")
    script.say("server", b"answer")
    got = script.decode()

    assert (got.data("client"), got.data("server")) == (b"one two three", b"answer")
    assert (got.session.decrypted, got.malformed) == ("yes", ())


def test_padding_is_removed() -> None:
    """RFC 8446 section 5.4."""
    script = Script()
    script.parts.append(("client", script.client.seal(DATA, b"data", padding=100)))

    assert script.decode().data("client") == b"data"


def early_parts(
    server_extensions: bytes, *, is_accepted: bool, after_retry: bool = False
) -> list[Part]:
    """A client that sends early data, and a server that takes it or not."""
    early, client, server = (
        Sealer("client", "early"),
        Sealer("client", "handshake"),
        Sealer("server", "handshake"),
    )
    parts: list[Part] = [
        (
            "client",
            record(HANDSHAKE, client_hello(SNI, EARLY_DATA, PSK))
            + CCS
            + early.seal(DATA, b"early "),
        )
    ]
    if after_retry:
        parts.append(("server", record(HANDSHAKE, server_hello(random=RETRY_RANDOM)) + CCS))
        parts.append(
            ("client", early.seal(DATA, b"more") + record(HANDSHAKE, client_hello(SNI, PSK)))
        )
    answer = message(8, vector(2, server_extensions)) + FINISHED
    parts.append(("server", record(HANDSHAKE, server_hello(PSK)) + server.seal(HANDSHAKE, answer)))
    end = early.seal(HANDSHAKE, message(5)) if is_accepted else b""
    later = Sealer("client", "traffic").seal(DATA, b"data")
    parts.append(("client", end + client.seal(HANDSHAKE, FINISHED) + later))
    return parts


def test_accepted_early_data_is_plaintext() -> None:
    """RFC 8446 section 4.2.10: it comes before the rest, and the session says so."""
    got = decode(early_parts(EARLY_DATA, is_accepted=True), secrets())

    assert got.data("client") == b"early data"
    assert (got.session.early_data, got.session.decrypted, got.session.resumed) == (
        "accepted",
        "yes",
        True,
    )


def test_early_data_that_ran_ahead_waits_for_the_answer() -> None:
    """The server's flight comes in a later packet than its ServerHello."""
    parts = early_parts(EARLY_DATA, is_accepted=True)
    hello_size = len(record(HANDSHAKE, server_hello(PSK)))
    server = parts[1][1]
    assert isinstance(server, bytes)
    got = decode(
        [parts[0], ("server", server[:hello_size]), parts[2], ("server", server[hello_size:])],
        secrets(),
    )

    assert (got.data("client"), got.session.early_data) == (b"early data", "accepted")


@pytest.mark.parametrize("after_retry", [False, True], ids=["refused", "retry"])
def test_rejected_early_data_is_no_plaintext(*, after_retry: bool) -> None:
    """The server skipped it: it is told, and not given."""
    got = decode(early_parts(b"", is_accepted=False, after_retry=after_retry), secrets())

    assert got.data("client") == b"data"
    assert (got.session.early_data, got.session.decrypted, got.malformed) == ("rejected", "yes", ())


def test_early_data_without_its_secret_is_a_gap() -> None:
    """The rest is opened; that something is missing before it is marked."""
    store = secrets(
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    )
    got = decode(early_parts(EARLY_DATA, is_accepted=True), store)

    assert got.data("client") == b"data"
    assert got.plaintexts[0].follows_gap
    assert got.session.decrypted == "partly"
    assert got.session.undecrypted == "no CLIENT_EARLY_TRAFFIC_SECRET for this client random"


def test_changed_record_is_never_plaintext() -> None:
    """A wrong tag: nothing of that record, a gap is marked, and the following records are opened."""
    script = Script()
    script.say("client", b"one")
    forged = bytearray(script.client.seal(DATA, b"two"))
    forged[-1] ^= 1
    script.parts.append(("client", bytes(forged)))
    script.say("client", b"three")
    got = script.decode()

    assert [(p.data, p.follows_gap) for p in got.plaintexts] == [
        (b"one", False),
        (b"", True),
        (b"three", False),
    ]
    assert [(m.sender, m.packets) for m in got.malformed] == [("client", (5,))]
    assert "tag is wrong" in got.malformed[0].message
    assert got.session.decrypted == "partly"


def test_injected_record_does_not_move_the_numbers() -> None:
    """Bytes that somebody else put in between are told; the peer's next record still opens."""
    script = Script()
    script.say("client", b"one")
    script.parts.append(("client", record(DATA, bytes(40))))
    script.say("client", b"two")
    got = script.decode()

    assert got.data("client") == b"onetwo"
    assert len(got.malformed) == 1


def test_data_before_finished_is_refused() -> None:
    """Application data under handshake keys is against RFC 8446 section 2, and not given."""
    client, server = Sealer("client", "handshake"), Sealer("server", "handshake")
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello())),
            ("server", record(HANDSHAKE, server_hello()) + server.seal(HANDSHAKE, FINISHED)),
            ("client", client.seal(DATA, b"too early")),
        ],
        secrets(),
    )

    assert got.data("client") == b""
    assert [m.message for m in got.malformed] == ["application data before Finished"]


def test_clear_handshake_message_after_the_keys_is_refused() -> None:
    """A certificate that somebody puts in the clear into TLS 1.3 proves nothing."""
    script = Script()
    script.parts.append(
        ("client", record(HANDSHAKE, message(11, b"\0" + vector(3, vector(3, b"der") + b"\0\0"))))
    )
    got = script.decode()

    assert got.session.client_certificate is None
    assert [m.message for m in got.malformed] == ["record of type 22 in the clear after the hellos"]


def test_message_over_a_change_of_keys_is_refused() -> None:
    """RFC 8446 section 5.1: bytes after Finished in the same record are thrown away and told."""
    server = Sealer("server", "handshake")
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello())),
            (
                "server",
                record(HANDSHAKE, server_hello()) + server.seal(HANDSHAKE, FINISHED + b"\x04\0"),
            ),
        ],
        secrets(),
    )

    assert [m.message for m in got.malformed] == [
        "2 bytes of a handshake message before a change of keys"
    ]
    assert got.malformed[0].packets == (2,)


@pytest.mark.parametrize(
    ("content_type", "data", "text"),
    [
        (ALERT, b"\x01", "alert of 1 bytes"),
        (20, b"\x02", "ChangeCipherSpec of 1 bytes: 02"),
        (HANDSHAKE, message(2, b""), "handshake message of type 2: ServerHello from the client"),
        (HANDSHAKE, FINISHED, "handshake message of type 20: Finished in the clear"),
        (HANDSHAKE, message(24, b"\0"), "handshake message of type 24: KeyUpdate before Finished"),
        (HANDSHAKE, message(5), "handshake message of type 5: EndOfEarlyData without early data"),
        (
            HANDSHAKE,
            client_hello(),
            "handshake message of type 1: ClientHello before the previous one was answered",
        ),
    ],
)
def test_wrong_bytes_in_the_clear_are_told(content_type: int, data: bytes, text: str) -> None:
    """Each rule of the handshake that a client breaks has its message."""
    got = decode(
        [("client", record(HANDSHAKE, client_hello()) + record(content_type, data))], secrets()
    )
    # A ChangeCipherSpec waits for the ServerHello until the end, so the answer is read without it.

    assert [m.message for m in got.malformed] == [text]
    assert got.session.client_random == CLIENT_RANDOM


def test_alert_instead_of_a_server_hello() -> None:
    """A handshake that failed in the clear has no secret to miss."""
    got = decode(
        [("client", record(HANDSHAKE, client_hello(SNI))), ("server", record(ALERT, b"\x02\x28"))],
        NO_SECRETS,
    )

    assert [(alert.level, alert.name) for alert in got.session.alerts] == [(2, "handshake_failure")]
    assert (got.session.decrypted, got.session.established, got.session.server_hello) == (
        "yes",
        False,
        None,
    )


def test_other_protocol_is_told() -> None:
    """A server that answers in HTTP is no TLS server."""
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello(SNI))),
            ("server", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ],
        NO_SECRETS,
    )

    assert [(m.sender, m.message, m.packets) for m in got.malformed] == [
        ("server", "not a TLS record: 48 54 54 50 2f", (2,))
    ]
    assert got.session.decrypted == "no"


def test_alerts_are_limited() -> None:
    """A flood of warnings is kept up to a limit."""
    script = Script()
    script.parts.append(("client", script.client.seal(ALERT, b"\x01\x5a" * 1000)))

    assert len(script.decode().session.alerts) == 256


# Holes


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("start", [3, 2000, 16000, 16400, 20000])
@pytest.mark.parametrize("size", [1, 500, 1448, 6000])
def test_hole_in_the_data_loses_only_its_records(
    version: ssl.TLSVersion, start: int, size: int
) -> None:
    """After a hole in the server's answer the next whole record is given, and the place is marked."""
    sends: tuple[Chunk, ...] = (("server", bytes(16384) + b"\1" * 16384 + b"\2" * 16384 + b"end"),)
    made = converse(Peers(version=version), sends)
    index = max(range(len(made.chunks)), key=lambda i: len(made.chunks[i][1]))
    side, data = made.chunks[index]
    parts: list[Part] = [
        *made.chunks[:index],
        (side, data[:start]),
        (side, size),
        (side, data[start + size :]),
    ]
    got = decode([*parts, *made.chunks[index + 1 :]], made.secrets)

    assert got.data("server").endswith(b"\2" * 16384 + b"end")
    assert sum(p.follows_gap for p in got.plaintexts) == 1
    assert (got.session.decrypted, got.session.undecrypted) == ("partly", f"hole of {size} bytes")
    assert got.session.server_plaintext_sha256 is None


def test_lost_finished_does_not_lose_the_data() -> None:
    """TLS 1.3: after a hole the application keys are tried too."""
    script = Script()
    _, flight = script.parts[2]
    assert isinstance(flight, bytes)
    script.parts[2] = ("client", len(flight))
    for data in (b"one", b"two"):
        script.say("client", data)
    got = script.decode()

    assert got.data("client") == b"onetwo"
    assert got.session.client_finished is None


def test_lost_change_cipher_spec_does_not_lose_the_data() -> None:
    """TLS 1.2: protected records that nothing announced are opened all the same."""
    made = talk(TLS12)
    side, flight = made.chunks[2]
    at = flight.index(CCS)
    parts: list[Part] = [
        *made.chunks[:2],
        (side, flight[:at]),
        (side, len(CCS)),
        (side, flight[at + len(CCS) :]),
    ]
    got = decode([*parts, *made.chunks[3:]], made.secrets)

    assert got.data("client") == REQUEST + b"second"
    assert got.session.client_finished is not None
    assert got.session.undecrypted == f"hole of {len(CCS)} bytes"


def test_hello_is_read_from_a_cut_record() -> None:
    """TLS 1.2: the ServerHello stands whole in a record whose certificate fell into a hole."""
    flight = server_hello(suite=0xC02F, version=0x0303) + message(
        11, vector(3, vector(3, bytes(500)))
    )
    data = record(HANDSHAKE, flight)
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello())),
            ("server", data[:120]),
            ("server", len(data) - 120),
        ],
        NO_SECRETS,
    )

    assert got.session.cipher_suite == 0xC02F
    assert got.session.undecrypted == f"hole of {len(data) - 120} bytes"


@pytest.mark.parametrize("side", ["client", "server"])
def test_lost_hello_leaves_the_rest_closed(side: Side) -> None:
    """Without both hellos there are no keys; the other side's facts are told, and nothing waits for ever."""
    made = talk(TLS12)
    index = next(i for i, chunk in enumerate(made.chunks) if chunk[0] == side)
    parts: list[Part] = list(made.chunks)
    parts[index] = (side, len(made.chunks[index][1]))
    got = decode(parts, made.secrets)
    session = got.session

    assert got.data("client") + got.data("server") == b""
    assert session.decrypted == "no"
    assert (session.client_hello is None, session.server_hello is None) == (
        side == "client",
        side == "server",
    )


@pytest.mark.parametrize("cut", [0, 3, 700])
def test_hole_of_unknown_size_is_a_hole(cut: int) -> None:
    """As inside a tunnel whose own records were lost: nothing is joined across it, the rest is opened."""
    sends: tuple[Chunk, ...] = tuple(("server", bytes((i,)) * 1000) for i in range(20))
    made = converse(Peers(), sends)
    middle = len(made.chunks) // 2
    side, data = made.chunks[middle]
    got = decode(
        [*made.chunks[:middle], (side, data[:cut]), (side, 0), *made.chunks[middle + 2 :]],
        made.secrets,
    )

    assert side == "server"
    assert got.data("server")[-1000:] == sends[-1][1]
    assert len(got.data("server")) == 18_000
    assert sum(p.follows_gap for p in got.plaintexts) == 1
    assert got.session.undecrypted == "hole of an unknown number of bytes"


def test_resumption_is_not_guessed_across_a_hole() -> None:
    """The certificate may have been in the hole: a ChangeCipherSpec right after it proves nothing."""
    parts: list[Part] = [
        ("client", record(HANDSHAKE, client_hello())),
        ("server", record(HANDSHAKE, server_hello(suite=0xC02F, version=0x0303))),
        ("server", 900),
        ("server", CCS + record(HANDSHAKE, bytes(40)) + record(DATA, bytes(40))),
    ]

    assert not decode(parts, NO_SECRETS).session.resumed


# Anything at all


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_any_split_gives_the_same(version: ssl.TLSVersion, data: st.DataObject) -> None:
    """Chunks cut at arbitrary places."""
    made = talk(version)
    parts: list[Part] = []
    for side, chunk in made.chunks:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(chunk)), max_size=4)))
        parts += [(side, chunk[a:b]) for a, b in zip([0, *cuts], [*cuts, len(chunk)], strict=True)]

    assert_all_plain(decode(parts, made.secrets), made)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_damage_never_makes_plaintext(version: ssl.TLSVersion, data: st.DataObject) -> None:
    """Changed, lost and repeated bytes: nothing raises, and each piece of plaintext is one that was sent."""
    made = talk(version)
    sent = {p.data for p in decode(made.chunks, made.secrets).plaintexts} | {b""}
    parts: list[Part] = []
    for side, chunk in split(made.chunks, data.draw(st.integers(200, 5000))):
        action = data.draw(st.sampled_from(["keep"] * 8 + ["change", "lose", "repeat", "drop"]))
        changed = bytearray(chunk)
        changed[data.draw(st.integers(0, len(chunk) - 1))] ^= data.draw(st.integers(1, 255))
        outcomes: dict[str, list[Part]] = {
            "keep": [(side, chunk)],
            "change": [(side, bytes(changed))],
            "lose": [(side, len(chunk))],
            "repeat": [(side, chunk), (side, chunk)],
            "drop": [],
        }
        parts += outcomes[action]
    got = decode(parts, made.secrets)

    assert {p.data for p in got.plaintexts} <= sent


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["client", "server"]),
            st.one_of(
                st.integers(0, 5000),
                st.binary(max_size=60),
                st.builds(record, st.integers(18, 26), st.binary(max_size=60)),
                st.builds(
                    record,
                    st.just(HANDSHAKE),
                    st.builds(message, st.integers(0, 30), st.binary(max_size=60)),
                ),
                st.sampled_from(
                    [
                        record(HANDSHAKE, client_hello(SNI, EARLY_DATA)),
                        record(HANDSHAKE, server_hello(PSK)),
                        CCS,
                    ]
                ),
            ),
        ),
        max_size=30,
    )
)
def test_nothing_raises(parts: list[Part]) -> None:
    """Any bytes at all, in any order."""
    got = decode(parts, secrets())

    assert got.data("client") + got.data("server") == b""


def test_unknown_extension_is_passed_over() -> None:
    """An extension without a meaning here changes nothing."""
    hello = client_hello(extension(0xFAFA), SNI, extension(0xFE0D, bytes(200)))

    assert (
        decode([("client", record(HANDSHAKE, hello))], NO_SECRETS).session.sni == "svc.example.test"
    )


# Order and limits


def test_waiting_bytes_are_limited() -> None:
    """A server that talks without a client is not kept for ever: what waits stays below the limit."""
    decoder = TlsDecoder(NO_SECRETS)
    for index in range(200):
        decoder.feed("server", record(DATA, bytes(16000)), PacketNumber(index + 1), index)
    session, _ = decoder.finish()

    assert decoder._state.server.queued_bytes <= QUEUE_LIMIT
    assert session.decrypted == "no"
    assert session.undecrypted == "no ServerHello was seen"


def test_lost_second_hello_does_not_block_the_server() -> None:
    """After a HelloRetryRequest the second ClientHello fell into a hole: the ServerHello is told all the same."""
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello())),
            ("server", record(HANDSHAKE, server_hello(random=RETRY_RANDOM))),
            ("client", 300),
            ("server", record(HANDSHAKE, server_hello())),
            ("client", record(DATA, bytes(50))),
        ],
        secrets(),
    )

    assert got.session.server_hello is not None
    assert (got.session.decrypted, got.session.undecrypted) == ("no", "hole of 300 bytes")


def test_protected_record_instead_of_a_second_hello() -> None:
    """A server that goes on protected right after its HelloRetryRequest cannot be followed."""
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello())),
            (
                "server",
                record(HANDSHAKE, server_hello(random=RETRY_RANDOM)) + record(DATA, bytes(50)),
            ),
        ],
        secrets(),
    )

    assert (got.session.decrypted, got.session.undecrypted) == (
        "no",
        "protected record before its keys",
    )
    assert got.session.server_hello is None


def test_data_in_the_clear_is_no_plaintext() -> None:
    """TLS 1.2: application data before ChangeCipherSpec is told, never given."""
    got = decode(
        [
            ("client", record(HANDSHAKE, client_hello())),
            (
                "server",
                record(HANDSHAKE, server_hello(version=0x0303, suite=0xC02F))
                + record(DATA, b"clear"),
            ),
        ],
        secrets(),
    )

    assert got.data("server") == b""
    assert [m.message for m in got.malformed] == ["application data before ChangeCipherSpec"]


def test_keys_that_nothing_needed_are_not_missed() -> None:
    """The client's application secret is not in the key log, and the client sent nothing with it."""
    script = Script()
    script.say("server", b"goodbye")
    store = secrets(
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
    )

    assert decode(script.parts, store).session.decrypted == "yes"
    script.say("client", b"something")
    session = decode(script.parts, store).session
    assert session.undecrypted == "no CLIENT_TRAFFIC_SECRET_0 for this client random"


def test_unknown_content_type_inside_is_told() -> None:
    """RFC 8446 section 5.4: the inner type is one of a few."""
    script = Script()
    script.parts.append(("client", script.client.seal(99, b"data")))

    assert [m.message for m in script.decode().malformed] == [
        "unexpected content type 99 inside a protected record"
    ]


def test_clear_alert_after_the_hellos_is_told() -> None:
    """A peer without keys can only complain in the clear."""
    script = Script()
    script.parts.append(("client", record(ALERT, b"\x02\x0a")))

    assert [a.name for a in script.decode().session.alerts] == ["unexpected_message"]


def test_direction_is_given_up_after_many_bad_records() -> None:
    """Rubbish costs a limited number of trials, and later records of that direction are not given."""
    script = Script()
    script.say("client", b"one")
    script.parts += [("client", record(DATA, bytes(40)))] * FAILURE_LIMIT
    script.say("client", b"two")
    got = script.decode()

    assert got.data("client") == b"one"
    assert len(got.malformed) == FAILURE_LIMIT


# The reference captures

TRUTH_FOLDERS = {"tls-keyed", "peer", "tls-plain", "chain", "derived"}
# What differs from tshark's answer, and why.
DIFFERENCES = {
    "derived/dsb_after_packets.pcapng": "secrets are used wherever they stand",
    "tls-keyed/wireshark__rsasnakeoil2.pcap": "a ClientHello of SSL 2.0 form first, tshark names a later random",
    "tls-plain/arkime__https2-301-get.pcap": "tshark has no client random in a ClientHello of SSL 2.0 form",
    "tls-plain/suriverify__ssl-v2-s1.pcap": "tshark has no client random in a ClientHello of SSL 2.0 form",
    "tls-plain/ndpi__tls_invalid_reads.pcap": "a server name behind a length that is wrong",
}


def sessions(layers: Layers) -> list[TlsSession]:
    """The TLS sessions of a connection, the outer one first."""
    inner = sessions(layers.tunnel) if layers.tunnel is not None else []
    return ([layers.tls] if layers.tls is not None else []) + inner


def observed(session: TlsSession) -> dict[str, object]:
    """What the reference says of a connection, from ours."""
    shown = session.client_certificate is not None
    return {
        "client_random": session.client_random.hex() if session.client_random else None,
        "sni": session.sni,
        "suite": session.cipher_suite if session.server_hello else None,
        "resumed": session.resumed,
        "alerts": sorted(alert.description for alert in session.alerts),
        "client_certificates": [len(c.der) for c in session.client_certificates] if shown else None,
        "client_bytes": session.client_plaintext_size,
        "server_bytes": session.server_plaintext_size,
    }


def expected(stream: dict[str, Any]) -> dict[str, object]:
    """The same from the reference."""
    hellos = [hello for hello in stream.get("client_hellos", []) if hello["client_random"]]
    answers = [hello for hello in stream.get("server_hellos", []) if not hello["hrr"]]
    shown = stream.get("client_certificate_messages") or [{"certificate_lengths": None}]
    plaintext = stream.get("plaintext") or {}
    return {
        "client_random": hellos[0]["client_random"][0] if hellos else None,
        "sni": hellos[0]["sni"][0] if hellos and hellos[0]["sni"] else None,
        "suite": int(answers[0]["cipher"][0], 16) if answers and answers[0]["cipher"] else None,
        "resumed": bool(stream.get("resumed")),
        "alerts": sorted(stream.get("alerts") or []),
        "client_certificates": shown[0]["certificate_lengths"],
        "client_bytes": plaintext.get("client_to_server", {}).get("bytes", 0),
        "server_bytes": plaintext.get("server_to_client", {}).get("bytes", 0),
    }


def digests(stream: dict[str, Any]) -> set[str]:
    """SHA-256 of the plaintext of both directions, where there is any."""
    directions = (stream.get("plaintext") or {}).values()
    return {way["sha256"] for way in directions if isinstance(way, dict) and way.get("bytes")}


def differs(path: Path, truth: dict[str, Any]) -> bool:
    """A TLS connection of this capture is not what the reference says."""
    key_file = path.with_name(truth["keylog"]) if truth.get("keylog") else None
    with path.open("rb") as stream:
        trace = decode_capture(stream, key_log=key_file.read_bytes() if key_file else b"")
    ours = [session for connection in trace.connections for session in sessions(connection)]
    streams = list((truth.get("tls_streams") or {}).values())
    known = [(observed(session), session) for session in ours]
    for wanted in streams:
        found = [pair for pair in known if pair[0] == expected(wanted)]
        if not found:
            return True
        session = found[0][1]
        got = {session.client_plaintext_sha256, session.server_plaintext_sha256}
        if session.decrypted == "yes" and not digests(wanted) <= got:
            return True
        known.remove(found[0])
    return False


def test_sessions_are_those_of_the_reference(shared: Path) -> None:
    """Names, certificates, alerts, resumption and decrypted bytes of 249 connections agree with tshark."""
    corpus = shared / "corpus"
    truth = json.loads((corpus / "truth.json").read_text())
    names = [name for name in truth if name.split("/")[0] in TRUTH_FOLDERS]

    assert sum(len(truth[name].get("tls_streams") or {}) for name in names) == 249
    assert {name for name in names if differs(corpus / name, truth[name])} == set(DIFFERENCES)


def test_a_capture_that_begins_with_the_second_hello() -> None:
    """After a HelloRetryRequest ChangeCipherSpec comes first (RFC 8446 section D.4): it changes nothing either."""
    script = Script()
    script.parts.insert(0, ("client", CCS))
    script.say("client", b"one")

    assert script.decode().data("client") == b"one"


def test_a_capture_that_begins_with_the_last_flight() -> None:
    """TLS 1.2 without its hellos: what is protected is not taken for messages, and nothing is malformed."""
    parts = (
        ("client", CCS + record(HANDSHAKE, b"\xe5" * 40) + record(DATA, b"\x01" * 40)),
        ("server", CCS + record(HANDSHAKE, b"\xe6" * 40)),
    )
    got = decode(parts, Secrets())

    assert got.malformed == ()
    assert got.session.decrypted == "no"
    assert got.session.undecrypted == "no ClientHello was seen"
