"""Handshake messages of one direction, joined from record fragments (RFC 8446 section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.decode.tls.bytes import SeenBytes, join_seen
from harness.decode.tls.message import HandshakeType
from harness.trace.tls import Seen

HEADER_SIZE = 4
MESSAGE_LIMIT = 1 << 18
"""Bytes: twice what OpenSSL takes by default for a chain; more is refused, to bound memory."""

# A HelloRequest is four zeros: too easily found where there is none.
_KNOWN = frozenset(HandshakeType) - {HandshakeType.hello_request}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One handshake message."""

    kind: int
    """HandshakeType, also an unknown one."""
    body: bytes
    seen: Seen


class HandshakeReader:
    """Joins fragments to messages: `feed`, then `take` until it gives None."""

    __slots__ = ("_buffer", "_lost", "refused")

    def __init__(self) -> None:
        """Start with nothing."""
        self._buffer = SeenBytes()
        self._lost = False
        self.refused: str | None = None
        """Why the last bytes were thrown away; the reader's user sets it back to None."""

    @property
    def is_between(self) -> bool:
        """Nothing waits, and nothing is missing before what comes."""
        return not self._lost and not len(self._buffer)

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._buffer)

    def accepts(self, fragment: bytes) -> bool:
        """The fragment can be joined: nothing is missing before it, or it consists of whole messages."""
        return not self._lost or _is_chain(fragment)

    def feed(self, fragment: bytes, spans: tuple[tuple[int, Seen], ...]) -> None:
        """Add the fragment of one record; `spans` are the sizes and origins of its pieces."""
        if self._lost:
            if not self.accepts(fragment):
                return
            self._lost = False
        offset = 0
        for size, seen in spans:
            self._buffer.append(fragment[offset : offset + size], seen)
            offset += size

    def gap(self) -> None:
        """Bytes are missing: go on at a record that begins and ends with whole messages."""
        self._buffer.clear()
        self._lost = True

    def clear(self) -> int:
        """Throw away what is incomplete and say how many bytes that was."""
        size = len(self._buffer)
        self._buffer.clear()
        return size

    def take(self) -> Message | None:
        """The next whole message."""
        data = self._buffer.data
        if len(data) < HEADER_SIZE:
            return None
        size = int.from_bytes(data[1:4], "big")
        if size > MESSAGE_LIMIT:
            self.refused = f"handshake message of type {data[0]} with {size} bytes; the limit is {MESSAGE_LIMIT}"
            self.gap()
            return None
        if len(data) < HEADER_SIZE + size:
            return None
        message, spans = self._buffer.take(HEADER_SIZE + size)
        return Message(kind=message[0], body=message[HEADER_SIZE:], seen=join_seen(spans))


def _is_chain(fragment: bytes) -> bool:
    """The fragment consists of whole messages of known types."""
    offset = 0
    while offset + HEADER_SIZE <= len(fragment) and fragment[offset] in _KNOWN:
        offset += HEADER_SIZE + int.from_bytes(fragment[offset + 1 : offset + HEADER_SIZE], "big")
        if offset == len(fragment):
            return True
    return False
