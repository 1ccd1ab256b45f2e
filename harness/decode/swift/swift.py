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
from harness.decode.swift.tls import Piece, SwiftTls
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.trace.connection import Tunnel
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side

MAX_DEPTH = 3
"""Tunnels inside one another, as in layers.py."""


def read_swiftly(talk: Talk, secrets: Secrets, detail: Detail) -> LayerFields | None:
    """The same as LayerStack finds in these bytes; None: something is odd, so ask that one."""
    if secrets.needs_key_exchange:
        return None
    try:
        return _read(talk.build_runs(), secrets, detail, depth=0)
    except OddError:
        return None


def _read(
    runs: list[tuple[Side, Run]], secrets: Secrets, detail: Detail, *, depth: int
) -> LayerFields:
    """One level, and what goes through its tunnel. Raises OddError."""
    if not runs:
        raise OddError
    side, run = runs[0]
    if side != "client" or find_proxy_header(run.data) != 0 or sniff_client(run.data) != "tls":
        raise OddError
    tls = SwiftTls(secrets, detail)
    tls.read(runs)
    session = tls.build()
    exchanges: tuple[Exchange, ...] = ()
    tunnel = None
    if detail.level == "exchanges":
        exchanges, granted = read_exchanges(tls.pieces, detail)
        if granted is not None:
            tunnel = _read_tunnel(granted, secrets, detail, depth=depth + 1)
    return LayerFields(preamble=None, tls=session, exchanges=exchanges, malformed=(), tunnel=tunnel)


def _read_tunnel(granted: Granted, secrets: Secrets, detail: Detail, *, depth: int) -> Tunnel:
    if depth > MAX_DEPTH:
        raise OddError
    if not granted.pieces:
        return Tunnel(target=granted.target, opened=granted.opened)
    inner = _read(_build_runs(granted.pieces), secrets, detail, depth=depth)
    return Tunnel(target=granted.target, opened=granted.opened, **inner)


def _build_runs(pieces: list[Piece]) -> list[tuple[Side, Run]]:
    """What one side sent without an answer is a run; each byte came with the packet that completed its record."""
    runs: list[tuple[Side, Run]] = []
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
