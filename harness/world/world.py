"""The world: from a job to a capture file. Everything that happens here reaches the judge through that file alone.

On the kernel wire it runs in a process of its own (harness/run.py), since entering a namespace needs a process without
threads; on the simulated one it runs in the caller's, in virtual time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import platform
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from harness import __version__
from harness.capture.annotation import build_annotations
from harness.capture.ledger import build_sentinel
from harness.site.console import Console
from harness.site.page import SHARED_KEY
from harness.world.actors.setting import Setting
from harness.world.capture_file import CaptureFile
from harness.world.crew import Crew
from harness.world.entropy import Entropy
from harness.world.job import Job
from harness.world.key_log import KeyLog
from harness.world.layout import Layout, lay_out
from harness.world.pki.pki import Pki
from harness.world.stage import Stage
from harness.world.tls import acceleration
from harness.world.tls.seeding import seeded
from harness.world.wire.sim import START_NS, SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda

if TYPE_CHECKING:
    from harness.world.wire.namespace import Mode

_COLLECT_AFTER = (50_000, 20, 100)
"""Thresholds of the garbage collector; the first one is some fifty handshakes."""


async def record(mode: Mode, job: Job) -> None:
    """Build the world of a job on the kernel wire, play its steps, and write the capture.

    An interrupt (SIGINT, SIGTERM) or a step that lasts too long ends the steps; what was recorded until then is
    still written, marked as incomplete.

    Args:
        mode: how this process became private.
        job: what to record.

    Raises:
        WireError: the kernel refuses a part of the wire.
        ProgramError: a balancer that is a program of others does not start, or ended by itself.
        WorldError: the file cannot be written.
    """
    # Here and not above: this module is imported where there is no Linux, too.
    from harness.world.kernel_stage import KernelStage

    acceleration.install()
    acceleration.check_live()
    layout = lay_out(job.scenario)
    stage = await KernelStage.build(layout.plan, folder=job.file.with_name(f".{job.file.stem}"))
    assert stage.mode == mode
    await _record(job, layout, stage)


def simulate(job: Job) -> bool:
    """Do the same on the simulated wire, in this process and in virtual time; False: interrupted.

    Everything that is random comes from the scenario's seed, so that the same job gives the same file.

    Raises:
        WorldError: the file cannot be written.
        RuntimeError: this thread runs an asyncio loop already.
    """
    _accelerate()
    layout = lay_out(job.scenario)
    entropy = Entropy(b"certproxy-harness/1 %d" % job.scenario.seed)

    async def play(agenda: Agenda) -> bool:
        return await _record(job, layout, SimWire(layout.plan, agenda, entropy))

    with (
        _rarely_collected(),
        seeded(entropy.child("libraries").take, start_s=START_NS // 1_000_000_000),
    ):
        return run_simulated(play)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Meanwhile garbage is looked for seldom: that takes a quarter of the time, and finds little."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@cache
def _accelerate() -> None:
    """Once for each process: what is checked does not come undone."""
    acceleration.install()
    acceleration.check_live()


async def _record(job: Job, layout: Layout, stage: Stage) -> bool:
    """Play a job on a stage, write what was recorded, and take the stage down; False: interrupted."""
    interrupted = asyncio.Event()
    with _interruptible(interrupted):
        try:
            keys = KeyLog()
            any_host = stage.host(next(iter(job.scenario.site.nodes)))
            run_id = any_host.entropy(8).hex()
            setting = _make_setting(job, stage, keys)
            for tap in stage.taps:
                stage.inject(tap, build_sentinel("start", tap, run_id))
            complete = False
            try:
                complete = await _play(job, layout, stage, setting, interrupted)
            finally:
                await stage.settle()
                for tap in stage.taps:
                    stage.inject(tap, build_sentinel("stop", tap, run_id))
                recording = await stage.finish()
                CaptureFile(
                    annotations=_annotations(job, layout, stage, setting, complete=complete),
                    host_names=layout.host_names,
                    sessions=tuple(keys),
                    platform=stage.platform,
                    find_outside=stage.find_outside,
                ).write(recording, job.file)
        finally:
            await stage.close()
    return not interrupted.is_set()


@contextmanager
def _interruptible(interrupted: asyncio.Event) -> Iterator[None]:
    """Meanwhile SIGINT and SIGTERM set the event, and break nothing off."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may handle signals.
        return
    loop = asyncio.get_running_loop()

    def note(*_: object) -> None:
        loop.call_soon_threadsafe(interrupted.set)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _make_setting(job: Job, stage: Stage, keys: KeyLog) -> Setting:
    """What every actor is given."""
    site = job.scenario.site
    any_host = stage.host(next(iter(site.nodes)))
    # Of a machine whose clock no scenario can change.
    clock = stage.host("canary-node").clock
    return Setting(
        site=site,
        console=Console(site),
        pki=Pki(fqdn=site.fqdn, nodes=site.nodes, now_ns=clock.now_ns(), clock=clock.now_ns),
        defects=frozenset(job.scenario.defects),
        keys=keys,
        proxy_key=any_host.entropy(32),
        timeout_ns=job.scenario.time_out_ms * 1_000_000,
        fresh=frozenset(job.scenario.fresh_nodes),
        engines={engine.name: engine for engine in job.engines},
        slow_ns={n: ms * 1_000_000 for n, ms in job.scenario.slow_sign_ins.items()},
    )


async def _play(
    job: Job, layout: Layout, stage: Stage, setting: Setting, interrupted: asyncio.Event
) -> bool:
    """Play every step; True when nothing cut it short."""
    crew = Crew(job.scenario, layout, stage, setting)
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
            async with asyncio.timeout(job.limit_ns(step) / 1e9):
                await crew.play(step)
        except TimeoutError:
            return False
    return True


def _keys_and_settings(setting: Setting) -> dict[str, object]:
    """What there is to tell of a site whose pages change or differ."""
    pages = (*map(setting.site.page, setting.site.nodes), *(c.page for c in setting.console.log))
    held = {p.certificate_proxy_key for p in pages} - {SHARED_KEY}
    told: dict[str, object] = {}
    if held:
        told["other_keys"] = {name: setting.key(name).hex() for name in sorted(held)}
    if setting.console.log:
        told["settings"] = [
            {"at_ns": c.at_ns, "node": c.node, "page": c.page.model_dump(mode="json")}
            for c in setting.console.log
        ]
    return told


@cache
def _library_versions() -> Mapping[str, str]:
    """Of what every run uses; looking them up takes a while."""
    return {name: version(name) for name in ("cryptography", "tlslite-ng", "trustme")}


def _annotations(
    job: Job, layout: Layout, stage: Stage, setting: Setting, *, complete: bool
) -> tuple[str, ...]:
    """What the judge is told beside the packets."""
    expect = job.scenario.expect
    run = {
        "mode": stage.mode,
        "seed": job.scenario.seed,
        "canary": True,
        "complete": complete,
        "proxy_key": setting.proxy_key.hex(),
        "user_authorities": [setting.pki.users.key_id],
        "user_certificates": [setting.pki.users.der.hex()],
        "user_names": [setting.pki.users.subject.hex()],
        **_keys_and_settings(setting),
        "devices": {layout.seen(d.address): d.name for d in layout.devices},
        "certificates": [asdict(one) for one in setting.installed.in_force],
        **({"configurations": setting.configurations} if setting.configurations else {}),
        "versions": {
            "certproxy-harness": __version__,
            "python": platform.python_version(),
            **_library_versions(),
            **stage.versions,
            **{engine.name: engine.version for engine in job.engines},
        },
    }
    texts = {
        "site/1": job.scenario.site.model_dump_json(by_alias=True),
        "scenario/1": job.text,
        "expectation/1": json.dumps(expect.model_dump(mode="json"), sort_keys=True),
        "run/1": json.dumps(run, sort_keys=True),
    }
    return tuple(comment for tag, text in texts.items() for comment in build_annotations(tag, text))
