"""Form: in which form connections are told, and so how much of each is read.

Whole connections come many at a time, as columns; the others as they were built with care.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.decode.tcp.receiver import R

if TYPE_CHECKING:
    from harness.decode.tcp.connection import TcpConnection
    from harness.decode.tcp.talk_table import TalkTable
    from harness.decode.tcp.whole import WholeTable

F = TypeVar("F")
T_co = TypeVar("T_co", covariant=True)


class Form(Protocol[F, R, T_co]):
    """F is what the bytes of a whole connection hold, R takes those of any other, T is what is told of each."""

    wants: bool
    """Bytes are read."""

    first_packets: int | None
    """Packets of a connection after which it has often shown all that is wanted; None: every one is wanted."""

    def read(self, talks: TalkTable) -> list[F | None]:
        """What the bytes of whole connections hold; None: something is odd, so that one has to be read with care."""

    def tell_whole(self, table: WholeTable[F]) -> Iterable[T_co]:
        """Whole connections."""

    def build_receiver(self, *, is_careful: bool) -> R:
        """What takes the bytes of one connection; `is_careful`: by the way that is the reference for all others."""

    def tell(self, connection: TcpConnection[R]) -> T_co:
        """One whose bytes went to such a receiver."""
