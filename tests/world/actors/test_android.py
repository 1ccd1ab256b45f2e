"""Whole sign-ins on the memory wire: every actor, every topology, real TLS."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import ip_address
from typing import Literal

import pytest

from harness.scenario.scenario import Device, TunnelRule
from harness.scenario.step import KeptTunnel, RawProxyRequest, SignIn
from harness.site.sign_in import find_user
from harness.site.site import Site
from harness.world.actors.android import Android
from harness.world.host import Stream
from tests.world.actors.stage import (
    FQDN,
    NODES,
    VIP,
    cluster,
    pass_through_cluster,
    single_node,
    stage,
)

ALICE = "alice@example.com"
ONE_PORT = [{"port": 5262}]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "site",
    [
        single_node(),
        single_node(destination="localhost"),
        single_node(ports=ONE_PORT),
        cluster(),
        cluster(destination=VIP),
        cluster(tls="1.2"),
        cluster(balancer={"forwarded_for": "append"}),
        cluster(destination_forced=False, destination="10.20.0.0/24"),
        pass_through_cluster(),
        pass_through_cluster(ports=ONE_PORT),
    ],
    ids=[
        "single node",
        "single node, localhost",
        "single node, one port",
        "cluster",
        "cluster, forced by address",
        "cluster, TLS 1.2",
        "cluster, appended X-Forwarded-For",
        "cluster, allow-list",
        "pass-through cluster",
        "pass-through cluster, one port",
    ],
)
async def test_a_device_signs_in(site: Site) -> None:
    """The user is the one in the device's certificate."""
    async with stage(site) as running:
        assert await running.user() == ALICE


@pytest.mark.asyncio
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("android", [7, 10, 13])
async def test_any_android_signs_in(tls: Literal["1.2", "1.3"], android: int) -> None:
    """Old and new devices, old and new TLS."""
    device = Device(user=ALICE, android=android, tls=tls)
    async with stage(cluster(), device=device) as running:
        assert await running.user() == ALICE


@pytest.mark.asyncio
async def test_the_call_back_goes_to_the_node_that_knows() -> None:
    """Three sign-ins, one by one: each lands on another node than its proxy's, which is asked."""
    async with stage(cluster()) as running:
        for _ in range(3):
            assert await running.user() == ALICE

        assert running.callbacks() == (
            ("node2", f"{NODES['node1']}:5263"),
            ("node3", f"{NODES['node2']}:5263"),
            ("node1", f"{NODES['node3']}:5263"),
        )


@pytest.mark.asyncio
async def test_with_localhost_each_node_asks_itself() -> None:
    """The peer is the node's own proxy, headers play no part."""
    async with stage(pass_through_cluster()) as running:
        await running.user()
        await running.user()

        assert running.callbacks() == (
            ("node1", f"{NODES['node1']}:5263"),
            ("node2", f"{NODES['node2']}:5263"),
        )


@pytest.mark.asyncio
@pytest.mark.parametrize("site", [cluster(), pass_through_cluster(), single_node()])
async def test_later_requests_use_the_session(site: Site) -> None:
    """Five requests on one connection: one call-back, five answers."""
    async with stage(site) as running:
        answers = await running.sign_in(requests=5)

        users = [find_user(answer.status, answer.body) for answer in answers]
        assert users == [ALICE] * 5
        assert len(running.callbacks()) == 1


@pytest.mark.asyncio
async def test_a_refusal_ends_the_visit() -> None:
    """A device that is not signed in asks for nothing more."""
    async with stage(cluster(accept_remote_port_from="")) as running:
        answers = await running.sign_in(requests=5)

        assert [answer.status for answer in answers] == [403]


@pytest.mark.asyncio
async def test_many_devices_at_once_are_not_mixed_up() -> None:
    """Ten devices at the same time, each with its own user."""
    async with stage(cluster()) as running:
        users = [f"user{number}@example.com" for number in range(10)]
        devices = [
            Android(
                running.wire.host(f"d{number}", f"203.0.113.{100 + number}"),
                f"d{number}",
                Device(user=user),
                running.setting,
            )
            for number, user in enumerate(users)
        ]
        step = SignIn(device="all", sign_in="salesforce", requests=2)

        answers = await asyncio.gather(*(device.visit(step) for device in devices))

        assert [find_user(a[-1].status, a[-1].body) for a in answers] == users


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "site", [cluster(), pass_through_cluster(), single_node(), single_node(ports=ONE_PORT)]
)
async def test_a_device_without_certificate_gets_no_tunnel(site: Site) -> None:
    """Refused in the handshake (V11): nothing is dialled for it."""
    device = Device(user=ALICE, certificate="none")
    async with stage(site, device=device) as running:
        answers = await running.sign_in()

        assert answers == ()
        dialled = [a for a in running.wire.attempts if a.server.port == 443]
        assert dialled == []


@pytest.mark.asyncio
async def test_a_bypassed_host_is_reached_directly_and_refused() -> None:
    """No proxy, no certificate, no sign-in, and a definite answer."""
    device = Device(user=ALICE, tunnel=(TunnelRule(host="*.example.com", action="bypass"),))
    async with stage(cluster(), device=device) as running:
        answers = await running.sign_in()

        assert [answer.status for answer in answers] == [403]
        assert running.wire.servers("pixel") == (f"{VIP}:443",)
        assert running.callbacks() == ()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("rules", "servers"),
    [
        ((TunnelRule(host=FQDN),), (f"{VIP}:5262",)),
        ((TunnelRule(host="*.example.com"),), (f"{VIP}:5262",)),
        ((TunnelRule(host="*.example.com", proxy="vip:5262"),), (f"{VIP}:5262",)),
        ((TunnelRule(host="*.example.com", proxy=f"{VIP}:5262"),), (f"{VIP}:5262",)),
        ((TunnelRule(host="example.com"),), (f"{VIP}:443",)),
        ((TunnelRule(host="*.access.example.com"),), (f"{VIP}:443",)),
        ((TunnelRule(host=FQDN, action="bypass"), TunnelRule(host=FQDN)), (f"{VIP}:443",)),
        ((TunnelRule(host=FQDN, proxy="nobody.example.com:1"),), ()),
        ((), (f"{VIP}:443",)),
    ],
)
async def test_the_first_rule_that_matches_decides(
    rules: tuple[TunnelRule, ...], servers: tuple[str, ...]
) -> None:
    """Proxy, bypass, or the default action, which is bypass."""
    async with stage(cluster(), device=Device(user=ALICE, tunnel=rules)) as running:
        await running.sign_in()

        assert running.wire.servers("pixel") == servers


@pytest.mark.asyncio
async def test_a_foreign_host_through_a_forced_proxy_is_not_signed_in() -> None:
    """The tunnel ends at the site, whose certificate is not the foreign host's."""
    device = Device(user=ALICE, tunnel=(TunnelRule(host="*"),))
    async with stage(cluster(), device=device) as running:
        answers = await running.sign_in(host="bystander")

        assert answers == ()
        assert running.wire.servers("node1") == (f"{VIP}:443",)


@pytest.mark.asyncio
async def test_nothing_is_left_and_nothing_was_reset() -> None:
    """Every connection of a sign-in ends in order, with close_notify and FIN, so that captures end clean."""
    async with stage(cluster()) as running:
        await running.sign_in(requests=2)

    assert len(running.wire.served) == 5
    assert not any(stream.is_aborted or stream._is_reset for stream in running.wire.served)
    assert all(stream.is_closed for stream in running.wire.served)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("address", "port"),
    [(VIP, 5262), (VIP, 443), (NODES["node1"], 5263)],
    ids=["outer handshake", "inner handshake", "call-back"],
)
async def test_an_interrupted_device_leaves_nothing_behind(address: str, port: int) -> None:
    """Whatever it was waiting for: everybody who served it ends long before the time-out."""
    hanging = asyncio.Event()

    async def hang(stream: Stream) -> None:
        hanging.set()
        with contextlib.suppress(ConnectionError):
            while await stream.read():
                pass

    async with stage(cluster()) as running:
        host = running.wire.owner(ip_address(address))
        assert host is not None
        host.listeners[port].serve = hang
        visit = asyncio.create_task(running.sign_in())
        await hanging.wait()
        visit.cancel()
        started_ns = host.clock.now_ns()
        await asyncio.wait((visit,))

    assert visit.cancelled()
    assert host.clock.now_ns() - started_ns < running.setting.timeout_ns


@pytest.mark.asyncio
async def test_a_kept_connection_serves_a_later_sign_in() -> None:
    """One tunnel, opened before; what is kept is used up."""
    async with stage(cluster()) as running:
        await running.device.keep_tunnel(KeptTunnel(device="pixel", tunnel="open"))
        user = await running.user()

        assert user == "alice@example.com"
        assert running.wire.servers("pixel") == ("10.20.0.10:5262",)


@pytest.mark.asyncio
@pytest.mark.parametrize(("how", "is_reset"), [("close", False), ("abort", True)])
async def test_a_kept_connection_ends_as_asked(
    how: Literal["close", "abort"], is_reset: bool
) -> None:
    """In order, or with a reset; a later sign-in opens another one."""
    async with stage(cluster()) as running:
        await running.device.keep_tunnel(KeptTunnel(device="pixel", tunnel="open"))
        await running.device.keep_tunnel(KeptTunnel(device="pixel", tunnel=how))
        await running.sign_in()

        assert running.wire.servers("pixel") == ("10.20.0.10:5262",) * 2
        assert any(stream._is_reset for stream in running.wire.served) is is_reset


@pytest.mark.asyncio
async def test_text_for_the_proxy_goes_out_as_written() -> None:
    """And is answered like any other request."""
    async with stage(cluster()) as running:
        text = "GET https://access.example.com/ HTTP/1.1\r\nHost: access.example.com\r\n\r\n"
        await running.device.send_raw(RawProxyRequest(device="pixel", to_proxy=text))

        (head,) = running.requests(f"{NODES['node1']}:5262")
        assert head[0] == "GET https://access.example.com/ HTTP/1.1"
        assert running.wire.servers("node1") == ()
