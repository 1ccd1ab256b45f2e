"""Children: results, errors, time-outs and deaths."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from harness.world.wire.namespace import Mode
from harness.world.wire.process import ChildError, _imports_of, run_in_child
from tests.processes import is_running, wait_for
from tests.world.private_world import SECOND, Live


def _pid_and(*arguments: object) -> tuple[int, tuple[object, ...]]:
    return os.getpid(), arguments


def _fail() -> NoReturn:
    raise LookupError("no such thing")


def _fail_unpicklable() -> NoReturn:
    raise LookupError(lambda: None)


def _return_unpicklable() -> Callable[[], None]:
    return lambda: None


def _die() -> NoReturn:
    os._exit(3)


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _garbage(_mode: Mode) -> tuple[int, int]:
    return gc.get_freeze_count(), gc.get_threshold()[0]


def _hang() -> None:
    signal.pause()


def test_a_child_is_another_process() -> None:
    """Arguments go there, the result comes back, and the child is gone."""
    pid, arguments = run_in_child(_pid_and, 1, "two", timeout_ns=10 * SECOND)

    assert pid != os.getpid()
    assert arguments == (1, "two")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_error_comes_back_with_its_traceback() -> None:
    """The same exception is raised here; a note has the child's traceback."""
    with pytest.raises(LookupError, match="no such thing") as failed:
        run_in_child(_fail, timeout_ns=10 * SECOND)

    assert "in _fail" in failed.value.__notes__[0]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        pytest.param(_fail_unpicklable, "LookupError", id="an error that cannot travel"),
        pytest.param(_return_unpicklable, "local object", id="a result that cannot travel"),
        pytest.param(_die, "_die: the child died, exit code 3", id="an exit"),
        pytest.param(_crash, "_crash: the child died, exit code -9", id="a crash"),
    ],
)
def test_what_cannot_come_back_is_told(function: Callable[[], object], words: str) -> None:
    """There is always an answer: the traceback as text, or the exit code."""
    with pytest.raises((ChildError, AttributeError), match=words):
        run_in_child(function, timeout_ns=10 * SECOND)


DEAD_SERVER = """
from harness.world.wire.process import ChildError, run_in_child
try:
    run_in_child(print, timeout_ns=10**10, preload=("dies_at_import",))
except ChildError as error:
    print(error)
"""


def test_a_dead_fork_server_is_told(tmp_path: Path) -> None:
    """What it could not import stands on stderr, and the error says so."""
    (tmp_path / "dies_at_import.py").write_text("raise RuntimeError('no such luck')")

    done = subprocess.run(
        [sys.executable, "-c", DEAD_SERVER],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "no such luck" in done.stderr
    assert done.stdout == (
        "print: no child could be started: the fork server has ended (see its words above)\n"
    )


def test_a_hanging_child_is_killed() -> None:
    """The time-out holds, and names the function and the time."""
    before = time.monotonic()

    with pytest.raises(TimeoutError, match=r"_hang did not end within 0\.2 s; killed"):
        run_in_child(_hang, timeout_ns=SECOND // 5)

    assert time.monotonic() - before < 60


def _interrupt_and_finish(parent: int, file: Path) -> None:
    def keep(*_: object) -> None:
        file.write_text("kept")
        os._exit(0)

    signal.signal(signal.SIGTERM, keep)
    os.kill(parent, signal.SIGINT)
    signal.pause()


def test_an_interrupted_child_may_finish(tmp_path: Path) -> None:
    """An interrupt is passed on as SIGTERM, and raised here after the child has written down what it had."""
    file = tmp_path / "capture"

    with pytest.raises(KeyboardInterrupt):
        run_in_child(_interrupt_and_finish, os.getpid(), file, timeout_ns=10 * SECOND)

    assert file.read_text() == "kept"


def _report_and_hang(_: Mode, file: Path) -> None:
    part = file.with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.rename(file)
    signal.pause()


def test_a_world_dies_with_its_parent(live: Live, tmp_path: Path) -> None:
    """A parent that is killed outright leaves no world behind."""
    del live
    file = tmp_path / "pid"
    code = (
        "import pathlib, sys\n"
        "from harness.world.wire.process import run_private\n"
        "from tests.world.wire.test_process import _report_and_hang\n"
        "run_private(_report_and_hang, pathlib.Path(sys.argv[1]), timeout_ns=60 * 10**9, preload=())\n"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", code, str(file)], cwd=root) as parent:
        wait_for(file.exists)
        world = int(file.read_text())
        assert is_running(world)
        parent.kill()

    wait_for(lambda: not is_running(world))


def _plain(mode: Mode, word: str) -> tuple[str, str]:
    return mode, word


async def _coroutine(mode: Mode, word: str) -> tuple[str, str]:
    return mode, word


def test_a_world_seldom_looks_for_garbage(live: Live) -> None:
    """What the fork server imported is never looked at again."""
    frozen, threshold = live(_garbage)

    assert frozen > 10_000
    assert threshold > 10_000


def test_what_the_main_module_uses() -> None:
    """The fork server is told what the child's copy of the main module will import."""
    main = types.ModuleType("__main__")
    main.__dict__.update(hang=_report_and_hang, Path=Path, os=os, number=3, text="x")

    assert _imports_of(main) == ("os", "pathlib", "tests.world.wire.test_process")


@pytest.mark.parametrize("function", [_plain, _coroutine])
def test_a_private_child_knows_its_mode(live: Live, function: Callable[..., object]) -> None:
    """Functions and coroutine functions get the mode first."""
    assert live(function, "word") in [(mode, "word") for mode in Mode]
