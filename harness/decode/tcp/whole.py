"""WholeTable: regular connections of which all packets, from SYN to close, were in one window, as columns.

Most connections of a busy capture are so. They stay columns for as long as another packet may follow: what happens to
all of them costs next to nothing, and only the one that gets another packet becomes a TcpConnection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Generic, TypeVar

import numpy as np

from harness.decode.packet.table import Ints
from harness.decode.tcp.flow_key import Key
from harness.decode.tcp.group import ACKED, COUNT, FIN_SENT, RST_SENT, SIZE, Group, build_share
from harness.decode.tcp.regular import GroupSums
from harness.decode.tcp.segment_table import Bools, Ends
from harness.decode.tcp.talk import Talk
from harness.decode.tcp.talk_table import TalkTable
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class WholeTable(Generic[F]):
    """One row a connection."""

    tap: list[str]
    keys: list[Key]
    client: Ends
    server: Ends
    is_low_client: Bools
    client_sums: Ints
    """Columns as in GroupSums."""
    server_sums: Ints
    first_ns: Ints
    last_ns: Ints
    client_isn: Ints
    server_isn: Ints
    answer: Ints
    """Packet number of the server's first packet; 0: there is none."""
    numbers: Ints
    """Of all packets, row by row."""
    start: Ints
    """Where the numbers of each row begin, and where the last ones end."""
    facts: list[F]
    """What the bytes hold, as the Form reads it."""
    talks: TalkTable | None
    """The bytes, where somebody may still ask for them; those of other connections too."""
    talk_row: Ints
    """Of each connection its row among the talks."""
    number: Ints
    """In order of first packet, from 1; 0 until the Reassembler gives it."""

    def __len__(self) -> int:
        """Connections."""
        return len(self.keys)

    @property
    def first(self) -> Ints:
        """Number of the first packet."""
        return self.numbers[self.start[:-1]]

    @property
    def is_fin(self) -> Bools:
        """Closed by FIN; the others were by RST."""
        return _is_fin(self.client_sums, self.server_sums)

    @property
    def established(self) -> Bools:
        """See Connection."""
        client, server = self.client_sums, self.server_sums
        shaken = (server[:, COUNT] > 0) & (client[:, COUNT] > client[:, RST_SENT] + 1)
        return shaken | ((client[:, SIZE] > 0) & (server[:, SIZE] > 0))

    def select(self, chosen: list[int]) -> WholeTable[F]:
        """Some of them."""
        rows = np.array(chosen)
        begin, count = self.start[rows], np.diff(self.start)[rows]
        start = np.concatenate([[0], np.cumsum(count)])
        places = np.arange(start[-1]) + np.repeat(begin - start[:-1], count)
        return replace(
            self,
            tap=[self.tap[row] for row in chosen],
            keys=[self.keys[row] for row in chosen],
            client=self.client[rows],
            server=self.server[rows],
            is_low_client=self.is_low_client[rows],
            client_sums=self.client_sums[rows],
            server_sums=self.server_sums[rows],
            first_ns=self.first_ns[rows],
            last_ns=self.last_ns[rows],
            client_isn=self.client_isn[rows],
            server_isn=self.server_isn[rows],
            answer=self.answer[rows],
            numbers=self.numbers[places],
            start=start,
            facts=[self.facts[row] for row in chosen],
            talk_row=self.talk_row[rows],
            number=self.number[rows],
        )

    def build_ends(self, row: int) -> tuple[Endpoint, Endpoint]:
        """Client and server."""
        return build_endpoint(int(self.client[row])), build_endpoint(int(self.server[row]))

    def build_talk(self, row: int) -> Talk | None:
        """The bytes of one connection; None: nobody may ask for them."""
        return None if self.talks is None else self.talks.build(int(self.talk_row[row]))

    def build_group(self, row: int) -> Group:
        """The packets of one connection."""
        return Group(
            numbers=self.numbers[self.start[row] : self.start[row + 1]].tolist(),
            first_ns=int(self.first_ns[row]),
            last_ns=int(self.last_ns[row]),
            client=build_share(self.client_sums[row].tolist()),
            server=build_share(self.server_sums[row].tolist()),
            client_isn=int(self.client_isn[row]),
            server_isn=int(self.server_isn[row]),
            answer=PacketNumber(int(self.answer[row])) if self.answer[row] else None,
            talks=[talk] if (talk := self.build_talk(row)) is not None else [],
        )


def build_endpoint(end: int) -> Endpoint:
    """One of Ends."""
    return Endpoint(_build_address(end >> 16), end & 0xFFFF)


@lru_cache(maxsize=1 << 15)
def _build_address(number: int) -> IPv4Address:
    return IPv4Address(number)


def find_whole(sums: GroupSums) -> Bools:
    """Which new groups have ended with their packets."""
    reset = (sums.low[:, RST_SENT] > 0) | (sums.high[:, RST_SENT] > 0)
    return reset | _is_fin(sums.low, sums.high)


def _is_fin(one: Ints, other: Ints) -> Bools:
    acked = (one[:, ACKED] > one[:, SIZE]) | (other[:, ACKED] > other[:, SIZE])
    return (one[:, FIN_SENT] > 0) & (other[:, FIN_SENT] > 0) & acked
