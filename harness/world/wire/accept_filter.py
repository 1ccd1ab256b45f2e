"""The accept filter: a classic BPF program on a listening socket that drops every other source before TCP sees it."""

from __future__ import annotations

import ctypes
import socket
import struct

from harness.net.address import Address

_SO_ATTACH_FILTER = 26
_LOAD_WORD_ABSOLUTE, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NETWORK_HEADER = 0x100000000 - 0x100000
"""SKF_NET_OFF: offsets from here count from the IP header, wherever the packet's data starts."""
_SOURCE = {4: 12, 6: 8}
"""Offset of the source address in the IP header (RFC 791 section 3.1, RFC 8200 section 3)."""
_SIZE = {4: 4, 6: 16}
"""Bytes of an address."""
MAX_INSTRUCTIONS = 4096
"""What the kernel takes (BPF_MAXINSNS)."""


def build_program(sources: tuple[Address, ...], *, version: int = 4) -> bytes:
    """Instructions (struct sock_filter) that accept packets from these sources alone.

    Args:
        sources: of both families; those of the other one do not matter to this socket.
        version: the family of the socket, 4 or 6.

    Raises:
        ValueError: too many sources.
    """
    program = b"".join(_accept(s.packed, version) for s in sources if s.version == version)
    program += struct.pack("=HBBI", _RETURN, 0, 0, 0)
    if len(program) > 8 * MAX_INSTRUCTIONS:
        raise ValueError(
            f"accept_from has {len(sources)} sources; that is more than a packet filter of "
            f"{MAX_INSTRUCTIONS} instructions holds"
        )
    return program


def _accept(source: bytes, version: int) -> bytes:
    """Compare a source word by word; all equal: accept, otherwise on behind the last of these instructions."""
    words = _SIZE[version] // 4
    program = b""
    for number in range(words):
        offset = _NETWORK_HEADER + _SOURCE[version] + 4 * number
        word = int.from_bytes(source[4 * number : 4 * number + 4], "big")
        program += struct.pack("=HBBI", _LOAD_WORD_ABSOLUTE, 0, 0, offset)
        program += struct.pack("=HBBI", _JUMP_EQUAL, 0, 2 * (words - number) - 1, word)
    return program + struct.pack("=HBBI", _RETURN, 0, 0, 0xFFFFFFFF)


def attach(listener: socket.socket, sources: tuple[Address, ...]) -> None:
    """Put the filter on a socket; do it before `listen`, so that no packet slips in.

    Raises:
        ValueError: as `build_program`.
    """
    version = 6 if listener.family == socket.AF_INET6 else 4
    program = build_program(sources, version=version)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
