"""The ClientHello of SSL 2.0, which old clients also sent to offer SSL 3.0 and TLS (RFC 5246 appendix E.2).

2 bytes   0x8000 + length of what follows
1         message type 1
2         version: 0x0002 for SSL 2.0 itself, 0x03xx for what is offered
2, 2, 2   sizes of cipher specs, session id, challenge
...       these three
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

SSL_2_0 = 0x0002

_HEAD = struct.Struct(">HBHHHH")
_RANDOM_SIZE = 32


@dataclass(frozen=True, slots=True)
class OldHello:
    """One ClientHello in the old form."""

    size: int
    """Bytes of it, the length included."""
    version: int
    specs: bytes
    """Three bytes each."""
    challenge: bytes

    def build_record(self) -> bytes:
        """The same offer as a TLS record; only what TLS knows of it goes in."""
        suites = b"".join(
            self.specs[at + 1 : at + 3]
            for at in range(0, len(self.specs), 3)
            if not self.specs[at]  # Others are kinds of SSL 2.0.
        )
        # RFC 5246 appendix E.2: the challenge is the random, right-justified and filled up with zeros.
        random = self.challenge.rjust(_RANDOM_SIZE, b"\0")
        body = struct.pack(">H", self.version) + random + b"\0"
        body += struct.pack(">H", len(suites)) + suites + b"\1\0"
        message = b"\1" + len(body).to_bytes(3, "big") + body
        return b"\x16\3\1" + struct.pack(">H", len(message)) + message


def find_hello(data: bytes) -> OldHello | Literal[False] | None:
    """The hello that the bytes begin with; False: there is none; None: more bytes are needed to tell."""
    prefix_ok = data[0] & 0x80 and data[2:3] in (b"", b"\1") if data else True
    if not prefix_ok or (len(data) > 4 and not _is_version(data)):
        return False
    if len(data) < _HEAD.size:
        return None
    length, _, version, spec_size, session_size, challenge_size = _HEAD.unpack_from(data)
    length &= 0x7FFF
    believable = (
        spec_size
        and spec_size % 3 == 0
        and session_size in (0, 16)
        and 16 <= challenge_size <= _RANDOM_SIZE
        and length == 9 + spec_size + session_size + challenge_size
    )
    if not believable:
        return False
    if len(data) < 2 + length:
        return None
    specs = data[_HEAD.size : _HEAD.size + spec_size]
    return OldHello(2 + length, version, specs, data[2 + length - challenge_size : 2 + length])


def _is_version(data: bytes) -> bool:
    return data[3:5] == b"\0\2" or (data[3] == 3 and data[4] <= 3)
