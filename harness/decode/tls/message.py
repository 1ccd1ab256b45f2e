"""Handshake messages: the parts of their bodies that observations need (RFC 8446 section 4, RFC 5246 section 7.4)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

TLS_1_3 = 0x0304
DRAFT_MAJOR = 0x7F
"""Version numbers 0x7f12 to 0x7f1c are the drafts 18 to 28 of TLS 1.3."""
FACEBOOK_DRAFT_MAJOR = 0xFB
"""0xfb17 to 0xfb1a: drafts 23 to 26 as Facebook's clients negotiated them."""

CERTIFICATE_LIMIT = 100
"""More than any real chain; each one is parsed."""

# RFC 8446 section 4.1.3: the random that makes a ServerHello a HelloRetryRequest (SHA-256 of "HelloRetryRequest").
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class HandshakeType(IntEnum):
    """HandshakeType of the IANA registry, those that matter here."""

    hello_request = 0
    client_hello = 1
    server_hello = 2
    hello_verify_request = 3
    new_session_ticket = 4
    end_of_early_data = 5
    hello_retry_request = 6
    encrypted_extensions = 8
    certificate = 11
    server_key_exchange = 12
    certificate_request = 13
    server_hello_done = 14
    certificate_verify = 15
    client_key_exchange = 16
    finished = 20
    certificate_url = 21
    certificate_status = 22
    supplemental_data = 23
    key_update = 24
    compressed_certificate = 25
    message_hash = 254


class ExtensionType(IntEnum):
    """ExtensionType of the IANA registry, those that matter here."""

    server_name = 0
    application_layer_protocol_negotiation = 16
    encrypt_then_mac = 22
    extended_master_secret = 23
    session_ticket = 35
    pre_shared_key = 41
    early_data = 42
    supported_versions = 43
    certificate_authorities = 47


IDENTITY_LIMIT = 8
"""Pre-shared keys of one hello that are kept; clients offer one or two."""


# Plain numbers: the hash of an enumeration's member is computed in Python.
_SERVER_NAME = int(ExtensionType.server_name)
_ALPN = int(ExtensionType.application_layer_protocol_negotiation)
_ENCRYPT_THEN_MAC = int(ExtensionType.encrypt_then_mac)
_EXTENDED_MASTER_SECRET = int(ExtensionType.extended_master_secret)
_SESSION_TICKET = int(ExtensionType.session_ticket)
_PRE_SHARED_KEY = int(ExtensionType.pre_shared_key)
_EARLY_DATA = int(ExtensionType.early_data)
_SUPPORTED_VERSIONS = int(ExtensionType.supported_versions)
_CERTIFICATE_AUTHORITIES = int(ExtensionType.certificate_authorities)


class MessageError(ValueError):
    """A handshake message whose body is not what its type says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """RFC 8446 section 4.1.2."""

    version: int
    """legacy_version."""
    random: bytes
    session_id: bytes
    sni: str | None
    alpn: tuple[str, ...]
    offers_early_data: bool
    ticket: bytes = b""
    """RFC 5077: of a session to be resumed."""
    identities: tuple[bytes, ...] = ()
    """RFC 8446 section 4.2.11: of pre-shared keys; tickets that a server gave out are such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello:
    """RFC 8446 section 4.1.3."""

    version: int
    """The selected version."""
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression: int
    alpn: str | None
    selects_psk: bool
    encrypt_then_mac: bool
    extended_master_secret: bool = False
    selected_identity: int = 0
    """0-based, among the client's identities; means something where `selects_psk`."""

    @property
    def is_retry(self) -> bool:
        """It is a HelloRetryRequest."""
        return self.random == RETRY_RANDOM and self.is_tls13

    @property
    def is_tls13(self) -> bool:
        """TLS 1.3, or one of its drafts."""
        return self.version == TLS_1_3 or self.version >> 8 in {DRAFT_MAJOR, FACEBOOK_DRAFT_MAJOR}


class Reader:
    """Reads numbers and vectors (RFC 8446 section 3.4) from a message body.

    Every method raises MessageError where the body ends too early.
    """

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self._data = data
        self._offset = 0

    def __bool__(self) -> bool:
        """Bytes are left."""
        return self._offset < len(self._data)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self._offset + size
        if end > len(self._data):
            raise MessageError(f"{size} bytes wanted at offset {self._offset} of {len(self._data)}")
        data = self._data[self._offset : end]
        self._offset = end
        return data

    def number(self, size: int) -> int:
        """The next big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """The next vector, whose length is a number of `size` bytes."""
        data, begin = self._data, self._offset + size
        if begin > len(data):
            raise MessageError(f"{size} bytes wanted at offset {self._offset} of {len(data)}")
        length = int.from_bytes(data[self._offset : begin], "big")
        self._offset = begin
        end = begin + length
        if end > len(data):
            raise MessageError(f"{length} bytes wanted at offset {begin} of {len(data)}")
        self._offset = end
        return data[begin:end]


def decode_client_hello(body: bytes) -> tuple[ClientHello | None, str | None]:
    """Read a ClientHello; never raises: what could be read (None without a whole random), and what was wrong."""
    reader = Reader(body)
    session_id, problem = b"", None
    extensions: dict[int, bytes] = {}
    sni: str | None = None
    alpn: tuple[str, ...] = ()
    try:
        version, random = reader.number(2), reader.take(32)
    except MessageError as error:
        return None, str(error)
    try:
        session_id = reader.vector(1)
        reader.vector(2)
        reader.vector(1)
        _fill_extensions(extensions, reader.vector(2) if reader else b"")
        sni = parse_server_name(extensions.get(_SERVER_NAME, b""))
        alpn = _parse_alpn(extensions)
        if reader:
            problem = "bytes follow the extensions"
    except MessageError as error:
        problem = str(error)
    hello = ClientHello(
        version=version,
        random=random,
        session_id=session_id,
        sni=sni,
        alpn=alpn,
        offers_early_data=_EARLY_DATA in extensions,
        ticket=extensions.get(_SESSION_TICKET, b""),
        identities=_find_identities(extensions),
    )
    return hello, problem


def find_ticket(body: bytes, *, is_tls13: bool) -> tuple[int, bytes] | None:
    """Lifetime in seconds and ticket of a NewSessionTicket (RFC 8446 section 4.6.1, RFC 5077 section 3.3).

    None for another form: drafts of TLS 1.3 had some.
    """
    reader = Reader(body)
    try:
        lifetime_s = reader.number(4)
        if is_tls13:
            reader.take(4)
            reader.vector(1)
        return lifetime_s, reader.vector(2)
    except MessageError:
        return None


def _find_identities(extensions: dict[int, bytes]) -> tuple[bytes, ...]:
    """RFC 8446 section 4.2.11; what cannot be read offers nothing."""
    offered = extensions.get(_PRE_SHARED_KEY)
    if offered is None:
        return ()
    found: list[bytes] = []
    try:
        reader = Reader(Reader(offered).vector(2))
        while reader and len(found) < IDENTITY_LIMIT:
            found.append(reader.vector(2))
            reader.take(4)
    except MessageError:
        return ()
    return tuple(found)


def parse_server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello or HelloRetryRequest; raises MessageError."""
    reader = Reader(body)
    version, random = reader.number(2), reader.take(32)
    session_id, compression = b"", 0
    # Drafts of TLS 1.3 up to 21 had no session identifier and no compression method in a ServerHello.
    is_early_draft = version >> 8 == DRAFT_MAJOR
    if not is_early_draft:
        session_id = reader.vector(1)
    cipher_suite = reader.number(2)
    if not is_early_draft:
        compression = reader.number(1)
    extensions = _parse_extensions(reader.vector(2)) if reader else {}
    if (selected := extensions.get(_SUPPORTED_VERSIONS)) is not None:
        version = Reader(selected).number(2)
    alpn = _parse_alpn(extensions)
    return ServerHello(
        version=version,
        random=random,
        session_id=session_id,
        cipher_suite=cipher_suite,
        compression=compression,
        alpn=alpn[0] if alpn else None,
        selects_psk=_PRE_SHARED_KEY in extensions,
        encrypt_then_mac=_ENCRYPT_THEN_MAC in extensions,
        extended_master_secret=_EXTENDED_MASTER_SECRET in extensions,
        selected_identity=int.from_bytes(extensions.get(_PRE_SHARED_KEY, b"")),
    )


def parse_encrypted_extensions(body: bytes) -> tuple[str | None, bool]:
    """RFC 8446 section 4.3.1: the ALPN protocol, and whether early data was accepted; raises MessageError."""
    extensions = _parse_extensions(Reader(body).vector(2))
    alpn = _parse_alpn(extensions)
    return (alpn[0] if alpn else None), _EARLY_DATA in extensions


def find_authorities(body: bytes, *, is_tls13: bool) -> tuple[bytes, ...]:
    """The names (DER) in a CertificateRequest (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4); () for another form."""
    reader = Reader(body)
    try:
        reader.vector(1)
        if is_tls13:
            listed = _parse_extensions(reader.vector(2)).get(_CERTIFICATE_AUTHORITIES, b"\0\0")
            reader = Reader(listed)
            names = Reader(reader.vector(2))
        else:
            first = reader.vector(2)
            # Before TLS 1.2 no signature algorithms stand before the names.
            names = Reader(reader.vector(2) if reader else first)
        found: list[bytes] = []
        while names and len(found) < CERTIFICATE_LIMIT:
            found.append(names.vector(2))
    except MessageError:
        return ()
    return tuple(found)


def parse_certificate_list(body: bytes, *, is_tls13: bool) -> tuple[bytes, ...]:
    """The DER of every certificate, leaf first (RFC 8446 section 4.4.2, RFC 5246 7.4.2); raises MessageError."""
    reader = Reader(body)
    if is_tls13:
        reader.vector(1)
    entries = Reader(reader.vector(3))
    if reader:
        raise MessageError("bytes follow the certificate list")
    certificates = []
    while entries:
        certificates.append(entries.vector(3))
        if is_tls13:
            entries.vector(2)
        if len(certificates) > CERTIFICATE_LIMIT:
            raise MessageError(f"more than {CERTIFICATE_LIMIT} certificates")
    return tuple(certificates)


def parse_compressed_certificate(body: bytes, *, limit: int) -> bytes:
    """RFC 8879 section 4: the body of the Certificate message inside, at most `limit` bytes; raises MessageError."""
    reader = Reader(body)
    algorithm, size, data = reader.number(2), reader.number(3), reader.vector(3)
    if algorithm != 1:
        raise MessageError(f"certificate compression {algorithm} is not supported; only zlib (1)")
    if size > limit:
        raise MessageError(f"compressed certificate of {size} bytes; the limit is {limit}")
    try:
        message = zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        raise MessageError(f"compressed certificate: {error}") from error
    if len(message) != size:
        raise MessageError(f"compressed certificate: got another size than {size} bytes")
    return message


def _parse_extensions(data: bytes) -> Mapping[int, bytes]:
    extensions: dict[int, bytes] = {}
    _fill_extensions(extensions, data)
    return extensions


def _fill_extensions(extensions: dict[int, bytes], data: bytes) -> None:
    """RFC 8446 section 4.2; of a repeated type the first one is kept."""
    offset, size = 0, len(data)
    while offset < size:
        begin = offset + 4
        if begin > size:
            short = offset if offset + 2 > size else offset + 2
            raise MessageError(f"2 bytes wanted at offset {short} of {size}")
        kind = data[offset] << 8 | data[offset + 1]
        length = data[offset + 2] << 8 | data[offset + 3]
        offset = begin + length
        if offset > size:
            raise MessageError(f"{length} bytes wanted at offset {begin} of {size}")
        if kind not in extensions:
            extensions[kind] = data[begin:offset]


def parse_server_name(data: bytes) -> str | None:
    """RFC 6066 section 3: the first host_name of the extension; raises MessageError."""
    if not data:
        return None
    names = Reader(Reader(data).vector(2))
    while names:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return _text(name)
    return None


def _parse_alpn(extensions: Mapping[int, bytes]) -> tuple[str, ...]:
    """RFC 7301 section 3.1."""
    data = extensions.get(_ALPN)
    if data is None:
        return ()
    names = Reader(Reader(data).vector(2))
    protocols = []
    while names:
        protocols.append(_text(names.vector(1)))
    return tuple(protocols)


def _text(data: bytes) -> str:
    return data.decode("ascii", "backslashreplace")
