"""Splitting: a recorded run as if others had recorded it, one plain pcap file a tap, each with a clock of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path

from harness.capture import block as blocks
from harness.capture.ledger import ETHER_TYPE
from harness.capture.pcapng import read_blocks, read_keys
from harness.capture.writer import PcapngWriter
from harness.site.site import Site
from harness.trace.trace import Trace

Keep = Callable[[str, int], bool]
"""From the tap and the number of a packet among those of its tap (from 0) to whether it stays."""


def read_site(trace: Trace) -> Site:
    """The site inside a recorded file."""
    return Site.model_validate_json(trace.annotations["site/1"])


def read_key_log(file: Path) -> bytes:
    """All TLS secrets inside a file."""
    with file.open("rb") as stream:
        return b"".join(keys.data for keys in read_keys(stream) if keys.kind == blocks.TLS_KEY_LOG)


def split(
    file: Path, *, clocks: Mapping[str, int] | None = None, keep: Keep = lambda tap, number: True
) -> dict[str, BytesIO]:
    """One pcap file for each tap that saw IP packets, without sentinels, names, comments or secrets.

    Args:
        file: a recorded run.
        clocks: nanoseconds to add to all times of a tap.
        keep: which packets stay.
    """
    taps: dict[int, str] = {}
    frames: dict[str, list[tuple[int, bytes]]] = {}
    with file.open("rb") as stream:
        for block in read_blocks(stream):
            if isinstance(block, blocks.Interface):
                taps[block.index] = block.name
            elif isinstance(block, blocks.Capture) and block.data[12:14] != ETHER_TYPE.to_bytes(2):
                frames.setdefault(taps[block.interface], []).append((block.time_ns, block.data))
    return {
        tap: build_pcap(
            (time_ns + (clocks or {}).get(tap, 0), data)
            for number, (time_ns, data) in enumerate(listed)
            if keep(tap, number)
        )
        for tap, listed in frames.items()
    }


def strip(file: Path) -> BytesIO:
    """The packets of all taps with their secrets, as another program would have recorded them."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    with file.open("rb") as source:
        listed = list(read_blocks(source))
    for block in listed:
        if isinstance(block, blocks.Interface):
            writer.write_interface(block.name, link_type=block.link_type)
    writer.write_secrets(read_key_log(file))
    for block in listed:
        if isinstance(block, blocks.Capture) and block.data[12:14] != ETHER_TYPE.to_bytes(2):
            writer.write_packet(block.interface, block.time_ns, block.data, size=block.size)
    stream.seek(0)
    return stream


def build_pcap(frames: Iterable[tuple[int, bytes]], *, link_type: int = 1) -> BytesIO:
    """A pcap file with times in nanoseconds."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type)]
    for time_ns, data in frames:
        seconds, rest = divmod(time_ns, 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds, rest, len(data), len(data)) + data)
    return BytesIO(b"".join(parts))
