"""Swift: what a whole, ordinary connection holds, and what goes through its tunnel.

All of it is at hand: nothing is carried from packet to packet.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from harness.capture.keylog import Secrets
from harness.decode.detail import Detail
from harness.decode.layer_fields import LayerFields
from harness.decode.proxy_header import find_proxy_header
from harness.decode.sniff import sniff_client
from harness.decode.swift.http import Granted, read_exchanges
from harness.decode.swift.odd import OddError
from harness.decode.swift.tls import Piece, Runs, SwiftTls
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.trace.connection import Tunnel
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side

MAX_DEPTH = 3
"""Tunnels inside one another, as in layers.py."""
MAX_REMEMBERED = 4 << 20
"""Bytes of sessions that may come again: a balancer passes them on at once."""

_Bytes = tuple[tuple[Side, bytes], ...]


class Swift:
    """Reads the connections of one capture."""

    def __init__(self, secrets: Secrets, detail: Detail) -> None:
        """Take the secrets of the capture, and what is wanted."""
        self._secrets = secrets
        self._detail = detail
        self._known: dict[tuple[int, _Bytes], SwiftTls] = {}
        """By what both sides sent, and how many secrets were known then; the oldest first."""
        self.remembered_size = 0
        """Bytes that are remembered."""

    def read(self, talk: Talk) -> LayerFields | None:
        """The same as LayerStack finds in these bytes; None: something is odd, so ask that one."""
        if self._secrets.needs_key_exchange:
            return None
        try:
            return self._read(talk.build_runs(), depth=0)
        except OddError:
            return None

    def _read(self, runs: Runs, *, depth: int) -> LayerFields:
        """One level, and what goes through its tunnel. Raises OddError."""
        if not runs:
            raise OddError
        side, run = runs[0]
        if side != "client" or find_proxy_header(run.data) != 0 or sniff_client(run.data) != "tls":
            raise OddError
        session, pieces = self._find_tls(runs).build(runs)
        exchanges: tuple[Exchange, ...] = ()
        tunnel = None
        if self._detail.level == "exchanges":
            exchanges, granted = read_exchanges(pieces, self._detail)
            if granted is not None:
                tunnel = self._read_tunnel(granted, depth=depth + 1)
        return LayerFields(
            preamble=None, tls=session, exchanges=exchanges, malformed=(), tunnel=tunnel
        )

    def _find_tls(self, runs: Runs) -> SwiftTls:
        """What these bytes are; remembered for when they come again."""
        key = (self._secrets.change_count, tuple((side, run.data) for side, run in runs))
        tls = self._known.get(key)
        if tls is None:
            tls = SwiftTls(self._secrets, self._detail)
            tls.read(runs)
            self._known[key] = tls
            self.remembered_size += _find_size(key)
            while self.remembered_size > MAX_REMEMBERED:
                oldest = next(iter(self._known))
                del self._known[oldest]
                self.remembered_size -= _find_size(oldest)
        return tls

    def _read_tunnel(self, granted: Granted, *, depth: int) -> Tunnel:
        if depth > MAX_DEPTH:
            raise OddError
        if not granted.pieces:
            return Tunnel(target=granted.target, opened=granted.opened)
        inner = self._read(_build_runs(granted.pieces), depth=depth)
        return Tunnel(target=granted.target, opened=granted.opened, **inner)


def _find_size(key: tuple[int, _Bytes]) -> int:
    return sum(len(data) for _, data in key[1])


def _build_runs(pieces: list[Piece]) -> Runs:
    """What one side sent without an answer is a run; each byte came with the packet that completed its record."""
    runs: Runs = []
    for side, group in groupby(pieces, key=itemgetter(0)):
        parts: list[bytes] = []
        ends: list[int] = []
        numbers: list[PacketNumber] = []
        times: list[int] = []
        end = 0
        for _, data, seen in group:
            parts.append(data)
            end += len(data)
            if numbers and numbers[-1] == seen.packets[-1]:
                ends[-1] = end
            else:
                ends.append(end)
                numbers.append(seen.packets[-1])
                times.append(seen.time_ns)
        runs.append((side, Run(b"".join(parts), ends, numbers, times)))
    return runs
