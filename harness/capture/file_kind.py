"""FileKind: what a file that is no pcapng or pcap is instead, told from its first bytes, and what makes one of it."""

from __future__ import annotations

from typing import Final

LOOK_SIZE: Final = 264
"""Bytes from the begin that are asked for."""
_TAR_MAGIC = b"ustar"
_TAR_AT = 257
"""POSIX.1-1988: magic of the first header."""
_CONVERT = "editcap -F pcapng FILE FILE.pcapng"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "zstd data", "zstd -d FILE"),
    (b"\x04\x22\x4d\x18", "LZ4 data", "lz4 -d FILE"),
    (b"\xfd7zXZ\x00", "xz data", "xz -d FILE"),
    (b"BZh", "bzip2 data", "bzip2 -d FILE"),
    (b"LZIP", "lzip data", "lzip -d FILE"),
    (b"\x1f\x9d", "compress data", "gzip -d FILE"),
    (b"PK\x03\x04", "a ZIP archive", "unzip FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    (b"snoop\x00\x00\x00", "a Solaris snoop capture", _CONVERT),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", _CONVERT),
    (b"GMBU", "a Microsoft Network Monitor 2 capture", _CONVERT),
    (b"TRSNIFF data    \x1a", "a DOS Sniffer capture", _CONVERT),
    (b"XCP\x00", "a Windows Sniffer or NetXray capture", _CONVERT),
    (b"iptrace ", "an AIX iptrace capture", _CONVERT),
    (b"btsnoop\x00", "a Bluetooth capture", ""),
)
"""Begin, name, command. Magics: RFC 8878 section 3.1.1, RFC 1761, Wireshark's wiretap."""


def tell_kind(start: bytes) -> str:
    """What a file is that begins so, and the command that helps; empty where that is not known."""
    for magic, name, command in _KINDS:
        if start.startswith(magic):
            return f"{name} (first: {command})" if command else name
    if start[_TAR_AT:].startswith(_TAR_MAGIC):
        return "a tar archive (first: tar xf FILE)"
    return ""
