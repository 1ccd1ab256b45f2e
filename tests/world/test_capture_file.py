"""The capture file: whole or not at all, and in the order that one-pass readers need."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.capture.block import Capture, Interface, Keys, Names, Section, Statistics
from harness.capture.ledger import build_sentinel
from harness.capture.pcapng import read_blocks
from harness.net.address import Endpoint, parse_address
from harness.world.capture_file import CaptureFile
from harness.world.job import WorldError
from harness.world.key_log import KeyLog
from harness.world.recorder.recording import Frame, Recording, TapCount

DEVICE = Endpoint(parse_address("203.0.113.10"), 40000)
VIP = Endpoint(parse_address("10.20.0.10"), 5262)
RANDOM = bytes(range(32))


def _segment(source: Endpoint, destination: Endpoint, payload: bytes = b"") -> bytes:
    """A TCP segment as a capture would hold it, check sums left out."""
    ports = source.port.to_bytes(2, "big") + destination.port.to_bytes(2, "big")
    tcp = ports + bytes(8) + b"\x50\x10" + bytes(6)
    size = (20 + len(tcp) + len(payload)).to_bytes(2, "big")
    ip = b"\x45\x00" + size + bytes(5) + b"\x06\x00\x00"
    return (
        bytes(12)
        + b"\x08\x00"
        + ip
        + source.address.packed
        + destination.address.packed
        + tcp
        + payload
    )


def _recording(*frames: bytes) -> Recording:
    taps = (TapCount(name="dmz", received=len(frames), dropped=0, freezes=0, written=len(frames)),)
    return Recording(
        taps=taps,
        frames=tuple(Frame(0, 1_000 + i, len(data), data) for i, data in enumerate(frames)),
    )


def _file() -> CaptureFile:
    keys = KeyLog()
    keys.secret(
        local=DEVICE, peer=VIP, client_random=RANDOM, label="CLIENT_RANDOM", secret=bytes(48)
    )
    return CaptureFile(
        annotations=("note",),
        host_names={VIP.address: "vip"},
        sessions=tuple(keys),
        platform="simulated wire",
    )


@contextmanager
def small_files() -> Iterator[None]:
    """A limit on the size of files stands for a full disk: the kernel refuses the write.

    Only for the call under test: it also holds for the file that pytest's own output may go to.
    """
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_secrets_stand_just_before_the_first_packet_of_their_connection(tmp_path: Path) -> None:
    """Once, whichever direction comes first, and not before other packets."""
    frames = (
        build_sentinel("start", "dmz", "r"),
        _segment(VIP, DEVICE),
        _segment(DEVICE, VIP),
        build_sentinel("stop", "dmz", "r"),
    )

    _file().write(_recording(*frames), tmp_path / "run.pcapng")

    with (tmp_path / "run.pcapng").open("rb") as stream:
        kinds = [type(block) for block in read_blocks(stream)]
    assert kinds == [
        Section,
        Interface,
        Names,
        Capture,
        Keys,
        Capture,
        Capture,
        Capture,
        Statistics,
    ]


def test_the_kernel_counters_are_stored(tmp_path: Path) -> None:
    """Received, dropped, handed over, and how often the ring was full."""
    tap = TapCount(name="dmz", received=7, dropped=3, freezes=1, written=4)
    recording = Recording(taps=(tap,), frames=(Frame(0, 5, 60, bytes(60)),))

    _file().write(recording, tmp_path / "run.pcapng")

    with (tmp_path / "run.pcapng").open("rb") as stream:
        found = [block for block in read_blocks(stream) if isinstance(block, Statistics)]
    assert [(s.received, s.dropped, s.delivered, s.comments) for s in found] == [
        (7, 3, 4, ("freezes 1",))
    ]


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    """Neither a half file under the final name nor the partial one."""
    frames = tuple(_segment(DEVICE, VIP, bytes(1000)) for _ in range(50))

    refused = r"cannot write the capture .*run\.pcapng: File too large"
    with small_files(), pytest.raises(WorldError, match=refused):
        _file().write(_recording(*frames), tmp_path / "run.pcapng")

    assert list(tmp_path.iterdir()) == []


def test_an_older_capture_survives_a_failed_write(tmp_path: Path) -> None:
    """The old file is replaced only by a whole one."""
    (tmp_path / "run.pcapng").write_bytes(b"older")
    broken = CaptureFile(annotations=(), host_names={}, sessions=(), platform="Linux")
    (tmp_path / ".run.pcapng.partial").mkdir()

    with pytest.raises(WorldError, match="Is a directory"):
        broken.write(_recording(), tmp_path / "run.pcapng")

    assert (tmp_path / "run.pcapng").read_bytes() == b"older"
