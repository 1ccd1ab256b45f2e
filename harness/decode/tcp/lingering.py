"""Lingering: whole connections while another packet may still follow."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import repeat
from typing import Generic

import numpy as np

from harness.decode.tcp.ending import Ending
from harness.decode.tcp.flow_key import Key
from harness.decode.tcp.segment_table import Bools
from harness.decode.tcp.whole import F, WholeTable
from harness.trace.packet import PacketNumber


@dataclass(slots=True)
class _Batch(Generic[F]):
    """A table, and which of its rows were not taken."""

    table: WholeTable[F]
    left: Bools


class Lingering(Generic[F]):
    """Tables of connections, each found by its key until it is taken."""

    def __init__(self) -> None:
        """Nothing lingers."""
        self._batches: list[_Batch[F]] = []
        self._at: dict[Key, tuple[_Batch[F], int]] = {}
        """Batch and row."""
        self._fresh: list[WholeTable[F]] = []
        """Not numbered yet."""

    def __len__(self) -> int:
        """Connections."""
        return len(self._at)

    def __contains__(self, key: Key) -> bool:
        """Whether a connection with these ends lingers."""
        return key in self._at

    def find(self, keys: Set[Key]) -> set[Key]:
        """Those of these that linger."""
        return self._at.keys() & keys

    def add(self, table: WholeTable[F]) -> None:
        """New connections, on ends on which none lingers."""
        self._fresh.append(table)
        self._batches.append(self._keep(table))

    def _keep(self, table: WholeTable[F]) -> _Batch[F]:
        batch = _Batch(table, np.ones(len(table), bool))
        rows = zip(repeat(batch, len(table)), range(len(table)), strict=True)
        self._at.update(zip(table.keys, rows, strict=True))
        return batch

    @property
    def fresh_count(self) -> int:
        """How many have no number yet."""
        return sum(map(len, self._fresh))

    def number(self, others: list[PacketNumber], begin: int) -> list[int]:
        """Number the new connections in order of first packet.

        Args:
            others: First packets of connections that are numbered with them.
            begin: The first number.

        Returns:
            The numbers of the others.
        """
        fresh, self._fresh = self._fresh, []
        firsts = np.concatenate([np.array(others, np.int64), *(table.first for table in fresh)])
        numbers = np.empty_like(firsts)
        numbers[np.argsort(firsts)] = np.arange(begin, begin + len(firsts))
        place = len(others)
        for table in fresh:
            table.number[:] = numbers[place : place + len(table)]
            place += len(table)
        found: list[int] = numbers[: len(others)].tolist()
        return found

    def closed_ns(self, key: Key) -> int:
        """When its last packet came."""
        batch, row = self._at[key]
        return int(batch.table.last_ns[row])

    def take(self, key: Key) -> tuple[WholeTable[F], int]:
        """One connection: its table and row."""
        batch, row = self._at.pop(key)
        batch.left[row] = False
        return batch.table, row

    def take_ended(
        self, ending: Ending, number: int, now_ns: int, limit: int
    ) -> Iterator[WholeTable[F]]:
        """All that have ended, as seen from the last packet; and the oldest where more than the limit are left."""
        chosen = [
            batch.left & ending.choose(batch.table.keys, batch.table.last_ns, number, now_ns)
            for batch in self._batches
        ]
        pairs = list(zip(self._batches, chosen, strict=True))
        times = [batch.table.last_ns[batch.left & ~ended] for batch, ended in pairs]
        left = np.concatenate([np.empty(0, np.int64), *times])
        if len(left) > limit:
            excess = len(left) - limit + limit // 8
            until_ns = np.partition(left, excess)[excess]
            chosen = [
                ended | (batch.left & (batch.table.last_ns <= until_ns)) for batch, ended in pairs
            ]
        yield from self._take(chosen)

    def take_all(self) -> Iterator[WholeTable[F]]:
        """All that are left."""
        return self._take([batch.left.copy() for batch in self._batches])

    def _take(self, chosen: list[Bools]) -> Iterator[WholeTable[F]]:
        """Those that are chosen from each table."""
        batches, self._batches = self._batches, []
        for batch, old in zip(batches, chosen, strict=True):
            table = batch.table
            rows: list[int] = np.flatnonzero(old).tolist()
            for row in rows:
                del self._at[table.keys[row]]
            if rows:
                yield table if len(rows) == len(table) else table.select(rows)
            batch.left &= ~old
            rest: list[int] = np.flatnonzero(batch.left).tolist()
            if len(rest) * _MAX_SPARSE >= len(table):
                self._batches.append(batch)
            elif rest:
                self._batches.append(self._keep(table.select(rest)))


_MAX_SPARSE = 8
"""Rows of a table for each that is left: of sparser ones those that are left move to a table of their own."""
