"""Offloads: switched off, so that packets are as long as on a wire and carry checksums (linux/ethtool.h)."""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946
_SET_OFF = (0x17, 0x1F, 0x24, 0x2C)
"""ETHTOOL_STXCSUM, STSO, SGSO, SGRO."""


def switch_off(interface: str) -> None:
    """Switch off checksum and segmentation offload of an interface of the thread's namespace.

    What an interface cannot switch off (`lo` never computes checksums) stays as it is.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _SET_OFF:
            value = array.array("B", struct.pack("=II", command, 0))
            request = struct.pack("=16sQ", interface.encode("ascii"), value.buffer_info()[0])
            try:
                fcntl.ioctl(control, _SIOCETHTOOL, request.ljust(40, b"\0"))
            except OSError as refused:
                if refused.errno != errno.EOPNOTSUPP:
                    raise
