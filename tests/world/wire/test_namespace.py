"""Namespaces: entering, stepping in and out, and what is refused."""

from __future__ import annotations

import ctypes
import os
import pickle
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from harness.world.wire.doctor import Diagnosis
from harness.world.wire.namespace import (
    Mode,
    Namespace,
    WireError,
    current_mode,
    enter_private,
    set_sysctl,
)
from harness.world.wire.process import run_in_child
from tests.world.private_world import SECOND, Live


def _inode() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


def _fail_inside(space: Namespace, seen: list[int]) -> None:
    with space.entered():
        seen.append(_inode())
        raise KeyError


def _step_in(_: Mode) -> tuple[bool, bool, int]:
    home = _inode()
    space = Namespace.create()
    stayed = _inode() == home
    seen: list[int] = []
    with pytest.raises(KeyError):
        _fail_inside(space, seen)
    moved = seen != [home]
    back = _inode() == home
    with space.entered():
        set_sysctl("ipv4/ip_local_port_range", "50000 50001")
    with socket.socket() as plain:
        plain.bind(("", 0))
        port = plain.getsockname()[1]
    return stayed and back, moved, port


def test_a_step_inside_ends_outside(live: Live) -> None:
    """The thread is inside for the block only, also when the block raises; settings stay inside."""
    home, moved, port = live(_step_in)

    assert home
    assert moved
    assert port not in (50000, 50001)


def _identity(mode: Mode) -> tuple[bool, int, str]:
    said = subprocess.run(
        ["/bin/sh", "-c", "grep CapAmb /proc/self/status; id -u"],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout.split()
    return mode is current_mode(), int(said[1], 16), said[2]


def test_programs_inside_keep_identity_and_network_rights(live: Live) -> None:
    """The own user id stays, and a program started inside may bind, configure and capture."""
    same_mode, ambient, uid = live(_identity)

    assert same_mode
    assert ambient == 1 << 10 | 1 << 12 | 1 << 13
    assert uid == str(os.getuid())


def _enter_where_no_user_namespace_is_left() -> tuple[Mode, int]:
    """As root of a user namespace that may have no further ones: what a hardened server gives to root."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(0x10000000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    before = _inode()
    mode = enter_private()
    return mode, before ^ _inode()


def test_root_does_without_a_user_namespace(diagnosis: Diagnosis) -> None:
    """Where user namespaces are used up, root gets a network namespace alone."""
    if diagnosis.mode is not Mode.NAMESPACES:
        pytest.skip("no user namespaces here to use up: " + "; ".join(diagnosis.lines))

    mode, moved = run_in_child(_enter_where_no_user_namespace_is_left, timeout_ns=10 * SECOND)

    assert mode is Mode.ROOT_NAMESPACES
    assert moved


def _enter_with_two_threads() -> None:
    hold = threading.Event()
    other = threading.Thread(target=hold.wait)
    other.start()
    try:
        enter_private()
    finally:
        hold.set()
        other.join()


def test_a_process_with_threads_is_refused() -> None:
    """The error says how many threads there are, and what to use."""
    with pytest.raises(WireError, match=r"2 threads.*run_private"):
        run_in_child(_enter_with_two_threads, timeout_ns=10 * SECOND)


def test_the_error_travels_between_processes() -> None:
    """Message and errno survive pickling."""
    copy = pickle.loads(pickle.dumps(WireError("refused", 28)))

    assert (str(copy), copy.number) == ("refused", 28)
