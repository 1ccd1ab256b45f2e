"""The packet log: what a file holds besides the bytes of its connections."""

from __future__ import annotations

from harness.capture.ledger import build_sentinel
from harness.capture.pcapng import read_blocks
from harness.decode.packet.only import Only
from harness.decode.packet_log import PacketLog
from harness.net.address import parse_address
from tests.packet_builder import Talk, build_capture

NOBODY = Only(addresses=frozenset({parse_address("10.99.99.99")}))


def _log(frames: list[bytes], only: Only | None = None) -> PacketLog:
    log = PacketLog(only)
    for block in read_blocks(build_capture(frames)):
        log.handle(block)
    return log


def test_tcp_is_handed_on() -> None:
    """With its tap; everything is in the list."""
    log = PacketLog()
    frames = Talk().open().frames
    followed = [log.handle(block) for block in read_blocks(build_capture(frames))]

    assert [f[1].number for f in followed if f is not None] == [1, 2, 3]
    assert len(log.packets) == 3


def test_a_mark_of_the_recorder_is_seen() -> None:
    """Then the capture is ours, and nothing may be left out."""
    assert _log([build_sentinel("start", "x", "r")], NOBODY).has_sentinel
    assert not _log(Talk().open().frames, NOBODY).has_sentinel


def test_what_is_not_kept_is_counted() -> None:
    """The number of packets is that of the file."""
    log = _log([*Talk().open().frames, bytes(60)], NOBODY)
    trace = log.finish(())

    assert (len(trace.packets), log.packets.file_count) == (0, 4)
    assert trace.taps[0].packet_count == 4
    assert dict(trace.skipped) == {"ether type 0x0000": 1}
