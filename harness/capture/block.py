"""Block: what a capture file holds, one typed value each, the same for pcapng and pcap.

Interfaces are counted from 0 over the whole file, over all its sections.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.net.address import Address

TLS_KEY_LOG = 0x544C534B
"""Secrets type of an NSS key log (draft-ietf-opsawg-pcapng section 4.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section header; a pcap file has one as well."""

    comments: tuple[str, ...] = ()
    hardware: str = ""
    os: str = ""
    application: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface description."""

    index: int
    section: int
    """0-based; its number in the section's own count is not kept."""
    link_type: int
    snap_length: int = 0
    """Bytes; 0 is no limit."""
    name: str = ""
    """Of its tap (tap_name.py)."""
    description: str = ""
    ticks_per_second: int = 1_000_000
    offset_s: int = 0
    """Seconds to add to each time stamp."""
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One captured frame. `size` is what was on the wire, `data` what was kept of it."""

    number: int
    """1-based over the whole file, as Wireshark counts."""
    interface: int
    time_ns: int
    """Since the epoch; 0 where the block carries no time (simple packet block)."""
    size: int
    data: bytes
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncaptured:
    """A block without a frame that Wireshark counts as one: custom blocks, journal entries, system calls."""

    number: int
    kind: int
    """Block type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Host names by address, in file order."""

    names: tuple[tuple[Address, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counters of one interface; None: not in the file."""

    interface: int
    received: int | None = None
    dropped: int | None = None
    delivered: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A decryption secrets block."""

    kind: int
    """TLS_KEY_LOG, or what other protocols use."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Bytes that are no block; reading went on where `resumed` says."""

    offset: int
    """From the start of the (uncompressed) file."""
    message: str
    resumed: int | None = None
    """Offset of the next block that could be read; None: none."""


Block = Section | Interface | Capture | Uncaptured | Names | Statistics | Keys | Damage
