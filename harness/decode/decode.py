"""decode: a capture file to a Trace, in two passes. The first finds the secrets, wherever they stand in the file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from types import MappingProxyType
from typing import BinaryIO

from harness.capture import block as blocks
from harness.capture.annotation import decode_annotations
from harness.capture.keylog import Secrets
from harness.capture.ledger import ETHER_TYPE as SENTINEL
from harness.capture.ledger import find_freezes, parse_sentinel
from harness.capture.pcapng import read_blocks, read_keys
from harness.decode.frame import FrameDecoder
from harness.decode.layers import LayerStack
from harness.decode.observation import (
    build_connection,
    describe_damage,
    reason_not_followed,
)
from harness.decode.reassembly import Reassembler
from harness.decode.tap_names import TapNames
from harness.decode.tls_rsa import RsaKeys
from harness.net.address import Address
from harness.trace.packet import Packet, PacketNumber
from harness.trace.trace import Damage, Tap, Trace


def decode(stream: BinaryIO, *, key_log: bytes = b"", rsa_keys: RsaKeys | None = None) -> Trace:
    """Everything that a pcapng or pcap file shows, read from the stream's present position.

    Bad bytes do not raise: what could not be used is in `damage` and `skipped`. Secrets in the file come first,
    then those of `key_log`; `rsa_keys` open RSA key exchanges (TLS 1.2 and before).
    """
    if not stream.seekable():
        stream = BytesIO(stream.read())
    start = stream.tell()
    secrets = Secrets()
    if rsa_keys is not None:
        secrets.use_private_keys(rsa_keys.open)
    for keys in read_keys(stream):
        if keys.kind == blocks.TLS_KEY_LOG:
            secrets.add(keys.data)
    secrets.add(key_log)
    stream.seek(start)
    decoder = _Decoder(secrets)
    for block in read_blocks(stream):
        decoder.handle(block)
    return decoder.finish()


@dataclass(slots=True)
class _TapDraft:
    """One interface while the file is read."""

    name: str
    link_type: int
    packet_count: int = 0
    statistics: blocks.Statistics | None = None
    started: PacketNumber | None = None
    stopped: PacketNumber | None = None
    is_joined: bool = False
    """It goes over several sections, and nothing proves that nothing is missing between them."""


class _Decoder:
    """Puts a trace together, block by block."""

    def __init__(self, secrets: Secrets) -> None:
        self._frames = FrameDecoder()
        self._reassembler = Reassembler(lambda: LayerStack(secrets))
        self._packets: list[Packet] = []
        self._tap_names = TapNames()
        self._taps: dict[int, _TapDraft] = {}
        self._names: dict[Address, list[str]] = {}
        self._comments: list[str] = []
        self._damage: list[Damage] = []
        self._skipped: Counter[str] = Counter()

    def handle(self, block: blocks.Block) -> None:
        """Take in the next block."""
        match block:
            case blocks.Capture():
                self._handle_capture(block)
            case blocks.Uncaptured():
                note = f"block type {block.kind} without a frame"
                number = PacketNumber(block.number)
                self._packets.append(
                    Packet(number=number, time_ns=0, tap="", size=0, ether_type=None, note=note)
                )
                self._skipped[note] += 1
            case blocks.Interface():
                self._add_tap(block)
            case blocks.Section():
                self._comments.extend(block.comments)
            case blocks.Names():
                for address, names in block.names:
                    known = self._names.setdefault(address, [])
                    known.extend(name for name in names if name not in known)
            case blocks.Statistics():
                self._taps[block.interface].statistics = block
            case blocks.Damage():
                self._damage.append(describe_damage(block))
            case blocks.Keys():
                pass

    def _add_tap(self, interface: blocks.Interface) -> None:
        """A new tap, or one of an earlier section once more."""
        name = self._tap_names.find(interface)
        for tap in self._taps.values():
            if tap.name == name:
                tap.is_joined = True
                self._taps[interface.index] = tap
                return
        self._taps[interface.index] = _TapDraft(name, interface.link_type)

    def _handle_capture(self, block: blocks.Capture) -> None:
        tap = self._taps[block.interface]
        tap.packet_count += 1
        packet, segment = self._frames.decode(
            tap.link_type,
            block.data,
            number=block.number,
            time_ns=block.time_ns,
            tap=tap.name,
            size=block.size,
        )
        self._packets.append(packet)
        if segment is not None:
            for earlier in segment.earlier:
                # Its fragments were noted when they came; now they are known to be part of this segment.
                self._skipped["fragment"] -= 1
                before = self._packets[earlier - 1]
                self._packets[earlier - 1] = replace(before, flow=packet.flow, note=None)
            self._reassembler.feed(tap.name, segment)
        elif packet.ether_type == SENTINEL and self._is_sentinel(tap, packet, block.data):
            return
        else:
            self._skipped[reason_not_followed(packet)] += 1

    def _is_sentinel(self, tap: _TapDraft, packet: Packet, data: bytes) -> bool:
        found = parse_sentinel(data)
        if found is None:
            return False
        kind, name = found
        if name == tap.name:
            if kind == "start" and tap.started is None:
                tap.started = packet.number
            elif kind == "stop":
                tap.stopped = packet.number
        return True

    def finish(self) -> Trace:
        """The trace; nothing may be handled after it."""
        annotations = decode_annotations(self._comments)
        problems = (Damage(offset=0, message=problem) for problem in annotations.problems)
        connections = tuple(build_connection(tcp) for tcp in self._reassembler.finish())
        return Trace(
            packets=tuple(self._packets),
            connections=connections,
            taps=tuple(
                _build_tap(tap) for tap in {t.name: t for t in self._taps.values()}.values()
            ),
            host_names=MappingProxyType(
                {address: tuple(names) for address, names in self._names.items()}
            ),
            annotations=annotations.texts,
            damage=(*self._damage, *problems),
            skipped=MappingProxyType(dict(+self._skipped)),
        )


def _build_tap(draft: _TapDraft) -> Tap:
    statistics = draft.statistics if not draft.is_joined else None
    return Tap(
        name=draft.name,
        link_type=draft.link_type,
        packet_count=draft.packet_count,
        received=statistics.received if statistics else None,
        dropped=statistics.dropped if statistics else None,
        freezes=find_freezes(statistics.comments) if statistics else None,
        started=draft.started if not draft.is_joined else None,
        stopped=draft.stopped,
    )
