"""Writer of pcapng, in the one order that tshark, capinfos, editcap and mergecap all accept.

    section header | interfaces | names | secrets and packets, mixed | interface statistics

Secrets go just before the packets they open: readers of one pass need them first. No custom blocks: Wireshark counts
them as frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from ipaddress import IPv4Address
from typing import IO

from harness.capture import pcapng
from harness.capture.block import TLS_KEY_LOG
from harness.capture.option import COMMENT, Option, build_options
from harness.net.address import Address

_NANOSECONDS = b"\x09"
"""if_tsresol: 10 to the power of -9."""


class _Stage(IntEnum):
    """What has been written last; it only grows."""

    INTERFACES = 1
    NAMES = 2
    PACKETS = 3
    STATISTICS = 4


class PcapngWriter:
    """Writes one section to a binary stream, which the caller opens and closes."""

    def __init__(
        self,
        stream: IO[bytes],
        *,
        comments: Sequence[str] = (),
        os: str = "",
        application: str = "",
    ) -> None:
        """Write the section header at once.

        Raises:
            ValueError: a comment is longer than 65,535 bytes.
        """
        self._stream = stream
        self._stage = _Stage.INTERFACES
        self._interface_count = 0
        options = [*_comments(comments), *_text(3, os), *_text(4, application)]
        head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        self._write(pcapng.SECTION_HEADER, head + build_options(options))

    def write_interface(
        self, name: str, *, description: str = "", link_type: int = 1, snap_length: int = 0
    ) -> int:
        """Describe one tap, with time stamps in nanoseconds, and give its 0-based index."""
        self._enter(_Stage.INTERFACES, f"interface {name!r}")
        options = [*_text(2, name), *_text(3, description), (9, _NANOSECONDS)]
        self._write(
            pcapng.INTERFACE,
            struct.pack("<HHI", link_type, 0, snap_length) + build_options(options),
        )
        self._interface_count += 1
        return self._interface_count - 1

    def write_names(self, names: Mapping[Address, Sequence[str]]) -> None:
        """Name addresses; of several names for one address Wireshark shows the last."""
        self._enter(_Stage.NAMES, "names")
        records: list[bytes] = []
        for address, texts in names.items():
            value = address.packed + b"".join(text.encode() + b"\0" for text in texts)
            kind = 1 if isinstance(address, IPv4Address) else 2
            records.append(struct.pack("<HH", kind, len(value)) + value + bytes(-len(value) % 4))
        self._write(pcapng.NAMES, b"".join(records) + bytes(4))

    def write_secrets(self, lines: bytes) -> None:
        """Store key log lines; write them before the first packet of their connection."""
        self._enter(_Stage.PACKETS, "secrets")
        self._write(
            pcapng.KEYS,
            struct.pack("<II", TLS_KEY_LOG, len(lines)) + lines + bytes(-len(lines) % 4),
        )

    def write_packet(
        self,
        interface: int,
        time_ns: int,
        data: bytes,
        *,
        size: int | None = None,
        comments: Sequence[str] = (),
    ) -> None:
        """Store one frame; `size` is its length on the wire where `data` was cut."""
        self._enter(_Stage.PACKETS, "packet")
        self._check(interface)
        wire_size = len(data) if size is None else size
        head = struct.pack(
            "<IIIII", interface, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), wire_size
        )
        options = build_options(_comments(comments)) if comments else b""
        self._write(pcapng.PACKET, head + data + bytes(-len(data) % 4) + options)

    def write_packets(self, blocks: bytes) -> None:
        """Store whole enhanced packet blocks that were built elsewhere, for interfaces that are described."""
        self._enter(_Stage.PACKETS, "packets")
        self._stream.write(blocks)

    def write_statistics(
        self,
        interface: int,
        time_ns: int,
        *,
        received: int | None = None,
        dropped: int | None = None,
        delivered: int | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        comments: Sequence[str] = (),
    ) -> None:
        """Store the counters of one interface, after the last packet."""
        self._enter(_Stage.STATISTICS, "statistics")
        self._check(interface)
        options = list(_comments(comments))
        for code, moment in ((2, start_ns), (3, end_ns)):
            if moment is not None:
                options.append((code, struct.pack("<II", moment >> 32, moment & 0xFFFFFFFF)))
        for code, count in ((4, received), (5, dropped), (8, delivered)):
            if count is not None:
                options.append((code, struct.pack("<Q", count)))
        head = struct.pack("<III", interface, time_ns >> 32, time_ns & 0xFFFFFFFF)
        self._write(pcapng.STATISTICS, head + build_options(options))

    def _check(self, interface: int) -> None:
        if not 0 <= interface < self._interface_count:
            raise ValueError(
                f"interface {interface}: got {self._interface_count} interfaces; describe it first"
            )

    def _enter(self, stage: _Stage, what: str) -> None:
        if stage < self._stage:
            raise ValueError(
                f"{what} after {self._stage.name.lower()}: write interfaces, names, packets, statistics in this order"
            )
        self._stage = stage

    def _write(self, kind: int, body: bytes) -> None:
        size = 12 + len(body)
        self._stream.write(struct.pack("<II", kind, size) + body + struct.pack("<I", size))


def _comments(texts: Iterable[str]) -> list[Option]:
    return [(COMMENT, text.encode()) for text in texts]


def _text(code: int, text: str) -> list[Option]:
    return [(code, text.encode())] if text else []
