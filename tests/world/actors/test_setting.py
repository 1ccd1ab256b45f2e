"""Each defect switch changes what it should on the wire; off, the same attack fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from harness.scenario.defect import DEFECTS
from harness.scenario.scenario import Device, TunnelRule
from harness.scenario.step import ForgedCallback, ForgedRequest
from harness.site.page import PageChange
from harness.site.site import Site
from tests.world.actors.stage import (
    BYSTANDER,
    NODES,
    Stage,
    cluster,
    make_setting,
    pass_through_cluster,
    stage,
)

NODE1, NODE2, NODE3 = NODES.values()
ALICE = "alice@example.com"
NO_TUNNEL = Device(user=ALICE, tunnel=())
ANY_HOST = Device(user=ALICE, tunnel=(TunnelRule(host="*"),))


def sign_in(**step: Any) -> Callable[[Stage], Awaitable[object]]:
    """The device signs in; seen are the statuses of its answers."""

    async def act(running: Stage) -> object:
        return tuple(answer.status for answer in await running.sign_in(**step))

    return act


def where_to(**step: Any) -> Callable[[Stage], Awaitable[object]]:
    """The device signs in; seen is whom node1's cert proxy sent a SYN."""

    async def act(running: Stage) -> object:
        await running.sign_in(**step)
        return running.wire.servers("node1")

    return act


def call_backs(**step: Any) -> Callable[[Stage], Awaitable[object]]:
    """The device signs in; seen are its user and who called back whom."""

    async def act(running: Stage) -> object:
        return await running.user(**step), running.callbacks()

    return act


def forge_request(**headers: str) -> Callable[[Stage], Awaitable[object]]:
    """The attacker asks node2 directly; seen is who called back whom."""

    async def act(running: Stage) -> object:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        step = ForgedRequest(attacker="mallory", request="node2:443", headers=lines)
        answer = await running.attacker.send_request(step)
        return answer.status if answer else None, running.callbacks()

    return act


async def forge_callback(running: Stage) -> object:
    """The attacker asks node1's admin port for a certificate; seen is the answer."""
    step = ForgedCallback(attacker="mallory", call_back="node1:5263")
    answer = await running.attacker.send_callback(step)
    return answer.status if answer else None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One defect in the situation where it shows."""

    act: Callable[[Stage], Awaitable[object]]
    off: object
    """What is seen without it."""
    on: object
    site: Site = field(default_factory=cluster)
    device: Device = field(default_factory=lambda: Device(user=ALICE))


NODE2_ASKS_1 = (("node2", f"{NODE1}:5263"),)

CASES = {
    "F15": Case(
        act=call_backs(headers={"RemotePort": "40000"}),
        off=(ALICE, NODE2_ASKS_1),
        on=(None, NODE2_ASKS_1),
    ),
    "F17": Case(
        act=forge_request(X_Forwarded_For=NODE1, RemotePort="40000"),
        off=(403, ()),
        on=(403, NODE2_ASKS_1),
    ),
    "F18": Case(
        act=forge_request(X_Forwarded_For=f"10.20.0.10, {NODE1}", RemotePort="40000"),
        off=(403, ()),
        on=(403, NODE2_ASKS_1),
    ),
    "F19": Case(act=sign_in(headers={"RemotePort": "40000"}), off=(200,), on=(400,)),
    "F20": Case(act=sign_in(headers={"RemotePort": "40000"}), off=(200,), on=(400,)),
    "F24": Case(
        site=cluster(balancer={"forwarded_for": "append"}),
        act=call_backs(headers={"X-Forwarded-For": NODE3}),
        off=(ALICE, NODE2_ASKS_1),
        on=(None, (("node2", f"{NODE3}:5263"),)),
    ),
    "F28": Case(
        site=cluster(allow_remote_port_header=False),
        act=call_backs(),
        off=(None, ()),
        on=(ALICE, NODE2_ASKS_1),
    ),
    "F36": Case(act=sign_in(), off=(200,), on=()),
    "F44": Case(
        act=call_backs(),
        off=(ALICE, NODE2_ASKS_1),
        on=(None, (("node2", f"{NODE2}:5263"),)),
    ),
    "F45": Case(
        act=call_backs(),
        off=(ALICE, NODE2_ASKS_1),
        on=(ALICE, (("node2", f"{NODE1}:5262"),)),
    ),
    "F47": Case(act=forge_callback, off=None, on=403),
    "F57": Case(
        device=ANY_HOST,
        act=where_to(host="bystander"),
        off=("10.20.0.10:443",),
        on=(f"{BYSTANDER}:443",),
    ),
    "F58": Case(
        site=cluster(destination_forced=False, destination=""),
        device=ANY_HOST,
        act=where_to(host="bystander"),
        off=(),
        on=(f"{BYSTANDER}:443",),
    ),
    "F59": Case(
        site=cluster(destination_forced=False, destination="10.20.0.0/21"),
        device=ANY_HOST,
        act=where_to(host="bystander:8443"),
        off=(),
        on=(f"{BYSTANDER}:8443",),
    ),
    "F16": Case(
        device=NO_TUNNEL,
        act=call_backs(headers={"RemotePort": "40000", "X-Forwarded-For": NODE1}),
        off=(None, ()),
        on=(None, NODE2_ASKS_1),
    ),
    "F21": Case(act=sign_in(headers={"RemotePort": "+40000"}), off=(200,), on=(400,)),
    "F23": Case(
        act=sign_in(headers={"Connection": "RemotePort, X-Forwarded-For"}), off=(200,), on=(403,)
    ),
    "F25": Case(
        site=cluster(balancer={"forwarded_for": "append"}),
        act=call_backs(headers={"X-Forwarded-For": NODE3}),
        off=(ALICE, NODE2_ASKS_1),
        on=(None, (("node2", f"{NODE3}:5263"),)),
    ),
    "F26": Case(
        act=call_backs(headers={"X-Real-IP": NODE3}),
        off=(ALICE, NODE2_ASKS_1),
        on=(None, (("node2", f"{NODE3}:5263"),)),
    ),
    "F27": Case(act=sign_in(), off=(200,), on=(400,)),
    "F29": Case(
        site=pass_through_cluster(),
        act=call_backs(headers={"RemotePort": "40000", "X-Forwarded-For": NODE3}),
        off=(ALICE, (("node1", f"{NODE1}:5263"),)),
        on=(None, (("node1", f"{NODE3}:5263"),)),
    ),
    "F34": Case(act=call_backs(), off=(ALICE, NODE2_ASKS_1), on=(None, ())),
    "F37": Case(
        act=call_backs(), off=(ALICE, NODE2_ASKS_1), on=("balancer@example.com", NODE2_ASKS_1)
    ),
    "F51": Case(act=sign_in(), off=(200,), on=(403,)),
    "F52": Case(act=sign_in(), off=(200,), on=(403,)),
    "F54": Case(
        act=call_backs(), off=(ALICE, NODE2_ASKS_1), on=("carol@example.com", NODE2_ASKS_1)
    ),
    "F55": Case(
        act=call_backs(),
        off=(ALICE, NODE2_ASKS_1),
        on=(None, (*NODE2_ASKS_1, ("node2", f"{NODE2}:5263"))),
    ),
    "F62": Case(act=sign_in(headers={"Host": "portal.example.com"}), off=(421,), on=(200,)),
    "F63": Case(
        site=cluster(destination_forced=False, destination="10.20.0.10"),
        device=ANY_HOST,
        act=where_to(connect=str(int(ip_address(BYSTANDER))) + ":443"),
        off=(),
        on=(f"{BYSTANDER}:443",),
    ),
    "F64": Case(act=where_to(), off=("10.20.0.10:443",), on=("10.20.0.10:5262",)),
    "F74": Case(
        device=Device(user=ALICE, certificate="none"),
        act=where_to(),
        off=(),
        on=("10.20.0.10:443",),
    ),
    "F75": Case(device=Device(user=ALICE, certificate="expired"), act=sign_in(), off=(), on=(200,)),
    "F77": Case(
        device=Device(user=ALICE, certificate="server_only"), act=sign_in(), off=(), on=(200,)
    ),
    "F78": Case(
        device=Device(user=ALICE, email="bob@example.com"),
        act=call_backs(),
        off=(ALICE, NODE2_ASKS_1),
        on=("bob@example.com", NODE2_ASKS_1),
    ),
    "F67": Case(
        device=Device(user=ALICE, certificate="none"),
        act=where_to(),
        off=(),
        on=("10.20.0.10:443",),
    ),
}


def test_every_case_is_a_defect() -> None:
    """A switch that nobody has proves nothing; those without a case are shown by their scenarios alone."""
    assert set(CASES) <= {defect.id for defect in DEFECTS}


@pytest.mark.asyncio
@pytest.mark.parametrize("defect", CASES)
async def test_without_the_defect_the_attack_fails(defect: str) -> None:
    """The default actors withstand it."""
    case = CASES[defect]
    async with stage(case.site, device=case.device) as running:
        assert await case.act(running) == case.off


@pytest.mark.asyncio
@pytest.mark.parametrize("defect", CASES)
async def test_with_the_defect_it_shows(defect: str) -> None:
    """The switch makes the difference, where the fault would really live."""
    case = CASES[defect]
    async with stage(case.site, device=case.device, defects=(defect,)) as running:
        assert await case.act(running) == case.on


@pytest.mark.asyncio
async def test_without_a_certificate_nobody_is_signed_in() -> None:
    """F67 opens the tunnel, but there is nothing to give out."""
    device = Device(user=ALICE, certificate="none")
    async with stage(cluster(), device=device, defects=("F67",)) as running:
        answers = await running.sign_in()

        assert [answer.status for answer in answers] == [403]


@pytest.mark.asyncio
async def test_a_balancer_that_ends_tls_shows_its_own_handshakes() -> None:
    """F36: the device finishes a handshake and says CONNECT, the node refuses the balancer."""
    async with stage(cluster(), defects=("F36",)) as running:
        await running.sign_in()

        assert running.wire.servers("pixel") == ("10.20.0.10:5262",)
        assert running.wire.servers("vip") == (f"{NODE1}:5262",)
        assert running.wire.servers("node1") == ()
    assert not any(stream.is_aborted or stream._is_reset for stream in running.wire.served)


OPEN_LIST = PageChange(destination_forced=False, destination="10.20.0.0/24")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("defects", "expected"), [((), ("10.20.0.10:443",)), (("F88",), ())], ids=["default", "F88"]
)
async def test_what_is_saved_is_in_force(
    defects: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """A14: typed it is not, saved it is; with F88 it never is."""
    nobody = cluster(destination_forced=False, destination="192.0.2.0/24")
    async with stage(nobody, defects=defects) as running:
        console = running.setting.console
        for node in console.nodes:
            console.edit(node, OPEN_LIST)
        typed = await where_to()(running)
        for node in console.nodes:
            console.save(node, at_ns=0)
        await running.sign_in()
        saved = running.wire.servers("node2")  # Whose turn it is.

    assert (typed, saved) == ((), expected)


def test_equal_names_are_equal_keys() -> None:
    """A09: other text is another key, and the usual one is that of the run."""
    setting = make_setting(cluster())

    assert setting.key("shared") == setting.proxy_key
    assert setting.key("a") == setting.key("a") != setting.key("b")
