"""The kernel wire as a stage: what it tells about itself, and a whole recording."""

from __future__ import annotations

import platform

from harness.capture.ledger import build_sentinel, parse_sentinel
from harness.world.kernel_stage import KernelStage
from harness.world.recorder.recording import Recording
from harness.world.wire.namespace import Mode
from tests.world.private_world import Live, diagnosis, exchange, live, segments, site_plan

__all__ = ["diagnosis", "live"]


async def _record(mode: Mode) -> tuple[Recording, str]:
    stage = await KernelStage.build(site_plan())
    assert stage.mode == mode
    assert stage.platform == f"{platform.system()} {platform.release()}"
    assert stage.versions["kernel"] == platform.release()
    for kind in ("start", "stop"):
        for tap in stage.taps:
            stage.inject(tap, build_sentinel(kind, tap, "run"))
        if kind == "start":
            await exchange(stage._wire, "phones", "vip")
    await stage.settle()
    recording = await stage.finish()
    await stage.close()
    return recording, ",".join(stage.taps)


def test_a_stage_records_between_its_sentinels(live: Live) -> None:
    """On every tap, and nothing is missing."""
    recording, taps = live(_record)

    assert [tap.name for tap in recording.taps] == taps.split(",")
    assert all(tap.received == tap.written for tap in recording.taps)
    for index in range(len(recording.taps)):
        frames = [f.data for f in recording.frames if f.tap == index]
        assert parse_sentinel(frames[0]) is not None
        assert parse_sentinel(frames[-1]) is not None
    assert segments(recording)
