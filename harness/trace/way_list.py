"""WayList: who sends to whom on which tap, as columns: a busy capture has two ways for each connection."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import overload

from harness.net.address import Address
from harness.trace.packet import Flow

Way = tuple[str, Flow | None]
"""Tap, and who sends to whom."""


class WayList(Sequence[Way]):
    """Ways by index. A way may be listed more than once; a Flow is made when somebody asks for it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._taps: list[str] = []
        self._addresses: list[Address] = []
        self._tap = array("I")
        self._src = array("I")
        """Index into the addresses, from 1; 0: this way has no flow."""
        self._dst = array("I")
        self._protocol = array("B")
        self._src_port = array("H")
        self._dst_port = array("H")
        self._tap_indexes: dict[str, int] = {}
        self._address_indexes: dict[Address, int] = {}

    def add(self, tap: str, flow: Flow | None) -> int:
        """List a way; gives its index."""
        index = self._tap_indexes.get(tap)
        if index is None:
            index = self._tap_indexes[tap] = len(self._taps)
            self._taps.append(tap)
        self._tap.append(index)
        self._src.append(self._find_address(flow.src) if flow is not None else 0)
        self._dst.append(self._find_address(flow.dst) if flow is not None else 0)
        self._protocol.append(flow.protocol if flow is not None else 0)
        self._src_port.append(flow.src_port if flow is not None else 0)
        self._dst_port.append(flow.dst_port if flow is not None else 0)
        return len(self._tap) - 1

    def drop_indexes(self) -> None:
        """Nothing will be added any more."""
        self._tap_indexes.clear()
        self._address_indexes.clear()

    def _find_address(self, address: Address) -> int:
        index = self._address_indexes.get(address)
        if index is None:
            self._addresses.append(address)
            index = self._address_indexes[address] = len(self._addresses)
        return index

    def __len__(self) -> int:
        """Ways, repeated ones as well."""
        return len(self._tap)

    @overload
    def __getitem__(self, index: int) -> Way: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Way, ...]: ...

    def __getitem__(self, index: int | slice) -> Way | tuple[Way, ...]:
        """By index."""
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        tap, src = self._taps[self._tap[index]], self._src[index]
        if not src:
            return tap, None
        return tap, Flow(
            src=self._addresses[src - 1],
            dst=self._addresses[self._dst[index] - 1],
            protocol=self._protocol[index],
            src_port=self._src_port[index],
            dst_port=self._dst_port[index],
        )
