"""Form: in which form connections are told, and so how much of each is read.

Whole connections come many at a time, as columns; the others as they were built with care.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.trace.connection import Connection

if TYPE_CHECKING:
    from harness.decode.tcp.talk import Talk
    from harness.decode.tcp.whole import WholeTable

F = TypeVar("F")
T_co = TypeVar("T_co", covariant=True)


class Form(Protocol[F, T_co]):
    """F is what the bytes of a whole connection hold, T what is told of any connection."""

    wants: bool
    """Bytes are read."""

    def read(self, talk: Talk) -> F | None:
        """What the bytes of a whole connection hold; None: something is odd, so it has to be read with care."""

    def tell_whole(self, table: WholeTable[F]) -> Iterable[T_co]:
        """Whole connections."""

    def tell(self, connection: Connection) -> T_co:
        """One that was read with care."""
