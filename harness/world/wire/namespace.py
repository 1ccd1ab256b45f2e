"""Network namespaces: enter a private world, make one per host, and step into one for a moment.

A socket belongs for ever to the network namespace its thread was in when it was made. So one thread can hold the
sockets of all hosts: it steps in, makes the socket, and steps back out. Nothing here awaits while inside.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import assert_never

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SIGKILL = 9
_CAPABILITY_VERSION_3 = 0x20080522
_AMBIENT = (10, 12, 13)
"""CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW: what a program run inside (a real balancer) may need."""

_libc = ctypes.CDLL(None, use_errno=True)


class WireError(Exception):
    """This machine cannot give the wire; the message says what was refused and what to change."""

    def __init__(self, message: str, number: int | None = None) -> None:
        """Args: `number` is the errno of the refusal, if there was one."""
        super().__init__(message)
        self.number = number

    def __reduce__(self) -> tuple[type[WireError], tuple[str, int | None]]:
        """Errors travel between processes."""
        return type(self), (str(self), self.number)


class Mode(StrEnum):
    """How the namespaces are made; every report names it."""

    NAMESPACES = "namespaces"
    """An own user namespace: no privilege needed."""
    ROOT_NAMESPACES = "root namespaces"
    """No user namespace, but the process is root."""


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        # unshare(2): no disk is full, but the limit of user.max_user_namespaces is reached.
        is_limit = name == "unshare" and number == errno.ENOSPC
        told = "the limit of namespaces is reached" if is_limit else os.strerror(number)
        raise OSError(number, f"{name}: {told}")


def _require_single_thread() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise WireError(
            f"this process has {threads} threads; a user namespace can be entered only with one: "
            "enter it first thing in a fresh process (harness.world.wire.process.run_private)"
        )


def _enter_user_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    # The own id maps to itself, not to root: programs started inside then do not try to drop privileges.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _raise_ambient_capabilities() -> None:
    """Let programs started from here keep the network capabilities across exec."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    if _libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget: " + os.strerror(ctypes.get_errno()))
    effective, permitted, _, effective_high, permitted_high, _ = struct.unpack("=6I", data.raw[:24])
    wanted = struct.pack(
        "=6I", effective, permitted, permitted, effective_high, permitted_high, permitted_high
    )
    if _libc.capset(header, ctypes.create_string_buffer(wanted)) != 0:
        raise OSError(ctypes.get_errno(), "capset: " + os.strerror(ctypes.get_errno()))
    for capability in _AMBIENT:
        if permitted >> capability & 1:
            _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def enter(mode: Mode) -> None:
    """Move this process into a private, empty network namespace in this mode; there is no way back.

    The process also dies with its parent from here on.

    Raises:
        WireError: the process has several threads.
        OSError: the kernel refused; `doctor` explains which errno means what.
    """
    _require_single_thread()
    match mode:
        case Mode.NAMESPACES:
            _enter_user_namespace()
        case Mode.ROOT_NAMESPACES:
            _call("unshare", CLONE_NEWNET)
        case _:
            assert_never(mode)
    _raise_ambient_capabilities()
    # After the change of credentials, which clears it.
    _call("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    set_sysctl("ipv4/ip_unprivileged_port_start", "0")


def enter_private() -> Mode:
    """Enter in the first mode that works: an own user namespace, or as root the network namespace alone.

    Raises:
        WireError: the process has several threads, or the kernel refused.
    """
    try:
        enter(Mode.NAMESPACES)
        return Mode.NAMESPACES
    except OSError as refused:
        if os.geteuid() != 0:
            raise _refused(refused) from refused
    try:
        enter(Mode.ROOT_NAMESPACES)
        return Mode.ROOT_NAMESPACES
    except OSError as refused:
        raise _refused(refused) from refused


def _refused(error: OSError) -> WireError:
    return WireError(
        f"no private network namespace: {error}; `harness doctor` says what to change", error.errno
    )


def current_mode() -> Mode:
    """The mode this process has entered, read from the kernel: only an own user namespace maps one id alone."""
    mapped = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    return Mode.NAMESPACES if len(mapped) == 3 and mapped[2] == "1" else Mode.ROOT_NAMESPACES


def set_sysctl(name: str, value: str) -> None:
    """Set one value below /proc/sys/net, in the namespace the calling thread is in.

    Raises:
        OSError: no such setting (ENOENT), or /proc/sys is read-only (EROFS, in containers).
    """
    # O_TRUNC means nothing here, and some kernels refuse it.
    fd = os.open(f"/proc/sys/net/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode("ascii"))
    finally:
        os.close(fd)


class Namespace:
    """One network namespace, held by a file descriptor: no name, no mount; it is gone when nothing uses it."""

    def __init__(self, fd: int) -> None:
        """Take over an open file descriptor of a network namespace."""
        self.fd = fd

    @classmethod
    def current(cls) -> Namespace:
        """The one that the calling thread is in."""
        return cls(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    @classmethod
    def create(cls) -> Namespace:
        """A new, empty one; the calling thread stays where it was.

        Raises:
            WireError: refused; the process has not entered a private namespace, or is not root.
        """
        home = cls.current()
        try:
            _call("unshare", CLONE_NEWNET)
            try:
                return cls.current()
            finally:
                _call("setns", home.fd, CLONE_NEWNET)
        except PermissionError as refused:
            raise WireError(
                "no permission to make a network namespace: call enter_private() first, in a process of its own",
                refused.errno,
            ) from refused
        finally:
            home.close()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is inside meanwhile. Never await in the block."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", self.fd, CLONE_NEWNET)
            try:
                yield
            finally:
                _call("setns", home, CLONE_NEWNET)
        finally:
            os.close(home)

    def close(self) -> None:
        """Let go; the namespace lives on while sockets or other holders use it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
