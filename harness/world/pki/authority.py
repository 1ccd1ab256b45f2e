"""The authority: one CA of a run, the intermediate one below it, and its untrusted double."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Literal

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

Ca = Literal["trusted", "other"]


class Authority:
    """One CA and its untrusted double."""

    def __init__(self, name: str) -> None:
        """Make the trusted one; `name` is its organizational unit."""
        self.name = name
        self.trusted = self._make()

    def _make(self) -> trustme.CA:
        return trustme.CA(organization_name="certproxy-harness", organization_unit_name=self.name)

    @cached_property
    def other(self) -> trustme.CA:
        """Same name, another key."""
        return self._make()

    def select(self, ca: Ca) -> trustme.CA:
        """The one that is trusted, or its double."""
        return self.trusted if ca == "trusted" else self.other

    @cached_property
    def intermediate(self) -> trustme.CA:
        """An authority below the trusted one, which signs for it."""
        return trustme.CA(
            parent_cert=self.trusted,
            path_length=0,
            organization_name="certproxy-harness",
            organization_unit_name=f"{self.name} 1",
        )

    @cached_property
    def root(self) -> x509.Certificate:
        """The certificate of the trusted one."""
        return x509.load_pem_x509_certificate(self.trusted.cert_pem.bytes())

    @cached_property
    def key_id(self) -> str:
        """Its subject key identifier, hex."""
        identifier = self.root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return identifier.value.digest.hex()

    @cached_property
    def der(self) -> bytes:
        """The same certificate as DER."""
        return self.root.public_bytes(Encoding.DER)

    @cached_property
    def subject(self) -> bytes:
        """Its distinguished name as DER, as servers ask for it."""
        return self.root.subject.public_bytes()

    @cache  # noqa: B019 - one of a handful, which live as long as the run
    def signer(self, ca: Ca) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Certificate and key, for certificates that trustme does not make."""
        authority = self.select(ca)
        key = load_pem_private_key(authority.private_key_pem.bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AssertionError(f"the key of {self.name} is {type(key).__name__}; expected P-256")
        return x509.load_pem_x509_certificate(authority.cert_pem.bytes()), key
