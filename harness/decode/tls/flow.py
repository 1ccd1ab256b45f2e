"""One direction of a TLS connection while it is decoded: what waits, what was joined, and its keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.epoch import Epoch
from harness.decode.tls.handshake import HandshakeReader
from harness.decode.tls.record import NotRecord, Record, RecordReader
from harness.trace.tls import Seen, Side

TRIAL_LIMIT = 1024
"""Record numbers that are tried at most after a hole."""
TRIAL_BYTES = 1 << 23
"""Bytes that are decrypted at most to find the number of one record after a hole: a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Bytes are missing here."""

    size: int
    """0: it is not known how many."""
    seen: Seen
    """Where it was noticed."""


class Flow:
    """One direction. Only the decoder changes it."""

    __slots__ = (
        "changed",
        "epoch",
        "failure_count",
        "has_hole",
        "is_patient",
        "is_whole",
        "lost_limit",
        "messages",
        "queue",
        "queued_bytes",
        "records",
        "sealed",
        "side",
        "suspects",
    )

    def __init__(self, side: Side) -> None:
        """Start in the clear."""
        self.side: Side = side
        self.records = RecordReader()
        self.messages = HandshakeReader()
        self.queue: deque[Record | NotRecord | Hole] = deque()
        self.queued_bytes = 0
        self.is_patient = True
        """Records wait for the other side's hello; False: it will not come."""
        self.is_whole = True
        """No plaintext of this direction is missing so far."""
        self.epoch: Epoch | None = None
        self.sealed: str | None = None
        """Protected, and nothing more will be opened: why. It counts only when a protected record comes."""
        self.changed = False
        """ChangeCipherSpec was seen (before TLS 1.3)."""
        self.has_hole = False
        self.lost_limit = 0
        """At most so many records of this epoch were lost before the next one."""
        self.failure_count = 0
        """Records in a row that could not be opened."""
        self.suspects: list[tuple[str, Seen]] = []
        """Records that could not be opened while the keys had not opened any."""

    def push(self, item: Record | NotRecord | Hole) -> None:
        """Queue one item."""
        self.queue.append(item)
        if isinstance(item, Record):
            self.queued_bytes += len(item.fragment)

    def pop(self) -> Record | NotRecord | Hole:
        """Take the first queued item."""
        item = self.queue.popleft()
        if isinstance(item, Record):
            self.queued_bytes -= len(item.fragment)
        return item

    def open(self, record: Record, find_successor: Callable[[], Epoch | None]) -> tuple[int, bytes]:
        """Open a record: with the next number, and after a hole with the following ones and the next keys.

        Args:
            record: The protected record.
            find_successor: Gives the epoch that follows; asked only where the current one may have ended unseen.

        Raises:
            BadRecordError: None of them opens it.
        """
        epoch = self.epoch
        assert epoch is not None
        limit = min(self.lost_limit, TRIAL_LIMIT, TRIAL_BYTES // (len(record.fragment) + 1))
        error = BadRecordError("no key")
        for candidate in (epoch, None):
            if candidate is None:
                # Early data ends without a message where the server refused it (RFC 8446 section 4.2.10).
                if not self.lost_limit and epoch.stage != "early":
                    break
                candidate = find_successor()
                if candidate is None:
                    break
            tries = 1 if candidate.opener.has_state else limit + 1
            for seq in range(candidate.seq, candidate.seq + tries):
                try:
                    opened = candidate.opener.open(seq, record.header, record.fragment)
                except BadRecordError as problem:
                    if candidate is epoch and seq == epoch.seq:
                        error = problem
                    continue
                candidate.seq = seq + 1
                self.epoch = candidate
                self.lost_limit = 0
                self.failure_count = 0
                return opened
        raise error
