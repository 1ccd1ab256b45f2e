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
NODE1_6, NODE2_6 = ip_address("2001:db8:20:1::1"), ip_address("2001:db8:20:1::2")
SECOND_6 = ip_address("2001:db8:20:2::1")
"""A second IPv6 address of the first node."""
SIX = ip_address("2001:db8:20:5::5")
PHONES_6: tuple[Address, ...] = tuple(ip_address("2001:db8:113::1") + n for n in range(40))
NOBODY_6 = ip_address("2001:db8:dead::7")
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


def dual_plan() -> Plan:
    """Two nodes with both families, a machine with IPv6 alone, one with IPv4 alone, and forty phones with IPv6."""
    both = (NODE1, NODE1_6, SECOND_6)
    return Plan(
        hosts=(
            HostPlan(
                name="node1",
                attachments=tuple(Attachment(segment=s, addresses=both) for s in ("dmz", "inside")),
                loopback_tap=True,
            ),
            HostPlan(
                name="node2",
                attachments=tuple(
                    Attachment(segment=s, addresses=(NODE2, NODE2_6)) for s in ("dmz", "outside")
                ),
            ),
            host("six", ("dmz", SIX)),
            host("four", ("dmz", ip_address("10.20.5.5"))),
            HostPlan(
                name="phones", attachments=(Attachment(segment="outside", addresses=PHONES_6),)
            ),
        ),
        names={"access.example.com": (NODE1_6, NODE1)},
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
    """IP and TCP out of an Ethernet frame (RFC 791, RFC 8200, RFC 9293); None for anything else."""
    if data[12:14] == b"\x08\x00" and data[23] == 6:
        tcp = 14 + 4 * (data[14] & 15)
        end = 14 + int.from_bytes(data[16:18])
        source, destination = data[26:30], data[30:34]
    elif data[12:14] == b"\x86\xdd" and data[20] == 6:
        tcp, end = 54, 54 + int.from_bytes(data[18:20])
        source, destination = data[22:38], data[38:54]
    else:
        return None
    src_port, dst_port, offset, flags = struct.unpack_from("!HH8xBB", data, tcp)
    return (
        Endpoint(ip_address(source), src_port),
        Endpoint(ip_address(destination), dst_port),
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
