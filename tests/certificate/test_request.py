"""The request: the right names, a new key, and the way back."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from harness.certificate.private_key import read_key
from harness.certificate.request import build_request


def test_a_request_names_what_it_was_asked_for() -> None:
    """Common name first; every name once among the alternative ones; signed by its key."""
    made = build_request(("access.example.com", "node1", "access.example.com", "10.20.1.1"))
    request = x509.load_pem_x509_csr(made.request_pem.encode())
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=access.example.com"
    assert names.get_values_for_type(x509.DNSName) == ["access.example.com", "node1"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.20.1.1"]


def test_its_key_can_be_imported() -> None:
    """PKCS#1, of 2048 bits."""
    made = build_request(("access.example.com",), organization="Example")
    key, flaws = read_key("k", made.key_pem.encode())

    assert flaws == ()
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert "PRIVATE" not in repr(made)


@pytest.mark.parametrize(
    ("names", "told"), [((), "at least one name"), (("x" * 65,), "at most 64")]
)
def test_names_that_cannot_be(names: tuple[str, ...], told: str) -> None:
    """None at all, or a common name over 64 characters."""
    with pytest.raises(ValueError, match=told):
        build_request(names)
