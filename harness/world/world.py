"""The world: from a job to a capture file. Everything that happens here reaches the judge through that file alone.

Runs in a process of its own (harness/run.py): entering a namespace needs a process without threads.
"""

from __future__ import annotations

import asyncio
import json
import platform
import secrets
import signal
from importlib.metadata import version

from harness import __version__
from harness.capture.annotation import build_annotations
from harness.capture.ledger import build_sentinel
from harness.world.actors.setting import Setting
from harness.world.capture_file import CaptureFile
from harness.world.crew import Crew
from harness.world.job import Job
from harness.world.key_log import KeyLog
from harness.world.layout import Layout, lay_out
from harness.world.pki.pki import Pki
from harness.world.recorder.recorder import Recorder
from harness.world.tls import acceleration
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode

ACTOR_TIMEOUT_NS = 5_000_000_000
"""How long an actor waits for another one."""


async def record(mode: Mode, job: Job) -> None:
    """Build the world of a job, play its steps, and write the capture.

    An interrupt (SIGINT, SIGTERM) or a step that lasts too long ends the steps; what was recorded until then is
    still written, marked as incomplete.

    Args:
        mode: how this process became private.
        job: what to record.

    Raises:
        WireError: the kernel refuses a part of the wire.
        WorldError: the file cannot be written.
    """
    acceleration.install()
    acceleration.check_live()
    layout = lay_out(job.scenario)
    wire = await KernelWire.build(layout.plan)
    try:
        recorder = Recorder(wire.taps)
        recorder.start()
        keys = KeyLog()
        run_id = secrets.token_hex(8)
        for tap in wire.taps:
            recorder.inject(tap, build_sentinel("start", tap.name, run_id))
        complete = False
        try:
            complete = await _play(job, layout, wire, keys)
        finally:
            for tap in wire.taps:
                recorder.inject(tap, build_sentinel("stop", tap.name, run_id))
            await recorder.drain()
            recording = recorder.stop()
            CaptureFile(
                annotations=_annotations(job, layout, mode=mode, complete=complete),
                host_names=layout.host_names,
                sessions=tuple(keys),
            ).write(recording, job.file)
    finally:
        await wire.close()


async def _play(job: Job, layout: Layout, wire: KernelWire, keys: KeyLog) -> bool:
    """Play every step; True when nothing cut it short."""
    site = job.scenario.site
    any_host = wire.host(next(iter(site.nodes)))
    setting = Setting(
        site=site,
        pki=Pki(fqdn=site.fqdn, nodes=site.nodes, now_ns=any_host.clock.now_ns()),
        defects=frozenset(job.scenario.defects),
        keys=keys,
        proxy_key=any_host.entropy(32),
        timeout_ns=ACTOR_TIMEOUT_NS,
    )
    crew = Crew(job.scenario, layout, wire, setting)
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    await crew.start()
    try:
        steps = asyncio.create_task(_steps(job, crew))
        interrupt = asyncio.create_task(interrupted.wait())
        await asyncio.wait((steps, interrupt), return_when=asyncio.FIRST_COMPLETED)
        interrupt.cancel()
        if not steps.done():
            steps.cancel()
            await asyncio.wait((steps,))
            return False
        return steps.result()
    finally:
        await crew.stop()


async def _steps(job: Job, crew: Crew) -> bool:
    await crew.commit_canary()
    for step in job.scenario.steps:
        try:
            async with asyncio.timeout(job.step_timeout_ns / 1e9):
                await crew.play(step)
        except TimeoutError:
            return False
    return True


def _annotations(job: Job, layout: Layout, *, mode: Mode, complete: bool) -> tuple[str, ...]:
    """What the judge is told beside the packets."""
    expect = job.scenario.expect
    run = {
        "mode": mode.value,
        "seed": job.scenario.seed,
        "canary": True,
        "complete": complete,
        "devices": {str(d.address): d.name for d in layout.devices},
        "versions": {
            "certproxy-harness": __version__,
            "python": platform.python_version(),
            "kernel": platform.release(),
            **{name: version(name) for name in ("cryptography", "scapy", "tlslite-ng", "trustme")},
        },
    }
    texts = {
        "site/1": job.scenario.site.model_dump_json(by_alias=True),
        "scenario/1": job.text,
        "expectation/1": json.dumps(expect.model_dump(mode="json"), sort_keys=True),
        "run/1": json.dumps(run, sort_keys=True),
    }
    return tuple(comment for tag, text in texts.items() for comment in build_annotations(tag, text))
