"""A capture ring: AF_PACKET with TPACKET_V3, memory shared with the kernel, which counts what it could not store.

Layouts (linux/if_packet.h: struct tpacket_block_desc, struct tpacket3_hdr; host byte order):

block: 8 status u32 | 12 packets u32 | 16 offset of the first u32 | 20 used bytes u32 | ...
packet: 0 next u32 | 4 s u32 | 8 ns u32 | 12 stored u32 | 16 size u32 | 20 status u32 | 24 offset of the data u16
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
from collections.abc import Iterator

from harness.world.recorder.recording import Frame
from harness.world.wire.tap import TapPoint

_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 1, 5, 6, 10, 23
_TPACKET_V3, _MR_PROMISC, _ETH_P_ALL = 2, 1, 3
_STATUS_USER = 1
BLOCK_BYTES = 128 * 1024
"""Bigger ones are handed over nearly empty at each time-out; a frame of `lo` (64 kB) still fits."""
_FRAME_BYTES = 2048
RETIRE_MS = 10
"""Soon enough that draining costs nothing, and few enough wake-ups."""


_libc = ctypes.CDLL(None, use_errno=True)


class Ring:
    """The ring of one tap; it records from the moment it exists."""

    def __init__(self, tap: TapPoint, *, size_bytes: int, retire_ms: int = RETIRE_MS) -> None:
        """Open it inside the tap's namespace.

        Args:
            tap: where.
            size_bytes: of the whole ring; rounded up to full blocks.
            retire_ms: a block with anything in it is handed over after this long.

        Raises:
            OSError: no AF_PACKET, no such interface, no capability, or no memory.
        """
        self.tap = tap
        self._blocks = max(1, -(-size_bytes // BLOCK_BYTES))
        self._next = 0
        self.received = 0
        """Drops included."""
        self.dropped = 0
        self.freezes = 0
        with tap.namespace.entered():
            # Protocol 0: deaf until it is bound, so that nothing of another interface gets in.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            # Another one to send from: a packet socket never sees what it sends itself.
            self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            try:
                self._set_up(retire_ms)
            except BaseException:
                self._socket.close()
                self._sender.close()
                raise

    def _set_up(self, retire_ms: int) -> None:
        s = self._socket
        s.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        frames = self._blocks * (BLOCK_BYTES // _FRAME_BYTES)
        layout = struct.pack(
            "=7I", BLOCK_BYTES, self._blocks, _FRAME_BYTES, frames, retire_ms, 0, 0
        )
        # Not by socket.setsockopt, which keeps all other threads waiting: the kernel takes 10 to 30 ms for this one.
        if _libc.setsockopt(s.fileno(), _SOL_PACKET, _RX_RING, layout, len(layout)) != 0:
            number = ctypes.get_errno()
            raise OSError(
                number, f"ring of {self._blocks} blocks on {self.tap.name}: {os.strerror(number)}"
            )
        self._memory = mmap.mmap(s.fileno(), self._blocks * BLOCK_BYTES)
        self._view = memoryview(self._memory)
        if self.tap.loopback:
            s.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        else:
            index = socket.if_nametoindex(self.tap.interface)
            s.setsockopt(
                _SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("=iHH8s", index, _MR_PROMISC, 0, b"")
            )
        s.bind((self.tap.interface, _ETH_P_ALL))

    def fileno(self) -> int:
        """For select: readable when a block is ready."""
        return self._socket.fileno()

    def take_block(self) -> bytes | None:
        """Copy out the next full block and give its place back to the kernel; None when there is none."""
        start = self._next * BLOCK_BYTES
        status, _, _, used = struct.unpack_from("=4I", self._view, start + 8)
        if not status & _STATUS_USER:
            return None
        block = bytes(self._view[start : start + used])
        struct.pack_into("=I", self._view, start + 8, 0)
        self._next = (self._next + 1) % self._blocks
        return block

    def count(self) -> None:
        """Add the kernel's counters up; reading them resets them there."""
        raw = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
        received, dropped, freezes = struct.unpack("=3I", raw)
        self.received += received
        self.dropped += dropped
        self.freezes += freezes

    def inject(self, frame: bytes) -> None:
        """Send one frame out of the tapped interface, so that this ring sees it once.

        On a bridge that is the copy going out, on `lo` the one coming in again.

        Raises:
            OSError: the interface is gone or down.
        """
        self._sender.sendto(frame, (self.tap.interface, 0))

    def close_sender(self) -> None:
        """Inject no more; the kernel takes 10 to 30 ms, in which `close` may run in another thread."""
        self._sender.close()

    def close(self) -> None:
        """Stop recording and free the memory. Counters stay as last read. Takes the kernel 10 to 60 ms."""
        self._view.release()
        self._memory.close()
        self._socket.close()
        self._sender.close()


def count_frames(block: bytes) -> int:
    """Frames in a block, from its header."""
    frames: int = struct.unpack_from("=I", block, 12)[0]
    return frames


def parse_block(block: bytes, tap: int) -> Iterator[Frame]:
    """The frames of a block, in order of arrival.

    Args:
        block: as `take_block` gave it.
        tap: index for the frames.
    """
    _, packets, offset = struct.unpack_from("=3I", block, 8)
    for _ in range(packets):
        following, seconds, nanoseconds, stored, size, _, data = struct.unpack_from(
            "=6IH", block, offset
        )
        yield Frame(
            tap,
            seconds * 1_000_000_000 + nanoseconds,
            size,
            block[offset + data : offset + data + stored],
        )
        offset += following
