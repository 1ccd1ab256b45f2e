"""Layouts: which interface leads where."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, ip_address

import pytest

from harness.world.wire.layout import (
    EVERYTHING,
    EVERYTHING_6,
    NOBODY,
    NOBODY_6,
    InterfacePlan,
    RoutePlan,
    check_plan,
    lay_out,
    mac_of,
)
from harness.world.wire.plan import Attachment, HostPlan, Plan
from tests.world.private_world import (
    NODE1,
    NODE1_6,
    NODE2,
    PHONES,
    SECOND_6,
    SIX,
    VIP,
    dual_plan,
    host,
    site_plan,
)

TO_NOBODY = RoutePlan(network=EVERYTHING, via=NOBODY)


def _on_link(address: object) -> RoutePlan:
    return RoutePlan(network=IPv4Network(str(address)), via=None)


def _interface(host_name: str, segment: str) -> InterfacePlan:
    return next(i for i in lay_out(site_plan())[host_name] if i.segment == segment)


def test_a_mac_shows_its_address() -> None:
    """02:00 and the address."""
    assert mac_of(IPv4Address("10.20.1.1")).hex(":") == "02:00:0a:14:01:01"


def test_hosts_talk_over_the_first_segment_they_share() -> None:
    """Nodes reach each other inside, and the balancer and the rest on the dmz."""
    inside, dmz = _interface("node1", "inside"), _interface("node1", "dmz")

    assert inside.routes == (_on_link(NODE2),)
    assert dmz.routes == (_on_link(VIP), _on_link("10.20.5.5"), TO_NOBODY)
    assert [n for n, _ in dmz.neighbours] == [VIP, IPv4Address("10.20.5.5"), NOBODY]
    assert all(mac == mac_of(neighbour) for neighbour, mac in dmz.neighbours)


def test_what_nobody_owns_leaves_on_the_first_segment() -> None:
    """Only a host's first attachment has the way to everything."""
    ways = {
        name: [i.segment for i in interfaces if TO_NOBODY in i.routes]
        for name, interfaces in lay_out(site_plan()).items()
    }

    assert ways == {
        "node1": ["dmz"],
        "node2": ["dmz"],
        "vip": ["outside"],
        "intruder": ["dmz"],
        "phones": ["outside"],
    }


def test_a_fleet_is_a_few_networks() -> None:
    """A hundred addresses: the first is the interface's, the others are folded and reached through it."""
    fleet = _interface("phones", "outside")
    ways = [r for r in _interface("vip", "outside").routes if r != TO_NOBODY]

    assert fleet.addresses == (PHONES[0],)
    assert {a for network in fleet.own for a in network} == set(PHONES[1:])
    assert len(fleet.own) < 10
    assert ways == [
        _on_link(PHONES[0]),
        *(RoutePlan(network=n, via=IPv4Address(PHONES[0])) for n in fleet.own),
    ]


def test_an_address_on_one_segment_only_is_reached_there() -> None:
    """Of two segments shared, the second still leads to what the first does not have."""
    extra = ip_address("10.20.7.7")
    wide = HostPlan(
        name="wide",
        attachments=(
            Attachment(segment="dmz", addresses=(NODE2, extra)),
            Attachment(segment="inside", addresses=(NODE2,)),
        ),
    )
    plan = Plan(hosts=(host("node1", ("dmz", NODE1), ("inside", NODE1)), wide))

    dmz, inside = lay_out(plan)["node1"]

    assert inside.routes == (_on_link(NODE2),)
    assert dmz.routes == (
        RoutePlan(network=IPv4Network("10.20.7.7"), via=IPv4Address(NODE2)),
        TO_NOBODY,
    )


def test_hosts_that_share_no_segment_have_no_way() -> None:
    """A phone outside and an intruder on the dmz do not reach each other."""
    assert _interface("intruder", "dmz").routes == (
        _on_link(NODE1),
        _on_link(NODE2),
        _on_link(VIP),
        TO_NOBODY,
    )


@pytest.mark.parametrize(
    ("hosts", "problem"),
    [
        pytest.param(
            (host("a", ("dmz", NODE1)), host("a", ("dmz", NODE2))),
            "host 'a': named twice",
            id="two of a name",
        ),
        pytest.param(
            (host("a", ("dmz", NODE1)), host("b", ("inside", NODE1))),
            "address 10.20.1.1: both 'a' and 'b' own it",
            id="two of an address",
        ),
        pytest.param(
            (host("a", ("moon", NODE1)),),
            "host 'a', segment 'moon': no such segment; expected one of inside, dmz, outside",
            id="unknown segment",
        ),
        pytest.param((host("a"),), "host 'a': attached to nothing; give it a segment", id="loose"),
        pytest.param(
            (HostPlan(name="a", attachments=(Attachment(segment="dmz", addresses=()),)),),
            "host 'a', segment 'dmz': no address; give at least one",
            id="no address",
        ),
        pytest.param(
            (host("a", ("dmz", NODE1), ("dmz", NODE2)),),
            "host 'a': attached twice to one segment: dmz, dmz",
            id="twice on a segment",
        ),
        pytest.param(
            (host("a", ("dmz", ip_address("fe80::1"))),),
            "host 'a', segment 'dmz': fe80::1 cannot be a host's address; use a unicast one",
            id="link-local",
        ),
        pytest.param(
            (host("a", ("dmz", ip_address("127.0.0.5"))),),
            "host 'a', segment 'dmz': 127.0.0.5 cannot be a host's address; use a unicast one",
            id="loopback",
        ),
    ],
)
def test_a_plan_that_cannot_stand_is_refused(hosts: tuple[HostPlan, ...], problem: str) -> None:
    """Each problem is named with its place and value."""
    with pytest.raises(ValueError, match="cannot be built") as refused:
        check_plan(Plan(hosts=hosts))

    assert str(refused.value).splitlines()[1:] == [problem]


def test_every_problem_is_told_at_once() -> None:
    """Two mistakes, two lines."""
    hosts = (host("a", ("moon", NODE1)), host("b", ("dmz", NODE1)))

    with pytest.raises(ValueError, match="cannot be built") as refused:
        check_plan(Plan(hosts=hosts))

    assert len(str(refused.value).splitlines()) == 3


def test_a_good_plan_passes() -> None:
    """One address on two segments of one host is no conflict."""
    check_plan(site_plan())


def test_both_families_are_laid_out_side_by_side() -> None:
    """Each host gets the ways of the families that it has, over the first segment shared, and a default for each."""
    layout = lay_out(dual_plan())
    (six,) = layout["six"]
    node = {i.segment: i for i in layout["node1"]}

    assert six.addresses == (SIX,)
    assert {r.network.version for r in six.routes} == {6}
    assert RoutePlan(network=EVERYTHING_6, via=NOBODY_6) in six.routes
    assert node["dmz"].addresses == (NODE1, NODE1_6)
    assert node["dmz"].source(6) == NODE1_6
    assert [str(n) for n in node["dmz"].own] == [f"{SECOND_6}/128"]
    assert dict(six.neighbours)[NODE1_6] == mac_of(NODE1)
