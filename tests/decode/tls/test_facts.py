"""Tests of harness/decode/tls/facts.py."""

from __future__ import annotations

from hashlib import sha256

from harness.decode.tls.facts import CHAIN_LIMIT, SessionFacts
from harness.decode.tls.message import decode_client_hello, parse_server_hello
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side, TlsSession
from tests.tls_script import PSK, RETRY_RANDOM, client_hello, server_hello

FIRST, SECOND = (Seen(time_ns=n, packets=(PacketNumber(n),)) for n in (1, 2))


WHOLE: dict[Side, bool] = {"client": True, "server": True}


def test_nothing_seen_is_an_empty_session() -> None:
    """Every field is None or empty."""
    assert SessionFacts().build("no", None, WHOLE) == TlsSession()


def test_retry_gives_version_and_suite_only() -> None:
    """Until the real ServerHello comes; that one then counts."""
    facts = SessionFacts()
    facts.see_server_hello(parse_server_hello(server_hello(random=RETRY_RANDOM)[4:]), FIRST)
    before = facts.build("yes", None, WHOLE)
    facts.see_server_hello(parse_server_hello(server_hello(PSK, suite=0x1302)[4:]), SECOND)
    after = facts.build("yes", None, WHOLE)

    assert (before.version, before.cipher_suite, before.server_hello, before.server_random) == (
        0x0304,
        0x1301,
        None,
        None,
    )
    assert (after.server_hello, after.cipher_suite, after.resumed) == (SECOND, 0x1302, True)


def test_later_chains_are_kept_apart() -> None:
    """One identity is the first; another one by renegotiation stays visible (F72, F73)."""
    facts = SessionFacts()
    facts.see_certificates("client", (b"first",), FIRST)
    for _ in range(CHAIN_LIMIT + 1):
        facts.see_certificates("client", (b"second",), SECOND)
    session = facts.build("yes", None, WHOLE)

    assert session.client_certificate == FIRST
    assert [c.der for c in session.client_certificates] == [b"first"]
    assert [c.der for c in session.later_client_certificates[0]] == [b"second"]
    assert len(session.later_client_certificates) == CHAIN_LIMIT


def test_a_certificate_is_late_by_its_place_in_the_stream() -> None:
    """Whatever the packets: one with Finished may overtake the one with Certificate."""
    usual, late = SessionFacts(), SessionFacts()
    usual.see_certificates("client", (b"first",), SECOND)
    usual.see_finished("client", FIRST)
    late.see_finished("client", FIRST)
    late.see_certificates("client", (b"first",), SECOND)
    told = [facts.build("yes", None, WHOLE).is_certificate_late for facts in (usual, late)]

    assert told == [False, True]


def test_randoms_of_renegotiations_are_kept() -> None:
    """Another ClientHello is told by its random; the answer to a HelloRetryRequest repeats the first one's."""
    facts = SessionFacts()
    hellos = [decode_client_hello(client_hello(random=bytes((n,)) * 32)[4:])[0] for n in (1, 1, 2)]
    for hello in hellos:
        assert hello is not None
        facts.see_client_hello(hello, FIRST)
    session = facts.build("yes", None, WHOLE)

    assert session.client_random == b"\1" * 32
    assert session.later_client_randoms == (b"\2" * 32,)


def test_digest_needs_all_bytes() -> None:
    """A digest over a part would be worse than none."""
    facts = SessionFacts()
    facts.see_plaintext("client", b"data", FIRST)

    session = facts.build("partly", "hole of 1 bytes", {"client": False, "server": True})

    assert facts.build("yes", None, WHOLE).client_plaintext_sha256 == sha256(b"data").hexdigest()
    assert session.client_plaintext_sha256 is None
    assert session.client_plaintext_size == 4
    assert session.server_plaintext_sha256 == sha256(b"").hexdigest()
