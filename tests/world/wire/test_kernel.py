"""The kernel wire: who is reached over which segment, and what leaves that nobody owns."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from harness.net.address import Endpoint
from harness.world.recorder.recorder import Recorder
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode, Namespace, WireError
from harness.world.wire.plan import Plan
from harness.world.wire.process import run_in_child
from tests.world.private_world import (
    ACK,
    NOBODY,
    NODE1,
    SECOND,
    SYN,
    Live,
    Segment,
    exchange,
    finish,
    host,
    segments,
    site_plan,
)


async def _talk(_: Mode, pairs: tuple[tuple[str, str], ...]) -> tuple[Segment, ...]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    for client, server in pairs:
        await exchange(wire, client, server)
    found = segments(await finish(recorder))
    await wire.close()
    return found


@pytest.mark.parametrize(
    ("client", "server", "tap"),
    [
        pytest.param("phones", "vip", "outside", id="a device reaches the balancer outside"),
        pytest.param("vip", "node1", "dmz", id="the balancer reaches a node on the dmz"),
        pytest.param("node1", "vip", "dmz", id="a node reaches the balancer on the dmz"),
        pytest.param("node2", "node1", "inside", id="nodes meet on the innermost segment"),
        pytest.param("node1", "node1", "node1.lo", id="a node's own address is on its loopback"),
        pytest.param("intruder", "node1", "dmz", id="an intruder reaches a node on the dmz"),
    ],
)
def test_one_connection_is_on_one_tap(live: Live, client: str, server: str, tap: str) -> None:
    """Every segment of a connection is seen on the tap that both ends share first, and on no other."""
    found = live(_talk, ((client, server),))

    assert {s.tap for s in found} == {tap}
    assert b"".join(s.payload for s in found) == b"hello" * 2


def test_links_are_ready(live: Live) -> None:
    """The first packet of each pair arrives: one SYN for each connection, none sent again."""
    pairs = (("phones", "vip"), ("vip", "node1"), ("node1", "node2"), ("intruder", "node2"))

    found = live(_talk, pairs)

    assert len([s for s in found if s.flags & (SYN | ACK) == SYN]) == len(pairs)


async def _listen_to_silence(_: Mode) -> tuple[int, int]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    await exchange(wire, "phones", "vip")
    recording = await finish(recorder)
    await wire.close()
    return len(recording.frames), len(segments(recording))


def test_nothing_else_is_on_the_wire(live: Live) -> None:
    """No ARP, no IPv6, no multicast: all that is recorded is what the hosts were told to say."""
    frames, from_hosts = live(_listen_to_silence)

    assert frames == from_hosts > 0


async def _call_nobody(_: Mode, client: str) -> tuple[Segment, ...]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    with pytest.raises(TimeoutError, match=r"no answer in 0\.05 s"):
        await wire.host(client).connect(Endpoint(NOBODY, 443), timeout_ns=SECOND // 20)
    found = segments(await finish(recorder))
    await wire.close()
    return found


@pytest.mark.parametrize(("client", "tap"), [("phones", "outside"), ("node1", "dmz")])
def test_a_packet_to_nobody_is_captured(live: Live, client: str, tap: str) -> None:
    """A SYN to an address that nobody owns leaves as a packet on the first segment and gets no answer."""
    found = live(_call_nobody, client)

    assert [(s.tap, s.dst, s.flags) for s in found] == [(tap, Endpoint(NOBODY, 443), SYN)]


async def _look_for_a_way_out(_: Mode, outside: tuple[str, int]) -> tuple[list[str], str, str]:
    wire = await KernelWire.build(site_plan())
    interfaces = [name for _, name in socket.if_nameindex()]
    with pytest.raises(ConnectionRefusedError):
        await wire.host("node1").connect(
            Endpoint(wire.host("node1").resolve(outside[0])[0], outside[1]), timeout_ns=SECOND
        )
    routes = Path("/proc/thread-self/net/route").read_text().splitlines()[1:]
    with wire.taps[0].namespace.entered():
        switch_routes = Path("/proc/thread-self/net/route").read_text().splitlines()[1:]
    await wire.close()
    return interfaces, "\n".join(routes), "\n".join(switch_routes)


def test_there_is_no_way_out(live: Live) -> None:
    """Neither the machine's loopback nor any of its interfaces exists for a host, and no route leads away."""
    with socket.create_server(("127.0.0.1", 0)) as machine:
        found = live(_look_for_a_way_out, machine.getsockname())

    assert found == (["lo"], "", "")


async def _identify(_: Mode) -> tuple[int, list[int]]:
    wire = await KernelWire.build(site_plan())
    await exchange(wire, "phones", "vip")
    spaces = [tap.namespace for tap in wire.taps] + [Namespace.current()]
    # Not closed: dying must be enough.
    return os.getpid(), [os.fstat(space.fd).st_ino for space in spaces]


def test_nothing_is_left(live: Live) -> None:
    """When the process has ended, no process is in any of its namespaces."""
    pid, inodes = live(_identify)

    alive = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            alive.add(link.stat().st_ino)
        except OSError:
            continue  # Ended meanwhile, or not ours to look at.
    assert not Path(f"/proc/{pid}").exists()
    assert alive.isdisjoint(inodes)


async def _build_two(_: Mode) -> tuple[str, ...]:
    one, two = await KernelWire.build(site_plan()), await KernelWire.build(site_plan())
    await exchange(one, "phones", "vip")
    await exchange(two, "phones", "vip")
    await one.close()
    await exchange(two, "node1", "node2")
    await two.close()
    return tuple(tap.name for tap in two.taps)


def test_wires_do_not_meet(live: Live) -> None:
    """Two wires with the same addresses stand side by side; one goes and the other stays."""
    assert live(_build_two) == ("inside", "dmz", "outside", "node1.lo")


async def _build_narrow(_: Mode) -> tuple[tuple[str, ...], int]:
    plan = Plan(hosts=(host("alone", ("dmz", NODE1), port_range=(41000, 41001)),))
    wire = await KernelWire.build(plan)
    local = await exchange(wire, "alone", "alone")
    await wire.close()
    return tuple(tap.name for tap in wire.taps), local.port


def test_only_used_segments_have_a_bridge(live: Live) -> None:
    """A segment without hosts has no tap; a host's port range is where its connections come from."""
    taps, port = live(_build_narrow)

    assert taps == ("dmz",)
    assert port in (41000, 41001)


async def _ask_wrongly(_: Mode) -> tuple[str, str]:
    wire = await KernelWire.build(site_plan())
    with pytest.raises(KeyError) as unknown:
        wire.host("node9")
    with pytest.raises(ValueError, match="does not own") as foreign:
        wire.host("node1", NOBODY)
    await wire.close()
    return str(unknown.value), str(foreign.value)


def test_unknown_hosts_are_refused(live: Live) -> None:
    """A name or an address that the plan does not have raises, and says which."""
    unknown, foreign = live(_ask_wrongly)

    assert unknown == "'node9'"
    assert str(NOBODY) in foreign


def _build_unprivileged() -> str:
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)
    with pytest.raises(WireError, match="enter_private") as refused:
        asyncio.run(KernelWire.build(site_plan()))
    return str(refused.value)


def test_without_a_private_namespace_it_says_so() -> None:
    """A process without privileges that has entered nothing is told what to call."""
    assert "process of its own" in run_in_child(_build_unprivileged, timeout_ns=10 * SECOND)
