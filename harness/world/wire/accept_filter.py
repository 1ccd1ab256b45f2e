"""The accept filter: a classic BPF program on a listening socket that drops every other source before TCP sees it."""

from __future__ import annotations

import ctypes
import socket
import struct
from ipaddress import IPv4Address

from harness.net.address import Address

_SO_ATTACH_FILTER = 26
_LOAD_WORD_ABSOLUTE, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NETWORK_HEADER = 0x100000000 - 0x100000
"""SKF_NET_OFF: offsets from here count from the IP header, wherever the packet's data starts."""
_SOURCE = 12
"""Offset of the source address in the IPv4 header (RFC 791 section 3.1)."""
MAX_SOURCES = 2000
"""The kernel takes 4,096 instructions (BPF_MAXINSNS); each source needs two."""


def build_program(sources: tuple[Address, ...]) -> bytes:
    """Instructions (struct sock_filter) that accept packets from these sources alone.

    Raises:
        ValueError: too many sources, or an IPv6 one.
    """
    if len(sources) > MAX_SOURCES:
        raise ValueError(
            f"accept_from has {len(sources)} sources; a packet filter holds {MAX_SOURCES}"
        )
    program = struct.pack("=HBBI", _LOAD_WORD_ABSOLUTE, 0, 0, _NETWORK_HEADER + _SOURCE)
    for source in sources:
        if not isinstance(source, IPv4Address):
            raise ValueError(
                f"accept_from has {source}; the kernel wire carries IPv4 hosts for now"
            )
        # Equal: on to the next instruction, which accepts. Otherwise: skip it.
        program += struct.pack("=HBBI", _JUMP_EQUAL, 0, 1, int(source))
        program += struct.pack("=HBBI", _RETURN, 0, 0, 0xFFFFFFFF)
    return program + struct.pack("=HBBI", _RETURN, 0, 0, 0)


def attach(listener: socket.socket, sources: tuple[Address, ...]) -> None:
    """Put the filter on a socket; do it before `listen`, so that no packet slips in.

    Raises:
        ValueError: as `build_program`.
    """
    program = build_program(sources)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
