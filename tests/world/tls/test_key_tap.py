"""The key tap: complete, equal at both ends, and right: an independent reader decrypts with it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.capture.keylog import parse_keylog
from harness.decode.tls.session import TlsDecoder
from harness.trace.packet import PacketNumber
from harness.trace.tls import TlsSession
from harness.world.tls import key_tap
from tests.world.handshake import Pair, client_settings, failure_of, server_settings, shake

HANDSHAKE = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"}
TRAFFIC = {"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}
LABELS = [
    pytest.param("1.2", {"CLIENT_RANDOM"}, id="1.2"),
    pytest.param("1.3", HANDSHAKE | TRAFFIC, id="1.3"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("version", "labels"), LABELS)
async def test_both_ends(version: Any, labels: set[str]) -> None:
    """Each end reports every secret once, under the session's client random, with its own ends."""
    pair = await shake(client_settings(version=version), server_settings())
    await pair.close()

    assert pair.client_keys.secrets == pair.server_keys.secrets
    assert set(pair.client_keys.secrets) == {(pair.client.client_random, label) for label in labels}
    assert set(pair.client_keys.ends) == {(pair.near.local, pair.near.peer)}
    assert set(pair.server_keys.ends) == {(pair.far.local, pair.far.peer)}


@pytest.mark.asyncio
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_decrypts(version: Any) -> None:
    """With one end's secrets the judge's own decoder reads what both said, certificates included."""
    pair = await shake(client_settings(version=version), server_settings())
    await pair.client.write(b"question")
    await pair.server.write(b"answer")
    assert (await pair.server.read(), await pair.client.read()) == (b"question", b"answer")
    await pair.close()
    session, plaintext = _decode(pair)

    assert plaintext == {"client": b"question", "server": b"answer"}
    assert session.decrypted == "yes"
    assert [alert.name for alert in session.alerts] == ["close_notify", "close_notify"]
    assert tuple(each.der for each in session.client_certificates) == pair.server.peer_chain
    assert session.client_random == pair.client.client_random


@pytest.mark.asyncio
async def test_refused_handshake() -> None:
    """A handshake that fails has reported what was known, so that its alert can be read."""
    pair = await shake(client_settings(identity=None), server_settings())
    await failure_of(pair.client)

    assert {label for _, label in pair.server_keys.secrets} == HANDSHAKE | TRAFFIC


def test_third_pair() -> None:
    """A third pair of TLS 1.3 secrets would be mislabelled, so it is a bug that stops the run."""
    layer = _RecordLayer()
    key_tap.attach(layer, client_random=lambda: b"r", sink=lambda *_: None)
    layer.calcTLS1_3PendingState(0x1301, b"", b"", [])
    layer.calcTLS1_3PendingState(0x1301, b"", b"", [])

    with pytest.raises(AssertionError, match="third pair"):
        layer.calcTLS1_3PendingState(0x1301, b"", b"", [])


class _RecordLayer:
    def calcPendingStates(self, *_: object) -> None:
        """Nothing."""

    def calcTLS1_3PendingState(self, *_: object) -> None:
        """Nothing."""


def _decode(pair: Pair) -> tuple[TlsSession, dict[str, bytes]]:
    decoder = TlsDecoder(parse_keylog(pair.client_keys.keylog()))
    pieces = [
        *decoder.feed("client", bytes(pair.near.sent), PacketNumber(1), 0),
        *decoder.feed("server", bytes(pair.far.sent), PacketNumber(2), 1),
    ]
    session, _ = decoder.finish()
    plaintext = {"client": b"", "server": b""}
    for piece in pieces:
        plaintext[piece.side] += piece.data
    return session, plaintext
