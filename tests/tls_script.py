"""TLS 1.3 conversations written out record by record: what no ordinary end would send can be sent here.

Keys are derived with cryptography's HKDF, not with the code under test; `verify_data` is not real (nobody checks it).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from harness.capture.keylog import Secrets
from harness.trace.tls import Side

CLIENT_RANDOM = bytes(range(32))
SERVER_RANDOM = bytes(range(32, 64))
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
SECRETS = {
    "CLIENT_EARLY_TRAFFIC_SECRET": b"\x01" * 32,
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": b"\x02" * 32,
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": b"\x03" * 32,
    "CLIENT_TRAFFIC_SECRET_0": b"\x04" * 32,
    "SERVER_TRAFFIC_SECRET_0": b"\x05" * 32,
}
CCS = b"\x14\x03\x03\x00\x01\x01"
ALERT, HANDSHAKE, DATA = 21, 22, 23


def vector(size: int, data: bytes) -> bytes:
    """A vector with a length of `size` bytes."""
    return len(data).to_bytes(size, "big") + data


def extension(kind: int, data: bytes = b"") -> bytes:
    """One extension."""
    return kind.to_bytes(2, "big") + vector(2, data)


def message(kind: int, body: bytes = b"") -> bytes:
    """One handshake message."""
    return bytes((kind,)) + vector(3, body)


def record(content_type: int, data: bytes, version: int = 0x0303) -> bytes:
    """One record in the clear."""
    return bytes((content_type,)) + version.to_bytes(2, "big") + vector(2, data)


def client_hello(
    *extensions: bytes, random: bytes = CLIENT_RANDOM, session_id: bytes = b""
) -> bytes:
    """A ClientHello message."""
    body = b"\x03\x03" + random + vector(1, session_id) + vector(2, b"\x13\x01") + vector(1, b"\0")
    return message(1, body + vector(2, b"".join(extensions)))


def server_hello(
    *extensions: bytes, random: bytes = SERVER_RANDOM, suite: int = 0x1301, version: int = 0x0304
) -> bytes:
    """A ServerHello message; `version` goes into supported_versions unless it is TLS 1.2 or less."""
    body = (
        min(version, 0x0303).to_bytes(2, "big") + random + b"\0" + suite.to_bytes(2, "big") + b"\0"
    )
    chosen = (extension(43, version.to_bytes(2, "big")),) if version > 0x0303 else ()
    return message(2, body + vector(2, b"".join(chosen + extensions)))


SNI = extension(0, vector(2, b"\0" + vector(2, b"svc.example.test")))
ALPN = extension(16, vector(2, vector(1, b"h2") + vector(1, b"http/1.1")))
PSK = extension(41, b"\0\0")
EARLY_DATA = extension(42)
FINISHED = message(20, bytes(32))


class Sealer:
    """Protects the records of one direction (TLS_AES_128_GCM_SHA256)."""

    def __init__(self, side: Side, stage: str) -> None:
        """Begin with the secret of a stage: early, handshake or traffic."""
        label = {
            "early": "CLIENT_EARLY_TRAFFIC_SECRET",
            "handshake": f"{side.upper()}_HANDSHAKE_TRAFFIC_SECRET",
            "traffic": f"{side.upper()}_TRAFFIC_SECRET_0",
        }[stage]
        self._use(SECRETS[label])

    def seal(self, content_type: int, data: bytes, *, padding: int = 0) -> bytes:
        """One protected record."""
        inner = data + bytes((content_type,)) + bytes(padding)
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self.seq).to_bytes(12, "big")
        self.seq += 1
        return header + AESGCM(self._key).encrypt(nonce, inner, header)

    def update(self, *, is_requested: bool = False) -> bytes:
        """A KeyUpdate record; what follows has the next keys."""
        sealed = self.seal(HANDSHAKE, message(24, bytes((is_requested,))))
        self._use(self._expand(b"traffic upd", 32))
        return sealed

    def _use(self, secret: bytes) -> None:
        self._secret = secret
        self._key = self._expand(b"key", 16)
        self._iv = int.from_bytes(self._expand(b"iv", 12), "big")
        self.seq = 0

    def _expand(self, label: bytes, size: int) -> bytes:
        info = size.to_bytes(2, "big") + vector(1, b"tls13 " + label) + b"\0"
        return HKDFExpand(algorithm=SHA256(), length=size, info=info).derive(self._secret)


def secrets(*labels: str, client_random: bytes = CLIENT_RANDOM) -> Secrets:
    """A store with these labels, or with all."""
    store = Secrets()
    for label in labels or tuple(SECRETS):
        store.add(f"{label} {client_random.hex()} {SECRETS[label].hex()}\n".encode())
    return store
