"""RSA key exchange: from a private key, or from what older key logs say, to plaintext. OpenSSL is the other end."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import cache

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from harness.capture.keylog import Secrets
from harness.decode.tls.rsa import KeyFileError, RsaKeys
from harness.trace.tls import Side
from tests.tls_wire import Chunk, Decoded, Part, Peers, Talk, converse, converse_resumable, decode

SENDS: tuple[Chunk, ...] = (("client", b"question " * 40), ("server", b"answer " * 400))
VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2)


@cache
def rsa_server(name: str) -> tuple[trustme.CA, trustme.LeafCert]:
    """A server with an RSA certificate."""
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    return ca, ca.issue_cert(name, key_type=trustme.KeyType.RSA)


def key_pem(name: str = "svc.example.test") -> bytes:
    """Its private key."""
    return rsa_server(name)[1].private_key_pem.bytes()


def peers(
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, ciphers: str = "kRSA", *, options: int = 0
) -> Peers:
    """Ends that use RSA key exchange only."""

    def tune(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        ca, leaf = rsa_server("svc.example.test")
        leaf.configure_cert(server)
        ca.configure_trust(client)
        server.options |= options

    return Peers(
        version=version,
        ciphers=ciphers,
        with_client_certificate=False,
        client_certificate_required=False,
        tune=tune,
    )


def secrets(*files: bytes, key_log: bytes = b"") -> Secrets:
    """A store with private keys."""
    store = Secrets()
    store.add(key_log)
    if files:
        store.use_private_keys(RsaKeys(files).open)
    return store


def opened(talk: Talk, store: Secrets) -> dict[Side, bytes]:
    """The plaintext of both sides."""
    found = decode(talk.chunks, store)
    return {"client": found.data("client"), "server": found.data("server")}


def sent(sends: Sequence[Chunk] = SENDS) -> dict[Side, bytes]:
    """What was written."""
    return {side: b"".join(d for s, d in sends if s == side) for side in ("client", "server")}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_a_private_key_opens_every_version(version: ssl.TLSVersion) -> None:
    """OpenSSL uses the extended master secret, so this is RFC 7627 too."""
    assert opened(converse(peers(version), SENDS), secrets(key_pem())) == sent()


@pytest.mark.parametrize(
    "cipher",
    ["AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-CCM"],
)
def test_a_private_key_opens_every_suite(cipher: str) -> None:
    """The hash of the extended master secret is that of the suite."""
    assert opened(converse(peers(ciphers=cipher), SENDS), secrets(key_pem())) == sent()


def test_without_extended_master_secret() -> None:
    """RFC 5246 section 8.1: over the two randoms."""
    without = getattr(ssl, "OP_NO_EXTENDED_MASTER_SECRET", 1)  # SSL_OP_NO_EXTENDED_MASTER_SECRET
    talk = converse(peers(options=without), SENDS)
    hello = decode(talk.chunks, Secrets())

    assert hello.session.server_hello is not None
    assert opened(talk, secrets(key_pem())) == sent()


def test_a_client_certificate_is_part_of_the_handshake() -> None:
    """Its messages are hashed as well."""
    ends = peers()
    ends.with_client_certificate = ends.client_certificate_required = True

    assert opened(converse(ends, SENDS), secrets(key_pem())) == sent()


def test_the_right_one_of_several_keys() -> None:
    """One file may hold several, and certificates beside them."""
    several = (
        key_pem("other") + rsa_server("svc.example.test")[1].cert_chain_pems[0].bytes() + key_pem()
    )

    assert opened(converse(peers(), SENDS), secrets(several)) == sent()


def test_a_der_key() -> None:
    """PKCS #8 without armour."""
    key = load_pem_private_key(key_pem(), password=None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    assert opened(converse(peers(), SENDS), secrets(der)) == sent()


@pytest.mark.parametrize("tickets", [True, False], ids=["ticket", "session id"])
def test_a_resumed_session(*, tickets: bool) -> None:
    """Its master secret is that of the first one, which the private key gave."""
    ends = peers(options=0 if tickets else ssl.OP_NO_TICKET)
    first, session = converse_resumable(ends, SENDS)
    again, _ = converse_resumable(ends, SENDS, session=session)
    store = secrets(key_pem())

    assert opened(first, store) == sent()
    found = decode(again.chunks, store)
    assert found.session.resumed
    assert {s: found.data(s) for s in ("client", "server")} == sent()


def test_another_key_opens_nothing() -> None:
    """And gives no plaintext."""
    found = decode(converse(peers(), SENDS).chunks, secrets(key_pem("other")))

    assert (found.session.decrypted, found.plaintexts) == ("no", ())


def test_forward_secrecy_holds() -> None:
    """With (EC)DHE the private key is of no use; the reason says what is missing."""
    found = decode(converse(peers(ciphers="kECDHE+AESGCM"), SENDS).chunks, secrets(key_pem()))

    assert (found.session.decrypted, found.plaintexts) == ("no", ())


def master_and_session(talk: Talk) -> tuple[bytes, bytes, bytes]:
    """Client random and master secret from the key log, and the session id from the ServerHello."""
    line = next(n for n in talk.keylog.splitlines() if n.startswith(b"CLIENT_RANDOM"))
    _, random, master = line.split()
    server = b"".join(data for side, data in talk.chunks if side == "server")
    size = server[43]
    return random, master, server[44 : 44 + size].hex().encode()


def test_a_master_key_by_session_id() -> None:
    """As OpenSSL's s_client prints it, for key exchanges of any kind."""
    talk = converse(peers(ciphers="kECDHE+AESGCM", options=ssl.OP_NO_TICKET), SENDS)
    _, master, session = master_and_session(talk)

    key_log = b"RSA Session-ID:" + session + b" Master-Key:" + master + b"\n"
    assert opened(talk, secrets(key_log=key_log)) == sent()


def pre_master(talk: Talk) -> tuple[bytes, bytes]:
    """The encrypted pre-master secret, and the plain one by the private key."""
    stream = b"".join(data for side, data in talk.chunks if side == "client")
    at = 0
    while stream[at + 5] != 16:
        at += 5 + int.from_bytes(stream[at + 3 : at + 5], "big")
    encrypted = stream[at + 11 : at + 11 + 256]
    plain = RsaKeys([key_pem()]).open(encrypted, None)
    assert plain is not None
    return encrypted, plain


@pytest.mark.parametrize("form", ["RSA", "PMS_CLIENT_RANDOM"])
def test_a_pre_master_secret_in_the_key_log(form: str) -> None:
    """By its encrypted form, or by the client random."""
    talk = converse(peers(), SENDS)
    encrypted, plain = pre_master(talk)
    name = encrypted[:8].hex().encode() if form == "RSA" else master_and_session(talk)[0]

    key_log = b" ".join((form.encode(), name, plain.hex().encode()))
    assert opened(talk, secrets(key_log=key_log)) == sent()


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_a_hole_in_the_handshake_gives_nothing_wrong(size: int) -> None:
    """What is decrypted is what was sent, or nothing."""
    talk = converse(peers(), SENDS)
    chunks = list(talk.chunks)
    side, data = next(c for c in chunks if c[0] == "server")
    at = chunks.index((side, data))
    cut = min(size, len(data) - 60)
    parts: list[Part] = [(side, data[:50]), (side, cut), (side, data[50 + cut :])]

    found: Decoded = decode([*chunks[:at], *parts, *chunks[at + 1 :]], secrets(key_pem()))

    assert found.data("client") in (b"", sent()["client"])
    assert sent()["server"].endswith(found.data("server"))


@pytest.mark.parametrize(
    "data", [b"", b"hello", rsa_server("svc.example.test")[1].cert_chain_pems[0].bytes()]
)
def test_what_is_no_key_is_told(data: bytes) -> None:
    """With what was expected."""
    with pytest.raises(KeyFileError, match="expected an RSA private key"):
        RsaKeys([data])


def test_a_passphrase_is_told() -> None:
    """It cannot be asked for."""
    key = load_pem_private_key(key_pem(), password=None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))

    with pytest.raises(KeyFileError, match=r"passphrase|password"):
        RsaKeys([locked])
