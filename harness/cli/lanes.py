"""Lanes: processes that simulate and judge scenarios side by side, their results told in the order asked for.

Only simulated runs go there: virtual time does not notice its neighbours. A run on the kernel wire has the machine to
itself. Ctrl-C reaches the parent alone, which asks every lane once, by SIGTERM, to write what it has.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any, Final

from harness.run import Interrupted, Run, choose_for, run
from harness.scenario.scenario import Scenario
from harness.world.job import WorldError
from harness.world.wire.choice import Kind, Wanted

_PATIENCE_S: Final = 20.0
"""For a lane that was asked to end and has its capture to write."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One scenario to run and judge, as `harness.run.run` takes it."""

    scenario: Scenario
    text: str
    file: Path
    seed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task that was run and judged."""

    run: Run
    duration_ns: int
    """Wall clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """A task that was not: one of these."""

    refusal: str = ""
    bug: str = ""
    """A traceback."""
    interrupted: bool = False
    file: Path | None = None
    """Of an interrupted run: what was recorded."""


@dataclass(slots=True, kw_only=True)
class _Lane:
    """One process, seen from the parent."""

    process: BaseProcess
    orders: Connection
    """Numbers of tasks go there."""
    results: Connection
    number: int | None = None
    """The task that it works on."""


def count_processors() -> int:
    """How many processes this one may have running at the same moment; 1 where it cannot fork."""
    return len(os.sched_getaffinity(0)) if sys.platform.startswith("linux") else 1


def run_tasks(tasks: Sequence[Task], *, wire: Wanted, count: int) -> Generator[Done, None, None]:
    """Run every task; simulated ones that follow each other run in up to `count` processes.

    Raises:
        WorldError: as `run` does, in the place of the task's result.
        Interrupted: Ctrl-C.
    """
    kinds = [choose_for(task.scenario, wire) for task in tasks]
    count = min(count, kinds.count("sim"))
    lanes = _Lanes(tasks) if count > 1 else None
    try:
        for kind, group in groupby(range(len(tasks)), key=kinds.__getitem__):
            if lanes is not None and kind == "sim":
                lanes.start(count)
                yield from lanes.run(tuple(group))
            else:
                yield from (_run(tasks[number], kind) for number in group)
    finally:
        if lanes is not None:
            lanes.close()


def _run(task: Task, kind: Kind) -> Done:
    started_ns = time.monotonic_ns()
    done = run(task.scenario, text=task.text, file=task.file, seed=task.seed, wire=kind)
    return Done(run=done, duration_ns=time.monotonic_ns() - started_ns)


class _Lanes:
    """The processes; they know the tasks from the fork on and are told numbers."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._lanes: list[_Lane] = []

    def start(self, count: int) -> None:
        """Fork them, once."""
        if self._lanes:
            return
        # Here, so that all lanes have it: the import takes longer than a scenario.
        import harness.world.world  # noqa: F401

        ForkingPickler.register(MappingProxyType, _reduce_mapping)
        context = multiprocessing.get_context("fork")
        # Nothing may reach a lane before it knows what to do about it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            for _ in range(count):
                orders, our_orders = context.Pipe(duplex=False)
                our_results, results = context.Pipe(duplex=False)
                # Whoever holds an end of the parent's would not notice that the parent is gone.
                others = [pipe for lane in self._lanes for pipe in (lane.orders, lane.results)]
                process: BaseProcess = context.Process(
                    target=_work,
                    args=(orders, results, self._tasks, (*others, our_orders, our_results)),
                    daemon=True,
                )
                process.start()
                orders.close()
                results.close()
                self._lanes.append(_Lane(process=process, orders=our_orders, results=our_results))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def run(self, numbers: Sequence[int]) -> Iterator[Done]:
        """The results of these tasks, in this order."""
        todo = deque(numbers)
        ready: dict[int, Done | _Failed] = {}
        for number in numbers:
            try:
                while number not in ready:
                    self._hand_out(todo)
                    ready |= self._collect()
                self._hand_out(todo)
            except KeyboardInterrupt as interrupt:
                raise self._cut() from interrupt
            yield _open(ready.pop(number))

    def _hand_out(self, todo: deque[int]) -> None:
        """Give each idle lane its next task."""
        for lane in self._lanes:
            if lane.number is None and todo:
                lane.number = todo.popleft()
                with suppress(BrokenPipeError):  # It has died: reading its result tells.
                    lane.orders.send(lane.number)

    def _collect(self) -> dict[int, Done | _Failed]:
        """Wait for a result, and take all there are."""
        busy = {lane.results: lane for lane in self._lanes if lane.number is not None}
        got: dict[int, Done | _Failed] = {}
        for pipe in wait(list(busy)):
            lane = busy[pipe]  # type: ignore[index]
            assert lane.number is not None
            try:
                got[lane.number] = lane.results.recv()
            except EOFError:
                file = self._tasks[lane.number].file
                raise RuntimeError(f"the process that made {file} has ended early") from None
            lane.number = None
        return got

    def _cut(self) -> BaseException:
        """Ask all lanes to end; what was recorded until then, as the exception to raise."""
        self._terminate()
        told: list[_Failed] = []
        for lane in self._lanes:
            with suppress(EOFError):
                if lane.number is not None and lane.results.poll(_PATIENCE_S):
                    got = lane.results.recv()
                    told += [got] if isinstance(got, _Failed) and got.interrupted else []
            lane.number = None
        files = [one.file for one in told if one.file is not None]
        if not told:
            return KeyboardInterrupt()
        return Interrupted(files[0], *files[1:]) if files else Interrupted(None)

    def _terminate(self) -> None:
        for lane in self._lanes:
            lane.process.terminate()

    def close(self) -> None:
        """End all lanes, and wait until they are gone."""
        self._terminate()
        for lane in self._lanes:
            # One that has told of its interrupt waits for an order.
            lane.orders.close()
        for lane in self._lanes:
            try:
                lane.process.join(_PATIENCE_S)
            finally:
                lane.process.kill()
                lane.process.join()
            lane.results.close()


def _open(result: Done | _Failed) -> Done:
    """The result, or what was raised instead of one."""
    if isinstance(result, Done):
        return result
    if result.interrupted:  # Somebody has stopped this lane alone.
        raise Interrupted(result.file)
    if result.refusal:
        raise WorldError(result.refusal)
    raise RuntimeError(f"a process that simulates has failed:\n{result.bug}")


def _work(
    orders: Connection, results: Connection, tasks: Sequence[Task], others: Sequence[Connection]
) -> None:
    """Be a lane: run the tasks whose numbers come, until the parent ends it or is gone."""
    for pipe in others:
        pipe.close()
    signal.signal(signal.SIGTERM, _stop)
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError):
        # SIGINT stays blocked: a terminal sends it to all, and the parent passes it on.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        while True:
            results.send(_attempt(tasks[orders.recv()]))


def _stop(_number: int, _frame: FrameType | None) -> None:
    """The first SIGTERM interrupts; another must not disturb the end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _attempt(task: Task) -> Done | _Failed:
    try:
        return _run(task, "sim")
    except Interrupted as interrupted:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return _Failed(interrupted=True, file=interrupted.file)
    except WorldError as error:
        return _Failed(refusal=str(error))
    except Exception:  # noqa: BLE001 - the parent raises it
        return _Failed(bug=traceback.format_exc())


def _reduce_mapping(
    mapping: MappingProxyType[Any, Any],
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """How a verdict's read-only mappings travel: their type cannot be named to pickle."""
    return _read_only, (dict(mapping),)


def _read_only(mapping: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(mapping)
