"""The doctor: proves by doing, in a child, which way of making namespaces works here, and says what to change if none.

It builds a wire of two hosts, opens a connection between them, and must find its packets in a capture ring.
"""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import time
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from harness.net.address import Endpoint
from harness.world.host import Stream
from harness.world.recorder.recording import Frame
from harness.world.recorder.ring import Ring, parse_block
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode, WireError, enter
from harness.world.wire.plan import Attachment, HostPlan, Plan
from harness.world.wire.process import run_in_child

_TIMEOUT_NS = 30_000_000_000
_STEP_NS = 3_000_000_000
_PORT = 443
_TCP = 6


class Step(StrEnum):
    """What the attempt was doing."""

    ENTER = "enter a private network namespace"
    BUILD = "build two hosts, a bridge and links"
    RECORD = "open a capture ring"
    CONNECT = "connect one host to the other"
    SEE = "find the connection's packets in the capture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One mode, tried."""

    mode: Mode
    failed: Step | None
    """None: it works."""
    number: int | None
    """errno of the refusal."""
    message: str
    """What the system said; empty when it works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Settings that explain a refusal; None where this kernel does not have the setting."""

    root: bool
    max_user_namespaces: int | None
    unprivileged_userns_clone: int | None
    """Debian's and Arch's own switch."""
    apparmor_restrict_userns: int | None
    """Ubuntu 23.10 and later."""
    seccomp: bool
    """A system call filter is on: containers have one."""
    container: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What works here."""

    mode: Mode | None
    """None: no live world on this machine; replaying captures works everywhere."""
    attempts: tuple[Attempt, ...]
    advice: tuple[str, ...]
    """What to change, one sentence each; empty when a mode works."""
    kernel: str

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        told = [f"kernel {self.kernel}"]
        for attempt in self.attempts:
            if attempt.failed is None:
                told.append(f"{attempt.mode}: works (built, connected and recorded)")
            else:
                told.append(f"{attempt.mode}: cannot {attempt.failed}: {attempt.message}")
        told += [f"to change: {sentence}" for sentence in self.advice]
        return (*told, f"mode: {self.mode or 'none'}")


def probe() -> Diagnosis:
    """Try the modes in order of preference, each in a child of its own.

    Raises:
        ChildError, TimeoutError: the attempt itself broke: a defect of the harness.
    """
    attempts: list[Attempt] = []
    for mode in (Mode.NAMESPACES, Mode.ROOT_NAMESPACES):
        attempts.append(run_in_child(attempt_mode, mode, timeout_ns=_TIMEOUT_NS, method="spawn"))
        if attempts[-1].failed is None:
            break
    working = attempts[-1].mode if attempts[-1].failed is None else None
    facts = read_facts()
    advice = () if working else tuple(dict.fromkeys(explain(a, facts) for a in attempts))
    return Diagnosis(
        mode=working, attempts=tuple(attempts), advice=advice, kernel=platform.release()
    )


def attempt_mode(mode: Mode) -> Attempt:
    """Try one mode in this process, which cannot be used for anything else afterwards."""
    step = Step.ENTER
    try:
        enter(mode)
        step = Step.BUILD
        return asyncio.run(_attempt_world(mode))
    except (OSError, WireError) as refused:
        number = refused.number if isinstance(refused, WireError) else refused.errno
        return Attempt(mode=mode, failed=step, number=number, message=str(refused))


def _plan() -> Plan:
    def host(name: str, address: str) -> HostPlan:
        return HostPlan(
            name=name, attachments=(Attachment(segment="dmz", addresses=(ip_address(address),)),)
        )

    return Plan(hosts=(host("client", "10.0.0.1"), host("server", "10.0.0.2")))


async def _echo(stream: Stream) -> None:
    await stream.write(await stream.read())


async def _attempt_world(mode: Mode) -> Attempt:
    wire = await KernelWire.build(_plan())
    step = Step.RECORD
    try:
        ring = Ring(wire.taps[0], size_bytes=1 << 20)
        try:
            step = Step.CONNECT
            server = wire.host("server")
            await server.listen(_PORT, _echo)
            stream = await wire.host("client").connect(
                Endpoint(server.addresses[0], _PORT), timeout_ns=_STEP_NS
            )
            async with asyncio.timeout(_STEP_NS / 1e9):
                await stream.write(b"probe")
                answer = await stream.read()
            await stream.close()
            step = Step.SEE
            if answer != b"probe" or not await _is_recorded(ring):
                return Attempt(
                    mode=mode, failed=step, number=None, message="the capture ring stayed empty"
                )
        finally:
            ring.close()
    except OSError as refused:
        return Attempt(
            mode=mode,
            failed=step,
            number=refused.errno,
            message=str(refused) or type(refused).__name__,
        )
    finally:
        await wire.close()
    return Attempt(mode=mode, failed=None, number=None, message="")


async def _is_recorded(ring: Ring) -> bool:
    deadline = time.monotonic_ns() + _STEP_NS
    while time.monotonic_ns() < deadline:
        block = ring.take_block()
        if block is not None and any(_is_probe(frame) for frame in parse_block(block, 0)):
            return True
        await asyncio.sleep(0.001)
    return False


def _is_probe(frame: Frame) -> bool:
    # Ethernet type at 12, IPv4 protocol at 14 + 9 (RFC 894, RFC 791 section 3.1).
    return frame.data[12:14] == b"\x08\x00" and frame.data[23] == _TCP and b"probe" in frame.data


def _read_number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def read_facts() -> Facts:
    """The settings of this machine."""
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    return Facts(
        root=os.geteuid() == 0,
        max_user_namespaces=_read_number("/proc/sys/user/max_user_namespaces"),
        unprivileged_userns_clone=_read_number("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restrict_userns=_read_number(
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
        ),
        seccomp="\nSeccomp:\t2" in status,
        container=any(Path(p).exists() for p in ("/.dockerenv", "/run/.containerenv")),
    )


_ROOT = "or run the harness as root"
_CONTAINER = (
    "in a container: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined ... (or --privileged)"
)


def explain(attempt: Attempt, facts: Facts) -> str:
    """What to change so that a failed attempt works: one sentence with the exact command."""
    if attempt.failed is Step.ENTER:
        return _explain_enter(attempt, facts)
    if attempt.failed is Step.BUILD and attempt.number in {errno.EOPNOTSUPP, errno.ENODEV}:
        return "this kernel lacks veth or bridge: modprobe veth bridge (CONFIG_VETH, CONFIG_BRIDGE)"
    if attempt.failed is Step.RECORD and attempt.number in {
        errno.EAFNOSUPPORT,
        errno.ENOPROTOOPT,
        errno.EINVAL,
    }:
        return "this kernel lacks packet capture: modprobe af_packet (CONFIG_PACKET, TPACKET_V3 since Linux 3.2)"
    if attempt.failed is Step.RECORD and attempt.number == errno.ENOMEM:
        return "too little memory for a capture ring: free some, or raise the container's limit"
    if attempt.number in {errno.EPERM, errno.EACCES, errno.EROFS}:
        return _explain_enter(attempt, facts)
    return f"report this as a defect, with the lines above: could not {attempt.failed}: {attempt.message}"


def _explain_enter(attempt: Attempt, facts: Facts) -> str:
    if attempt.mode is Mode.ROOT_NAMESPACES:
        if not facts.root:
            return "the other way needs root: sudo harness ..."
        return f"root without CAP_SYS_ADMIN and CAP_NET_ADMIN cannot make namespaces; {_CONTAINER}"
    if attempt.number == errno.EROFS:
        return f"/proc/sys is read-only; {_CONTAINER}"
    if attempt.number in {errno.ENOSPC, errno.EUSERS} or facts.max_user_namespaces == 0:
        limit = facts.max_user_namespaces
        return f"user.max_user_namespaces is {limit}: sudo sysctl -w user.max_user_namespaces=15000, {_ROOT}"
    if facts.unprivileged_userns_clone == 0:
        return f"unprivileged user namespaces are off: sudo sysctl -w kernel.unprivileged_userns_clone=1, {_ROOT}"
    if facts.apparmor_restrict_userns == 1:
        return (
            "AppArmor takes the capabilities away inside user namespaces: "
            f"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, {_ROOT}"
        )
    if attempt.number == errno.EINVAL:
        return "this kernel has no user or network namespaces: CONFIG_USER_NS and CONFIG_NET_NS"
    if facts.container or facts.seccomp:
        return f"a system call filter refuses namespaces; {_CONTAINER}"
    return (
        f"the kernel refuses user namespaces ({attempt.message}); check security modules, {_ROOT}"
    )
