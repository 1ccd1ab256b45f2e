"""Lingering: whole connections while another packet may still follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from itertools import repeat
from typing import Generic

import numpy as np

from harness.decode.tcp.flow_key import Key
from harness.decode.tcp.horizon import Horizon
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

    def take_older(self, time_ns: int, limit: int) -> Iterator[WholeTable[F]]:
        """All whose last packet is not after that time; and the oldest where more than the limit are left."""
        times = [batch.table.last_ns[batch.left] for batch in self._batches]
        young = np.concatenate([np.empty(0, np.int64), *times])
        young = young[young > time_ns]
        if len(young) > limit:
            excess = len(young) - limit + limit // 8
            time_ns = int(np.partition(young, excess)[excess])
        yield from self._take(lambda table: table.last_ns <= time_ns)

    def take_behind(self, horizon: Horizon, number: int) -> Iterator[WholeTable[F]]:
        """All that get nothing more after the packet of this number."""
        yield from self._take(
            lambda table: np.array([horizon.is_behind(key, number) for key in table.keys], bool)
        )

    def _take(self, choose: Callable[[WholeTable[F]], Bools]) -> Iterator[WholeTable[F]]:
        """Those that are chosen from each table."""
        batches, self._batches = self._batches, []
        for batch in batches:
            table = batch.table
            old = batch.left & choose(table)
            rows: list[int] = np.flatnonzero(old).tolist()
            if not rows:
                if batch.left.any():
                    self._batches.append(batch)
                continue
            for row in rows:
                del self._at[table.keys[row]]
            yield table if len(rows) == len(table) else table.select(rows)
            rest: list[int] = np.flatnonzero(batch.left & ~old).tolist()
            if rest:
                self._batches.append(self._keep(table.select(rest)))

    def take_all(self) -> Iterator[WholeTable[F]]:
        """All that are left."""
        return self.take_older(_EVER, 0)


_EVER = (1 << 63) - 1
