"""Ending: when a connection has ended, so that no packet belongs to it any more.

Linger     some time after it was closed: what suits a file that is read as it comes
Horizon    with its last packet: where the packets of a file are listed before its bytes are read (horizon.py)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.decode.tcp.flow_key import Key

if TYPE_CHECKING:
    # Not below: they need numpy, and loading that takes longer than decoding a small file.
    from harness.decode.packet.table import Ints
    from harness.decode.tcp.segment_table import Bools

LINGER_NS = 1_000_000_000
"""Packet time after which a closed connection gets no more packets; late acknowledgments come within it."""


class Ending(Protocol):
    """What is known about the end of connections."""

    def is_too_late(self, closed_ns: int, now_ns: int) -> bool:
        """Whether a packet that comes now does not belong to the connection on its ends, which was closed then."""

    def has_ended(self, key: Key, closed_ns: int | None, number: int, now_ns: int) -> bool:
        """Whether nothing more will come for a connection.

        Args:
            key: Its ends.
            closed_ns: Time of its last packet; None: it was not closed.
            number: That of the last packet that was read.
            now_ns: The present packet time.
        """

    def choose(self, keys: Sequence[Key], closed_ns: Ints, number: int, now_ns: int) -> Bools:
        """The same for many connections, all of them closed."""


@dataclass(frozen=True, slots=True)
class Linger:
    """A closed connection still gets packets for a while."""

    time_ns: int

    def is_too_late(self, closed_ns: int, now_ns: int) -> bool:
        """See Ending."""
        return now_ns - closed_ns >= self.time_ns

    def has_ended(self, key: Key, closed_ns: int | None, number: int, now_ns: int) -> bool:
        """See Ending."""
        del key, number
        return closed_ns is not None and self.is_too_late(closed_ns, now_ns)

    def choose(self, keys: Sequence[Key], closed_ns: Ints, number: int, now_ns: int) -> Bools:
        """See Ending."""
        del keys, number
        chosen: Bools = closed_ns <= now_ns - self.time_ns
        return chosen


SHORTLY = Linger(LINGER_NS)
FOR_EVER = Linger(1 << 62)
"""Longer than any capture."""
