"""PcapForm: how the records of a pcap file are laid out.

The magic of the file tells byte order and resolution (draft-ietf-opsawg-pcap section 4). Older programs changed the
record head without a magic of their own: which of those wrote a file is told from its first records, and only where
they make no sense in the ordinary layout. Layouts: libpcap's sf-pcap.c and Wireshark's wiretap/libpcap.h.

    time s | time fraction | captured bytes | bytes on the wire |                                           ordinary
    ... the same ...                        | interface index 4 | EtherType 2 | type 1 | 1          Kuznetsov's (24)
    ... the same ...                        | interface index 4 | EtherType 2 | type 1 | 2 | 3      SuSE 6.3's (28)
    ... the same ...                        | 4 more bytes                                             Nokia's (20)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final

from harness.capture.option import ByteOrder
from harness.capture.source import Source

MAX_PACKET_SIZE: Final = 256 << 10
"""libpcap's own limit for one packet."""
_MICRO, _NANO = 1_000_000, 1_000_000_000
_ORDINARY, _NOKIA, _KUZNETSOV, _SUSE = 16, 20, 24, 28
"""Bytes of a record head."""
_FILE_HEAD = 24
_IXIA_HEAD = 28
"""Bytes of the file header; Ixia's has the size of all records at its end."""
_TRIED = 4
"""Records that are looked at where the layout is not sure."""
_FEWEST = 2
"""So many make another layout than the first one believable."""
_MAX_INTERFACES = 10_000
_MAX_PACKET_TYPE = 4
"""PACKET_OUTGOING of linux/if_packet.h."""
_DAY_S = 86_400
_AIX_LINK_TYPES = {6: 1, 9: 6, 15: 10, 24: 0}
"""AIX writes interface types (RFC 1573) in the place of link types: Ethernet, token ring, FDDI, loopback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PcapForm:
    """The layout of one file."""

    order: ByteOrder
    ticks_per_second: int = _MICRO
    head_size: int = _ORDINARY
    """Bytes of a record head."""
    file_head_size: int = _FILE_HEAD
    """Bytes before the first record."""
    is_size_first: bool = False
    """The bytes on the wire stand before the captured ones: before version 2.3, and in DG/UX's 543.0."""
    is_order_unsure: bool = False
    """Version 2.3: programs did either, and the smaller number is that of the captured bytes."""

    @property
    def is_plain(self) -> bool:
        """Whether the captured bytes always stand before those on the wire."""
        return not (self.is_size_first or self.is_order_unsure)

    def build_head(self) -> struct.Struct:
        """What unpacks a record head: seconds, fraction, and the two numbers of bytes."""
        return struct.Struct(f"{self.order}IIII{self.head_size - _ORDINARY}x")

    def sort_lengths(self, first: int, second: int) -> tuple[int, int]:
        """Captured bytes, bytes on the wire."""
        if self.is_size_first or (self.is_order_unsure and first > second):
            return second, first
        return first, second


_FORMS: dict[int, PcapForm] = {
    0xA1B2C3D4: PcapForm(order=">"),
    0xA1B23C4D: PcapForm(order=">", ticks_per_second=_NANO),
    0xA1B2CD34: PcapForm(order=">", head_size=_KUZNETSOV),
    0x1C0001AC: PcapForm(order=">", ticks_per_second=_NANO, file_head_size=_IXIA_HEAD),
    0x1C0001AB: PcapForm(order=">", file_head_size=_IXIA_HEAD),
}
"""By the magic as a number; the last two are Ixia's lcap files."""
_OTHERS = {0xA1B2C3D4: (_KUZNETSOV, _NOKIA), 0xA1B2CD34: (_SUSE,)}
"""Heads of other programs with the same magic."""
_MAGIC: dict[bytes, tuple[int, PcapForm]] = {
    **{magic.to_bytes(4, "big"): (magic, form) for magic, form in _FORMS.items()},
    **{
        magic.to_bytes(4, "little"): (magic, replace(form, order="<"))
        for magic, form in _FORMS.items()
    },
}


def is_pcap(start: bytes) -> bool:
    """Whether a file that begins so is a pcap file."""
    return start[:4] in _MAGIC


def read_form(source: Source) -> tuple[PcapForm, int]:
    """The layout of the pcap file that begins at the source's place, and its link type; nothing is taken.

    The file header is whole.
    """
    magic, form = _MAGIC[source.look(4)]
    head = source.look(_FILE_HEAD)
    major, minor = struct.unpack_from(form.order + "HH", head, 4)
    (word,) = struct.unpack_from(form.order + "I", head, 20)
    # The upper half of the word tells of the frame check sequence; the IP length makes it harmless.
    link_type = word & 0xFFFF
    if (major, minor) == (2, 2) and magic == 0xA1B2C3D4 and word in _AIX_LINK_TYPES:
        form = replace(form, ticks_per_second=_NANO)
        link_type = _AIX_LINK_TYPES[word]
    if major == 543 or (major == 2 and minor < 3):
        return replace(form, is_size_first=True), link_type
    if (major, minor) == (2, 3):
        return replace(form, is_order_unsure=True), link_type
    if magic in _OTHERS and not _count_records(source, form):
        for head_size in _OTHERS[magic]:
            other = replace(form, head_size=head_size)
            if _count_records(source, other) >= _FEWEST:
                return other, link_type
    return form, link_type


def _count_records(source: Source, form: PcapForm) -> int:
    """Of the first records how many there are; 0 where one of them cannot be a record of that layout."""
    unpack = form.build_head().unpack
    place = form.file_head_size
    last_s: int | None = None
    for count in range(_TRIED):
        head = source.look(form.head_size, skip=place)
        if not head and count:
            return count
        if len(head) < form.head_size:
            return 0
        seconds, fraction, kept, size = unpack(head)
        place += form.head_size + kept
        if (
            fraction >= form.ticks_per_second
            or not kept <= size <= 4 * MAX_PACKET_SIZE
            or kept > MAX_PACKET_SIZE
            or (last_s is not None and abs(seconds - last_s) > _DAY_S)
            or not _is_extra_believable(head, form)
            or (kept and not source.look(1, skip=place - 1))
        ):
            return 0
        last_s = seconds
    return _TRIED


def _is_extra_believable(head: bytes, form: PcapForm) -> bool:
    """What follows the ordinary 16 bytes of a record head."""
    if form.head_size in (_KUZNETSOV, _SUSE):
        index, _, packet_type = struct.unpack_from(form.order + "IHB", head, _ORDINARY)
        return bool(index <= _MAX_INTERFACES and packet_type <= _MAX_PACKET_TYPE)
    return True
