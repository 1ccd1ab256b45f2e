"""Android's ClientHellos, against the JA3 and JA4 published for real devices, computed from the bytes sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from harness.world.tls.android import PROFILES, profile_of
from tests.world.handshake import Pair, client_settings, server_settings, shake

SUITES_12 = "49195-49196-52393-49199-49200-52392-49171-49172-156-157-47-53"
JA3 = {
    7: "f6a0bfafe2bf7d9c79ffb3f269b64b46",
    8: "6f5e62edfa5933b1332ddf8b9fb3ef9d",
    9: "6f5e62edfa5933b1332ddf8b9fb3ef9d",
    10: "f79b6bad2ad0641e1921aef10262856b",
    11: "f79b6bad2ad0641e1921aef10262856b",
    12: "f79b6bad2ad0641e1921aef10262856b",
    13: "f79b6bad2ad0641e1921aef10262856b",
}


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello taken apart."""

    record: bytes
    session_id: bytes
    suites: tuple[int, ...]
    extensions: dict[int, bytes]

    def ja3(self) -> str:
        """Salesforce's fingerprint, before hashing."""
        groups = "-".join(str(code) for code in _codes(self.extensions[10][2:]))
        formats = "-".join(str(code) for code in self.extensions[11][1:])
        return f"771,{_dashes(self.suites)},{_dashes(self.extensions)},{groups},{formats}"

    def ja4(self) -> str:
        """FoxIO's fingerprint (JA4, TLS over TCP)."""
        version = "13" if 43 in self.extensions else "12"
        protocol = self.extensions[16][3 : 3 + self.extensions[16][2]].decode()
        suites = ",".join(sorted(f"{code:04x}" for code in self.suites))
        others = ",".join(sorted(f"{code:04x}" for code in self.extensions if code not in (0, 16)))
        schemes = ",".join(f"{code:04x}" for code in _codes(self.extensions[13][2:]))
        head = (
            f"t{version}d{len(self.suites):02}{len(self.extensions):02}{protocol[0]}{protocol[-1]}"
        )
        return f"{head}_{_short_hash(suites)}_{_short_hash(f'{others}_{schemes}')}"


@pytest.mark.asyncio
@pytest.mark.parametrize("release", sorted(PROFILES))
async def test_ja3(release: int) -> None:
    """The JA3 is the published one, and mutual TLS completes."""
    pair = await _shake(release)

    assert (
        hashlib.md5(_parse(pair).ja3().encode(), usedforsecurity=False).hexdigest() == JA3[release]
    )
    assert pair.client.version == pair.server.version == ("1.3" if release >= 10 else "1.2")
    assert pair.server.peer_chain != ()


@pytest.mark.asyncio
@pytest.mark.parametrize("release", [10, 11, 12, 13])
async def test_ja4(release: int) -> None:
    """The JA4 of OkHttp 4 with HTTP/2 is the published one, and the record has its 517 bytes."""
    hello = _parse(await _shake(release))

    assert hello.ja4() == "t13d1513h2_8daaf6152771_eca864cca44a"
    assert len(hello.record) == 517
    assert hello.record[:3] == b"\x16\x03\x01"
    assert len(hello.session_id) == 32


@pytest.mark.asyncio
async def test_signature_schemes_8_and_9() -> None:
    """Android 8 and 9 differ in nothing but the signature schemes: 9 knows PSS, 8 has P-521."""
    eight, nine = _parse(await _shake(8)), _parse(await _shake(9))

    assert (eight.ja3(), eight.suites) == (nine.ja3(), nine.suites)
    assert 0x0804 in _codes(nine.extensions[13][2:])
    assert 0x0603 in _codes(eight.extensions[13][2:])
    assert 0x0804 not in _codes(eight.extensions[13][2:])


@pytest.mark.asyncio
async def test_limited_to_tls12() -> None:
    """Android 13 limited to TLS 1.2 offers nothing of 1.3, in the order of its release."""
    hello = _parse(await _shake(13, version="1.2"))

    assert hello.ja3() == f"771,{SUITES_12},0-23-65281-10-11-35-16-5-13,29-23-24,0"
    assert hello.session_id == b""


@pytest.mark.asyncio
async def test_http1_changes_alpn_alone() -> None:
    """With http/1.1 alone, the JA4 says so and the rest stays."""
    hello = _parse(await _shake(13, alpn=("http/1.1",)))

    assert hello.ja4() == "t13d1513h1_8daaf6152771_eca864cca44a"


@pytest.mark.asyncio
async def test_no_name_no_extension() -> None:
    """A target written as an address has no SNI; what follows it moves up."""
    hello = _parse(await _shake(9, server_name="10.20.0.10"))

    assert tuple(hello.extensions)[:2] == (65281, 23)


@pytest.mark.asyncio
async def test_hello_retry_request() -> None:
    """A server without X25519 asks for another share, and the shaped client follows."""
    pair = await _shake(13)
    retried = await shake(client_settings(android=13), server_settings(groups=("secp256r1",)))
    await retried.close()

    assert retried.client.version == "1.3"
    assert bytes(retried.near.sent).count(retried.client.client_random) == 2
    assert bytes(pair.near.sent).count(pair.client.client_random) == 1


def test_unknown_release() -> None:
    """A release without a profile is refused with those that have one."""
    with pytest.raises(ValueError, match=r"android 6 has no .* \[7, 8, 9, 10, 11, 12, 13\]"):
        profile_of(6)


async def _shake(release: int, **changes: Any) -> Pair:
    settings = {"android": release, "alpn": ("h2", "http/1.1"), **changes}
    pair = await shake(client_settings(**settings), server_settings())
    await pair.close()
    return pair


def _parse(pair: Pair) -> Hello:
    # Record header 5, handshake header 4, version 2, random 32; then three vectors and the extensions.
    sent = bytes(pair.near.sent)
    record = sent[: 5 + int.from_bytes(sent[3:5], "big")]
    session_id, rest = _cut(record[43:], 1)
    suites, rest = _cut(rest, 2)
    _, rest = _cut(rest, 1)
    block, after = _cut(rest, 2)
    assert after == b""
    extensions = {}
    while block:
        code = int.from_bytes(block[:2], "big")
        extensions[code], block = _cut(block[2:], 2)
    return Hello(record, session_id, _codes(suites), extensions)


def _cut(data: bytes, width: int) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:width], "big")
    return data[width : width + size], data[width + size :]


def _codes(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def _dashes(codes: Any) -> str:
    return "-".join(str(code) for code in codes)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
