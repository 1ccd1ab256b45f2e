"""The doctor: what works is shown by doing it, and what does not comes with a remedy."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from pathlib import Path

import pytest

from harness.world.wire.doctor import (
    Attempt,
    Diagnosis,
    Facts,
    Step,
    attempt_mode,
    explain,
    read_facts,
)
from harness.world.wire.namespace import Mode
from harness.world.wire.process import run_in_child
from tests.world.private_world import SECOND, Live

FREE = Facts(
    root=False,
    max_user_namespaces=15000,
    unprivileged_userns_clone=None,
    apparmor_restrict_userns=None,
    seccomp=False,
    container=False,
)


def _attempt(
    step: Step | None,
    number: int | None = None,
    mode: Mode = Mode.NAMESPACES,
    message: str = "refused",
) -> Attempt:
    return Attempt(mode=mode, failed=step, number=number, message=message)


def _facts(**changes: object) -> Facts:
    known = {name: getattr(FREE, name) for name in FREE.__slots__}
    return Facts(**{**known, **changes})


def test_a_working_mode_is_proved(live: Live, diagnosis: Diagnosis) -> None:
    """Where worlds run, the last attempt is the mode, and nothing is to be changed."""
    del live

    assert diagnosis.attempts[-1].mode is diagnosis.mode
    assert diagnosis.attempts[-1].failed is None
    assert diagnosis.advice == ()
    assert diagnosis.lines[-1] == f"mode: {diagnosis.mode}"


def _attempt_at_the_limit() -> Attempt:
    """In a user namespace of its own that may have no further ones below it."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    assert libc.unshare(0x10000000) == 0
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    return attempt_mode(Mode.NAMESPACES)


def test_a_real_limit_is_explained(diagnosis: Diagnosis) -> None:
    """With max_user_namespaces at 0 the kernel says ENOSPC, which is translated into the setting."""
    if diagnosis.mode is not Mode.NAMESPACES:
        pytest.skip("no user namespaces here to put a limit on: " + "; ".join(diagnosis.lines))

    attempt = run_in_child(_attempt_at_the_limit, timeout_ns=10 * SECOND)

    assert (attempt.failed, attempt.number) == (Step.ENTER, errno.ENOSPC)
    assert "the limit of namespaces is reached" in attempt.message
    assert "sysctl -w user.max_user_namespaces=" in explain(attempt, _facts(max_user_namespaces=0))


def _attempt_root_without_rights() -> Attempt:
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)
    return attempt_mode(Mode.ROOT_NAMESPACES)


def test_the_root_mode_needs_root() -> None:
    """Without privileges unshare says EPERM in the other mode."""
    attempt = run_in_child(_attempt_root_without_rights, timeout_ns=10 * SECOND)

    assert (attempt.failed, attempt.number) == (Step.ENTER, errno.EPERM)
    assert "needs root" in explain(attempt, FREE)


@pytest.mark.parametrize(
    ("attempt", "facts", "remedy"),
    [
        pytest.param(
            _attempt(Step.ENTER, errno.ENOSPC),
            _facts(max_user_namespaces=0),
            "sudo sysctl -w user.max_user_namespaces=15000",
            id="no user namespaces allowed",
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EPERM),
            _facts(unprivileged_userns_clone=0),
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
            id="Debian's switch",
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EACCES),
            _facts(apparmor_restrict_userns=1),
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            id="AppArmor refuses the id map",
        ),
        pytest.param(
            _attempt(Step.BUILD, errno.EPERM),
            _facts(apparmor_restrict_userns=1),
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            id="AppArmor takes the capabilities",
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EPERM),
            _facts(seccomp=True, container=True),
            "--security-opt seccomp=unconfined",
            id="a container's filter",
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EROFS),
            _facts(container=True),
            "--security-opt systempaths=unconfined",
            id="/proc/sys is read-only",
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EINVAL), FREE, "CONFIG_USER_NS", id="a kernel without them"
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EPERM), FREE, "security modules", id="no visible reason"
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EPERM, Mode.ROOT_NAMESPACES),
            FREE,
            "sudo harness",
            id="the other mode, not root",
        ),
        pytest.param(
            _attempt(Step.ENTER, errno.EPERM, Mode.ROOT_NAMESPACES),
            _facts(root=True),
            "CAP_SYS_ADMIN",
            id="root without capabilities",
        ),
        pytest.param(
            _attempt(Step.BUILD, errno.EOPNOTSUPP),
            FREE,
            "modprobe veth bridge",
            id="no veth or bridge",
        ),
        pytest.param(
            _attempt(Step.RECORD, errno.EAFNOSUPPORT), FREE, "CONFIG_PACKET", id="no packet sockets"
        ),
        pytest.param(_attempt(Step.RECORD, errno.ENOMEM), FREE, "memory", id="no memory"),
        pytest.param(
            _attempt(Step.SEE, None, message="the capture ring stayed empty"),
            FREE,
            "the capture ring stayed empty",
            id="built, but nothing seen",
        ),
    ],
)
def test_each_refusal_has_a_remedy(attempt: Attempt, facts: Facts, remedy: str) -> None:
    """What the kernel said, and its settings, become a command or the next thing to look at."""
    assert remedy in explain(attempt, facts)


def test_facts_are_read() -> None:
    """The facts of this machine agree with the process."""
    facts = read_facts()

    assert facts.root == (os.geteuid() == 0)
    assert facts.max_user_namespaces is None or facts.max_user_namespaces >= 0


def test_a_diagnosis_without_a_mode_says_so() -> None:
    """The lines have every attempt, every remedy, and `mode: none`."""
    nothing = Diagnosis(
        mode=None,
        attempts=(_attempt(Step.ENTER, errno.EPERM, message="unshare: Operation not permitted"),),
        advice=("do this",),
        kernel="6.1",
    )

    assert nothing.lines == (
        "kernel 6.1",
        "namespaces: cannot enter a private network namespace: unshare: Operation not permitted",
        "to change: do this",
        "mode: none",
    )


def test_the_proof_is_quick(diagnosis: Diagnosis) -> None:
    """A second look takes seconds at most, so that it may stand before every run."""
    before = time.monotonic()

    attempt = run_in_child(attempt_mode, diagnosis.mode or Mode.NAMESPACES, timeout_ns=60 * SECOND)

    assert attempt.mode is (diagnosis.mode or Mode.NAMESPACES)
    assert time.monotonic() - before < 60
