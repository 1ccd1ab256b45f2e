"""What went over a memory wire, decrypted by the judge's own decoder: actors and tests share no codec."""

from __future__ import annotations

from collections.abc import Mapping

from harness.capture.keylog import Secrets
from harness.decode.tls.session import TlsDecoder
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side, TlsSession
from tests.world.memory_stream import MemoryStream
from tests.world.memory_wire import MemoryWire

SessionSecrets = Mapping[bytes, Mapping[str, bytes]]
"""By client random, then by label."""


def decrypt(stream: MemoryStream, sessions: SessionSecrets) -> tuple[TlsSession, bytes, bytes]:
    """The session of one connection (its server's end), what the client said in it, and what the server said."""
    secrets = Secrets()
    for random, labels in sessions.items():
        for label, secret in labels.items():
            secrets.add(f"{label} {random.hex()} {secret.hex()}\n".encode())
    decoder = TlsDecoder(secrets)
    said: dict[Side, bytearray] = {"client": bytearray(), "server": bytearray()}
    sides: tuple[tuple[Side, bytearray], ...] = (
        ("client", stream._other.sent),
        ("server", stream.sent),
    )
    for number, (side, data) in enumerate(sides, start=1):
        for plaintext in decoder.feed(side, bytes(data), PacketNumber(number), number):
            said[plaintext.side] += plaintext.data
    session, malformed = decoder.finish()
    assert malformed == ()
    return session, bytes(said["client"]), bytes(said["server"])


def requests(
    wire: MemoryWire, sessions: SessionSecrets, server: str
) -> tuple[tuple[str, ...], ...]:
    """The request heads that a server (`ADDRESS:PORT`) got, each as its lines, in order of the connections.

    For requests without a body.
    """
    heads = (
        head
        for stream in wire.served
        if str(stream.local) == server
        for head in decrypt(stream, sessions)[1].split(b"\r\n\r\n")
        if head
    )
    return tuple(tuple(head.decode("latin-1").split("\r\n")) for head in heads)
