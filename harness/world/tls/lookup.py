"""What tlslite-ng works out again in every handshake though the answer never changes: remembered, or found directly."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tlslite import x509
from tlslite.constants import CipherSuite, TLSEnum
from tlslite.tlsconnection import TLSConnection
from tlslite.utils import dns_utils

from harness.world.tls.ec_key import make_public

_CERTIFICATES = 1024
"""Certificates remembered: each is met at both ends, a server's by every client."""

_NAMES = 1024
"""Host names remembered: whether they are well formed."""

_slow_name = vars(TLSEnum)["toRepr"].__func__
_slow_filter = CipherSuite._filterSuites
_slow_schemes = TLSConnection._sigHashesToList
_slow_parse = x509.X509.parseBinary
_slow_ec_parsing = x509.X509._ecdsa_pubkey_parsing

_names: dict[tuple[type, object, tuple[str, ...]], str | None] = {}
_suites: dict[tuple[object, ...], tuple[int, ...]] = {}
_schemes: dict[tuple[object, ...], tuple[tuple[int, int], ...]] = {}

is_valid_hostname = lru_cache(maxsize=_NAMES)(dns_utils.is_valid_hostname)
"""tlslite-ng's, of the same name, which compiles two patterns for each name."""


def find_name(cls: type, value: Any, blacklist: list[str] | None = None) -> str | None:
    """`TLSEnum.toRepr`: the name of a code point; peers choose the value, so unknown ones are not kept."""
    key = cls, value, tuple(blacklist or ())
    if key in _names:
        return _names[key]
    name: str | None = _slow_name(cls, value, blacklist)
    if name is not None:
        _names[key] = name
    return name


def filter_suites(suites: list[int], settings: Any, version: Any = None) -> list[int]:
    """`CipherSuite._filterSuites`: those that the settings allow."""
    chosen = settings.maxVersion if version is None else version
    names = settings.macNames, settings.cipherNames, settings.keyExchangeNames
    key = (tuple(suites), chosen, *(tuple(each) for each in names))
    if key not in _suites:
        _suites[key] = tuple(_slow_filter(suites, settings, version))
    return list(_suites[key])


def list_schemes(
    settings: Any, privateKey: Any = None, certList: Any = None, version: tuple[int, int] = (3, 3)
) -> list[tuple[int, int]]:
    """`TLSConnection._sigHashesToList`: the signature schemes that settings, certificate and version allow."""
    kind = curve = None
    if certList and certList.x509List:
        kind = certList.x509List[0].certAlg
        curve = getattr(certList.x509List[0].publicKey, "curve_name", None)
    if privateKey is not None and kind != "ecdsa":
        # For small RSA keys fewer are left.
        return list(_slow_schemes(settings, privateKey, certList, version))
    key = (
        *(kind, curve, version),
        *(tuple(settings.more_sig_schemes), tuple(settings.ecdsaSigHashes)),
        *(tuple(settings.dsaSigHashes), tuple(settings.rsaSchemes), tuple(settings.rsaSigHashes)),
    )
    if key not in _schemes:
        _schemes[key] = tuple(_slow_schemes(settings, privateKey, certList, version))
    return list(_schemes[key])


class CertificateReader:
    """`X509.parseBinary` with a memory, and without python-ecdsa."""

    def __init__(self, count: Callable[[str], None]) -> None:
        """Args: `count` goes to every EC key that is read."""

        @lru_cache(maxsize=_CERTIFICATES)
        def read(der: bytes) -> dict[str, Any]:
            certificate = x509.X509()
            _slow_parse(certificate, bytearray(der))
            fields: dict[str, Any] = certificate.__dict__
            return fields

        def parse(certificate: Any, cert_bytes: bytes | bytearray) -> None:
            certificate.__dict__.update(read(bytes(cert_bytes)))

        def parse_ec_key(certificate: Any, subject_public_key_info: bytes | bytearray) -> None:
            try:
                key = make_public(load_der_public_key(bytes(subject_public_key_info)), count)
            except (ValueError, UnsupportedAlgorithm) as error:
                # What tlslite-ng raises, and turns into the alert bad_certificate.
                raise SyntaxError("Malformed or unsupported public key in certificate") from error
            if key is None:
                _slow_ec_parsing(certificate, subject_public_key_info)
            else:
                certificate.publicKey = key

        self.parse = parse
        self.parse_ec_key = parse_ec_key
