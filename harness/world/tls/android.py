"""ClientHellos of Android 7 to 13, as data, and the rewriting of a tlslite-ng ClientHello into one of them.

The stack imitated is OkHttp 4 on the platform's Conscrypt (BoringSSL): no GREASE, no permutation.
Suites, groups, signature schemes and the order of extensions are those published for these releases;
the tests hold them against the published JA3 and JA4. An app that does not use OkHttp also offers
ECDHE-ECDSA with CBC, and a device without AES in hardware prefers ChaCha20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tlslite.extensions import TLSExtension
from tlslite.utils.codec import Parser

_TLS13_SUITES = (0x1301, 0x1302, 0x1303)
_TLS12_SUITES = (
    *(0xC02B, 0xC02C, 0xCCA9),  # ECDHE-ECDSA: AES-128-GCM, AES-256-GCM, ChaCha20
    *(0xC02F, 0xC030, 0xCCA8),  # ECDHE-RSA: the same
    *(0xC013, 0xC014),  # ECDHE-RSA: AES-CBC
    *(0x009C, 0x009D, 0x002F, 0x0035),  # RSA: AES-GCM, AES-CBC
)
_X25519_P256_P384 = (29, 23, 24)
_P256_P384_P521 = (23, 24, 25)
_PSS_SCHEMES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201)

_SERVER_NAME, _STATUS_REQUEST, _GROUPS, _POINT_FORMATS, _SIGNATURES = 0, 5, 10, 11, 13
_ALPN, _PADDING, _MASTER_SECRET, _TICKET, _PSK = 16, 21, 23, 35, 41
_VERSIONS, _PSK_MODES, _KEY_SHARE, _RENEGOTIATION = 43, 45, 51, 65281
_ONLY_TLS13 = (_VERSIONS, _PSK_MODES, _KEY_SHARE)

_OCSP_WITHOUT_RESPONDERS = bytes((1, 0, 0, 0, 0))
_UNCOMPRESSED = bytes((1, 0))
_PSK_DHE_KE = bytes((1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloProfile:
    """What one release offers; every number is an IANA code point, in the order of the wire."""

    suites: tuple[int, ...]
    extensions: tuple[int, ...]
    """Padding is not among them: BoringSSL puts it last, when the length calls for it."""
    groups: tuple[int, ...]
    signature_schemes: tuple[int, ...]

    @property
    def has_tls13(self) -> bool:
        """Whether TLS 1.3 is offered."""
        return _VERSIONS in self.extensions


_ANDROID_7 = HelloProfile(
    suites=_TLS12_SUITES,
    extensions=(
        _RENEGOTIATION,
        _SERVER_NAME,
        _MASTER_SECRET,
        _TICKET,
        _SIGNATURES,
        _ALPN,
        _POINT_FORMATS,
        _GROUPS,
    ),
    groups=_P256_P384_P521,
    signature_schemes=(
        0x0601,
        0x0603,
        0x0501,
        0x0503,
        0x0401,
        0x0403,
        0x0301,
        0x0303,
        0x0201,
        0x0203,
    ),
)
_ORDER_8_9 = (
    _RENEGOTIATION,
    _SERVER_NAME,
    _MASTER_SECRET,
    _TICKET,
    _SIGNATURES,
    _STATUS_REQUEST,
    _ALPN,
    _POINT_FORMATS,
    _GROUPS,
)
_ANDROID_8 = HelloProfile(
    suites=_TLS12_SUITES,
    extensions=_ORDER_8_9,
    groups=_X25519_P256_P384,
    signature_schemes=(0x0403, 0x0401, 0x0503, 0x0501, 0x0603, 0x0601, 0x0201),
)
_ANDROID_9 = HelloProfile(
    suites=_TLS12_SUITES,
    extensions=_ORDER_8_9,
    groups=_X25519_P256_P384,
    signature_schemes=_PSS_SCHEMES,
)
_ANDROID_10 = HelloProfile(
    suites=_TLS13_SUITES + _TLS12_SUITES,
    extensions=(
        _SERVER_NAME,
        _MASTER_SECRET,
        _RENEGOTIATION,
        _GROUPS,
        _POINT_FORMATS,
        _TICKET,
        _ALPN,
        _STATUS_REQUEST,
        _SIGNATURES,
        _KEY_SHARE,
        _PSK_MODES,
        _VERSIONS,
    ),
    groups=_X25519_P256_P384,
    signature_schemes=_PSS_SCHEMES,
)

PROFILES: Mapping[int, HelloProfile] = {
    7: _ANDROID_7,
    8: _ANDROID_8,
    9: _ANDROID_9,
    10: _ANDROID_10,
    11: _ANDROID_10,
    12: _ANDROID_10,
    13: _ANDROID_10,
}
"""By release; 10 to 13 send the same."""


def profile_of(release: int) -> HelloProfile:
    """Find the profile of a release.

    Raises:
        ValueError: there is none.
    """
    if release not in PROFILES:
        raise ValueError(
            f"android {release} has no ClientHello profile; expected one of {sorted(PROFILES)}"
        )
    return PROFILES[release]


def shape(hello: Any, profile: HelloProfile) -> None:
    """Rewrite a tlslite-ng ClientHello in place.

    Random, session id, SNI, ALPN, versions and key shares stay as they are. A hello that does
    not offer TLS 1.3 (the client was limited to 1.2) loses what belongs to 1.3 in the profile too.
    A ticket that is offered stays; its binder must be made again.
    """
    offered = {extension.extType: extension for extension in hello.extensions}
    has_tls13 = _VERSIONS in offered
    made = {
        _STATUS_REQUEST: _OCSP_WITHOUT_RESPONDERS,
        _GROUPS: _vector(profile.groups),
        _POINT_FORMATS: _UNCOMPRESSED,
        _SIGNATURES: _vector(profile.signature_schemes),
        _MASTER_SECRET: b"",
        _PSK_MODES: _PSK_DHE_KE,
        _RENEGOTIATION: b"\x00",
    }
    extensions = []
    for code in profile.extensions:
        if code in _ONLY_TLS13 and not has_tls13:
            continue
        if code in made:
            extensions.append(_make(code, made[code]))
        elif code in offered:
            extensions.append(offered[code])
    hello.extensions = extensions
    hello.cipher_suites = [
        suite for suite in profile.suites if has_tls13 or suite not in _TLS13_SUITES
    ]
    _pad(hello)
    if _PSK in offered:
        # RFC 8446 section 4.2.11: it must be the last.
        hello.extensions.append(offered[_PSK])


def _pad(hello: Any) -> None:
    # BoringSSL avoids hellos of 256 to 511 bytes, at which some balancers hung (RFC 7685 section 1).
    # The head of an extension takes 4 bytes.
    size = len(hello.write())
    if 256 <= size <= 511:
        room = 512 - size - 4
        hello.extensions.append(_make(_PADDING, bytes(max(room, 1))))


@cache
def _make(code: int, data: bytes) -> Any:
    """Make an extension as tlslite-ng would have read it from the wire, so that its code can ask for the parts.

    There are a dozen; no ClientHello changes one that it has.
    """
    known = TLSExtension._universalExtensions.get(code)
    if known is None or not data:
        extension = TLSExtension(extType=code).create(bytearray(data))
    else:
        extension = known().parse(Parser(bytearray(data)))
    extension.write = partial(bytearray, bytes(extension.write()))
    return extension


def _vector(codes: tuple[int, ...]) -> bytes:
    body = b"".join(code.to_bytes(2, "big") for code in codes)
    return len(body).to_bytes(2, "big") + body
