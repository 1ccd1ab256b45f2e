"""The process of a world: a fresh child with one thread, inside a private network namespace.

It comes from multiprocessing's fork server, because a user namespace refuses processes that have threads, and test
runners have them. The fork server imports the slow modules once; each world after that starts in milliseconds.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import multiprocessing
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Literal

from harness.world.wire.namespace import enter_private

PRELOAD = (
    "harness.world.recorder.sniffer",
    "harness.world.recorder.recorder",
    "harness.world.wire.kernel",
)
"""What the fork server imports before the first child: scapy takes 0.3 to 0.8 s."""
_COLLECT_AFTER = 20_000
"""New objects; some twenty handshakes."""
_GRACE_SECONDS = 30.0
"""How long an interrupted child may take to write down what it has: actors end in order, then the file is written.

Whoever cannot wait interrupts again: that ends the child at once.
"""


class ChildError(Exception):
    """The child failed in a way that cannot be raised again here, or died; the message has its traceback."""


def run_private(
    function: Callable[..., Any],
    *arguments: Any,
    timeout_ns: int,
    preload: tuple[str, ...] = PRELOAD,
) -> Any:
    """Call `function(mode, *arguments)` in a child that has entered a private namespace; give back what it returns.

    Args:
        function: of a module that can be imported by name; a coroutine function runs in an asyncio loop. Its first
            argument is the Mode that was entered.
        arguments: pickled, like the result.
        timeout_ns: the child is killed after this long.
        preload: modules the fork server imports first; only the first call of a process decides.

    Raises:
        WireError: no private namespace on this machine.
        TimeoutError: the child was killed.
        ChildError: it died.
        Exception: what `function` raised, with the child's traceback as a note.
    """
    return run_in_child(
        _enter_and_call, function, *arguments, timeout_ns=timeout_ns, preload=preload
    )


def _enter_and_call(function: Callable[..., Any], *arguments: Any) -> Any:
    mode = enter_private()
    _die_with_parent()
    _collect_seldom()
    result = function(mode, *arguments)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def _collect_seldom() -> None:
    """Spend less time on looking for garbage: a tenth of all, where hundreds of connections are open at once.

    What the fork server imported never becomes any. Reference counts free nearly everything else.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 100)


def _die_with_parent() -> None:
    """End this process when the one that asked for it is gone.

    The kernel's own way (PR_SET_PDEATHSIG) looks at the fork server, which lives as long as its children do. From here
    on threads are allowed.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), name="parent", daemon=True).start()


def run_in_child(
    function: Callable[..., Any],
    *arguments: Any,
    timeout_ns: int,
    method: Literal["forkserver", "spawn"] = "forkserver",
    preload: tuple[str, ...] = PRELOAD,
) -> Any:
    """Call `function(*arguments)` in a fresh child; as `run_private`, but enter nothing."""
    context: ForkServerContext | SpawnContext
    if method == "forkserver":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*preload, *_imports_of(sys.modules["__main__"])])
    else:
        context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(
        target=_answer, args=(sender, function, arguments), name="world", daemon=False
    )
    with receiver:
        try:
            with sender:
                _start(child, function)
            if not receiver.poll(timeout_ns / 1_000_000_000):
                raise TimeoutError(
                    f"{function.__qualname__} did not end within {timeout_ns / 1e9:g} s; killed"
                )
            answer = receiver.recv()
            child.join(_GRACE_SECONDS)
        except EOFError:
            child.join(_GRACE_SECONDS)
            raise ChildError(
                f"{function.__qualname__}: the child died, exit code {child.exitcode}"
            ) from None
        except KeyboardInterrupt:
            # The terminal interrupts the child too, but `kill` reaches this process alone: tell the child, and let
            # it finish what it is writing.
            if child.pid is not None:
                child.terminate()
                child.join(_GRACE_SECONDS)
            raise
        finally:
            if child.pid is not None:
                child.kill()
                child.join()
                child.close()
    return _open_answer(answer)


def _start(child: BaseProcess, function: Callable[..., Any]) -> None:
    """Start a child.

    Raises:
        ChildError: the fork server has died; what killed it stands on stderr.
    """
    try:
        child.start()
    except (EOFError, ConnectionError) as error:
        raise ChildError(
            f"{function.__qualname__}: no child could be started: the fork server has ended (see its words above)"
        ) from error


def _imports_of(main: ModuleType) -> tuple[str, ...]:
    """The modules that a main module has taken something from.

    Each child runs the main module again (multiprocessing does that for functions defined there). What it imports,
    pytest for one, then comes from the fork server, and takes no time.
    """
    held = (each for each in vars(main).values() if not isinstance(each, str | int))
    names = (each.__name__ if isinstance(each, ModuleType) else _home(each) for each in held)
    return tuple(sorted({name for name in names if name in sys.modules and name != "__main__"}))


def _home(each: object) -> str | None:
    home = getattr(each, "__module__", None)
    return home if isinstance(home, str) else None


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the child: send (True, result) or (False, pickled exception or None, traceback)."""
    with sender:
        try:
            sender.send((True, function(*arguments), ""))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the parent
            text = traceback.format_exc()
            sender.send((False, _pickled(error), text))


def _pickled(error: BaseException) -> bytes | None:
    """None: it cannot make the journey."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:  # noqa: BLE001 - whatever pickle does not like
        return None
    return data


def _open_answer(answer: tuple[bool, Any, str]) -> Any:
    succeeded, value, text = answer
    if succeeded:
        return value
    if value is None:
        raise ChildError(text)
    error: BaseException = pickle.loads(value)
    error.add_note("in the child:\n" + text)
    raise error
