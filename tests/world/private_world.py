"""A private world for tests: coroutine functions of test modules run in a child with namespaces of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from harness.net.address import Address, Endpoint
from harness.world.host import Stream
from harness.world.recorder.recorder import Recorder
from harness.world.recorder.recording import Recording
from harness.world.wire.doctor import Diagnosis, probe
from harness.world.wire.kernel import KernelWire
from harness.world.wire.plan import Attachment, HostPlan, Plan
from harness.world.wire.process import run_private

SECOND = 1_000_000_000
NODE1, NODE2 = ip_address("10.20.1.1"), ip_address("10.20.1.2")
VIP = ip_address("10.20.0.10")
PHONES: tuple[Address, ...] = tuple(IPv4Address("203.0.113.1") + n for n in range(100))
NOBODY = ip_address("192.88.99.7")
FIN, SYN, RST, ACK = 1, 2, 4, 16

Live = Callable[..., Any]


@pytest.fixture(scope="session")
def diagnosis() -> Diagnosis:
    """What this machine can do."""
    return probe()


@pytest.fixture
def live(diagnosis: Diagnosis) -> Live:
    """Calls `function(mode, *arguments)` in a private world; skips where there can be none."""
    if diagnosis.mode is None:
        pytest.skip("no private network namespaces: " + "; ".join(diagnosis.lines))

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return run_private(function, *arguments, timeout_ns=30 * SECOND)

    return run


def host(name: str, *attached: tuple[str, Address], lo: bool = False, **more: Any) -> HostPlan:
    """A host with one address for each segment named."""
    attachments = tuple(Attachment(segment=s, addresses=(a,)) for s, a in attached)
    return HostPlan(name=name, attachments=attachments, loopback_tap=lo, **more)


def site_plan() -> Plan:
    """Two nodes, a balancer, a machine on the dmz, and a hundred phones in one namespace."""
    return Plan(
        hosts=(
            host("node1", ("dmz", NODE1), ("inside", NODE1), lo=True),
            host("node2", ("dmz", NODE2), ("inside", NODE2)),
            host("vip", ("outside", VIP), ("dmz", VIP)),
            host("intruder", ("dmz", ip_address("10.20.5.5"))),
            HostPlan(name="phones", attachments=(Attachment(segment="outside", addresses=PHONES),)),
        ),
        names={"access.example.com": (VIP,)},
    )


async def echo(stream: Stream) -> None:
    """Serve: send everything back until the peer's FIN."""
    while data := await stream.read():
        await stream.write(data)


async def exchange(wire: KernelWire, client: str, server: str, port: int = 443) -> Endpoint:
    """One small echo between two hosts; the client's end."""
    there = wire.host(server)
    listener = await there.listen(port, echo)
    stream = await wire.host(client).connect(
        Endpoint(there.addresses[0], port), timeout_ns=2 * SECOND
    )
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    await stream.close()
    await listener.close()
    return stream.local


@dataclass(frozen=True, slots=True)
class Segment:
    """What a test wants to know of a captured TCP segment."""

    tap: str
    src: Endpoint
    dst: Endpoint
    flags: int
    payload: bytes


def parse_segment(data: bytes) -> tuple[Endpoint, Endpoint, int, bytes] | None:
    """IPv4 and TCP out of an Ethernet frame (RFC 791, RFC 9293); None for anything else."""
    if data[12:14] != b"\x08\x00" or data[23] != 6:
        return None
    tcp = 14 + 4 * (data[14] & 15)
    end = 14 + int.from_bytes(data[16:18])
    src_port, dst_port, offset, flags = struct.unpack_from("!HH8xBB", data, tcp)
    return (
        Endpoint(IPv4Address(data[26:30]), src_port),
        Endpoint(IPv4Address(data[30:34]), dst_port),
        flags,
        data[tcp + 4 * (offset >> 4) : end],
    )


def segments(recording: Recording) -> tuple[Segment, ...]:
    """All TCP segments of a recording, in order."""
    found = []
    for frame in recording.frames:
        if (parsed := parse_segment(frame.data)) is not None:
            found.append(Segment(recording.taps[frame.tap].name, *parsed))
    return tuple(found)


async def finish(recorder: Recorder) -> Recording:
    """Drain and stop; nothing may be missing."""
    assert await recorder.drain(2 * SECOND)
    recording = recorder.stop()
    for tap in recording.taps:
        assert (tap.received, tap.dropped, tap.freezes) == (tap.written, 0, 0), str(tap)
    return recording
