"""Rtnetlink: what the kernel refuses comes back with its name and reason."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address, IPv4Network

import pytest

from harness.world.wire import rtnetlink
from harness.world.wire.namespace import Mode, Namespace, WireError
from harness.world.wire.rtnetlink import Link, Request, Rtnetlink
from tests.world.private_world import Live

HERE = IPv4Address("10.0.0.1")
MAC = b"\2\0\0\0\0\1"


def _apply(_: Mode, requests: tuple[Request, ...]) -> dict[str, Link]:
    with Rtnetlink(Namespace.create()) as netlink:
        netlink.apply(requests)
        return netlink.links()


def test_links_are_made_and_listed(live: Live) -> None:
    """A fresh namespace has `lo`, down; a bridge appears under its name, without carrier."""
    links = live(_apply, (rtnetlink.bridge("dmz", MAC),))

    assert set(links) == {"lo", "dmz"}
    assert links["lo"].index == rtnetlink.LOOPBACK
    assert (links["dmz"].up, links["dmz"].port_forwarding) == (False, None)


def test_many_requests_go_in_batches(live: Live) -> None:
    """Hundreds of requests in one call, more than a receive buffer of answers holds."""
    routes = tuple(
        rtnetlink.local_route(IPv4Network((n << 8, 32))) for n in range(0x0A0000, 0x0A0300)
    )

    assert set(live(_apply, (rtnetlink.link_up(rtnetlink.LOOPBACK), *routes))) == {"lo"}


@pytest.mark.parametrize(
    ("request_", "number", "words"),
    [
        pytest.param(
            rtnetlink.link_up(99),
            errno.ENODEV,
            "interface 99 up: No such device",
            id="no interface",
        ),
        pytest.param(
            rtnetlink.address(99, HERE),
            errno.ENODEV,
            "address 10.0.0.1: No such device",
            id="address",
        ),
        pytest.param(
            rtnetlink.neighbour(99, HERE, MAC), errno.ENODEV, "neighbour 10.0.0.1: ", id="neighbour"
        ),
        pytest.param(
            rtnetlink.route(IPv4Network("10.1.0.0/16"), 99, source=HERE),
            errno.EINVAL,
            "route 10.1.0.0/16: ",
            id="route",
        ),
    ],
)
def test_a_refusal_names_the_request(
    live: Live, request_: Request, number: int, words: str
) -> None:
    """The error has what was asked, the kernel's words and the errno; requests before it are done."""
    with pytest.raises(WireError) as refused:
        live(_apply, (rtnetlink.link_up(rtnetlink.LOOPBACK), request_))

    assert str(refused.value).startswith(words)
    assert refused.value.number in {number, errno.ENODEV}


def test_the_same_name_twice_is_refused(live: Live) -> None:
    """Nothing is silently replaced."""
    with pytest.raises(WireError, match=r"bridge dmz: File exists \(errno 17\)"):
        live(_apply, (rtnetlink.bridge("dmz", MAC), rtnetlink.bridge("dmz", MAC)))
