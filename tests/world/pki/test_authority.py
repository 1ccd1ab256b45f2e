"""One authority, the one below it, and its double."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from harness.world.pki.authority import Authority


def test_the_one_below_is_signed_by_it() -> None:
    """And may issue certificates, but no further authorities."""
    authority = Authority("Public CA")
    below = x509.load_pem_x509_certificate(authority.intermediate.cert_pem.bytes())

    below.verify_directly_issued_by(authority.root)
    limits = below.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    assert below.subject != authority.root.subject


def test_the_double_has_its_name_and_not_its_key() -> None:
    """So that a judge that compares names is found out."""
    authority = Authority("Public CA")
    leaf = authority.other.issue_cert("a.example.com").cert_chain_pems[0].bytes()
    certificate = x509.load_pem_x509_certificate(leaf)

    assert certificate.issuer == authority.root.subject
    with pytest.raises(InvalidSignature):
        certificate.verify_directly_issued_by(authority.root)


def test_signers() -> None:
    """Certificate and key belong together."""
    certificate, key = Authority("User CA").signer("trusted")

    assert certificate.public_key() == key.public_key()
