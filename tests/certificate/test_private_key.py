"""The key: PKCS#1 alone, and a remedy for every other form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from harness.certificate.private_key import read_key, write_key
from harness.certificate.rule import Rule
from tests.certificate.material import make, public_key, rewrite_key


def test_pkcs1_is_right() -> None:
    """And is written as it was read."""
    key, flaws = read_key("k", make().key.encode())

    assert flaws == ()
    assert key is not None
    assert write_key(key) == make().key


@pytest.mark.parametrize(
    ("text", "rule", "remedy"),
    [
        pytest.param(
            lambda: rewrite_key(PrivateFormat.PKCS8), Rule.PKCS8_KEY, "-traditional", id="PKCS#8"
        ),
        pytest.param(
            lambda: rewrite_key(PrivateFormat.PKCS8, b"secret"),
            Rule.ENCRYPTED_KEY,
            "without a password",
            id="encrypted PKCS#8",
        ),
        pytest.param(
            lambda: rewrite_key(PrivateFormat.TraditionalOpenSSL, b"secret"),
            Rule.ENCRYPTED_KEY,
            "without a password",
            id="encrypted PKCS#1",
        ),
        pytest.param(lambda: make(key="ECDSA").key, Rule.NOT_RSA, "with an RSA key", id="EC"),
        pytest.param(
            lambda: rewrite_key(PrivateFormat.OpenSSH), Rule.NOT_RSA, "for ssh", id="OpenSSH"
        ),
        pytest.param(public_key, Rule.NO_KEY, "public half", id="public key"),
        pytest.param(lambda: make().leaf, Rule.NO_KEY, "the other file", id="certificate"),
        pytest.param(lambda: "", Rule.NO_KEY, "PKCS#1", id="empty"),
        pytest.param(lambda: make().key * 2, Rule.SEVERAL_KEYS, "alone", id="two keys"),
        pytest.param(
            lambda: make().key.replace("\nMII", "\nMIJ"), Rule.BAD_KEY, "can be read", id="damaged"
        ),
        pytest.param(
            lambda: make().leaf.replace("CERTIFICATE", "RSA PRIVATE KEY"),
            Rule.BAD_KEY,
            "can be read",
            id="certificate as key",
        ),
        pytest.param(
            lambda: make().leaf.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
            Rule.WRONG_CONTENT,
            "PKCS#1",
            id="request",
        ),
    ],
)  # fmt: skip
def test_every_other_form_has_its_message(text: Callable[[], str], rule: Rule, remedy: str) -> None:
    """One flaw, which says what to do."""
    key, (flaw,) = read_key("k", text().encode())

    assert key is None
    assert flaw.rule is rule
    assert remedy in flaw.expected
