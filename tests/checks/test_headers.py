"""The headers: read as they must be, and as careless code might."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks.headers import (
    find_claimed_ports,
    find_listed,
    find_pick,
    find_remote_port,
    port_header,
    port_values,
    show,
)
from harness.site.contract import HeaderNames
from harness.trace.http import Header, Request
from tests.trace_builder import CLUSTER, make_site


def _request(*headers: tuple[bytes, bytes]) -> Request:
    return Request(
        method=b"GET",
        target=b"/",
        version=b"HTTP/1.1",
        headers=tuple(Header(name=name, value=value) for name, value in headers),
        first_ns=0,
        last_ns=0,
        packets=(),
    )


@pytest.mark.parametrize(
    ("values", "port", "claimed"),
    [
        ((b"40000",), 40000, (40000,)),
        ((b"40000", b"41000"), None, (40000, 41000)),
        ((b"40000, 41000",), None, (40000, 41000)),
        ((b"+040000",), None, (40000,)),
        ((), None, ()),
        ((b"none",), None, ()),
    ],
)
def test_ports(values: tuple[bytes, ...], port: int | None, claimed: tuple[int, ...]) -> None:
    """One plain number, against every number in sight."""
    request = _request(*((b"rEmOtEpOrT", value) for value in values))

    assert (find_remote_port(request, CLUSTER), find_claimed_ports(request, CLUSTER)) == (
        port,
        claimed,
    )


def test_forwarded_for() -> None:
    """Counted from the right over all lines; what is no address is left out of the list only."""
    request = _request(
        (b"X-Forwarded-For", b"unknown, 10.0.0.1"), (b"x-forwarded-for", b"10.0.0.2:443")
    )
    one, two = ip_address("10.0.0.1"), ip_address("10.0.0.2")

    picks = [find_pick(request, make_site(number_of_load_balancers=n)) for n in (1, 2, 3, 4)]
    assert picks == [two, one, None, None]
    assert find_listed(request, CLUSTER) == (one, two)


OTHER_NAMES = CLUSTER.model_copy(
    update={"headers": HeaderNames(remote_port="X-Client-Port", forwarded_for="")}
)
PORT_IN_LIST = CLUSTER.model_copy(update={"headers": HeaderNames(remote_port="")})


def test_names_are_the_sites() -> None:
    """A header of the default name says nothing where the site has another one."""
    request = _request((b"x-client-port", b"40000"), (b"RemotePort", b"1"))

    assert find_remote_port(request, OTHER_NAMES) == 40000
    assert port_values(request, OTHER_NAMES) == (b"40000",)
    assert (find_pick(request, OTHER_NAMES), find_listed(request, OTHER_NAMES)) == (None, ())


@pytest.mark.parametrize(
    ("value", "port", "claimed"),
    [
        (b"10.0.0.9:1, 10.0.0.1:40000", 40000, (1, 40000)),
        (b"[2001:db8::1]:40000", 40000, (40000,)),
        (b"10.0.0.1", None, ()),
        (b"2001:db8::1", None, ()),
        (b"10.0.0.1:0", None, (0,)),
    ],
)
def test_the_port_may_stand_in_the_list(
    value: bytes, port: int | None, claimed: tuple[int, ...]
) -> None:
    """In the element that the rule names; a bare IPv6 address has none."""
    request = _request((b"X-Forwarded-For", value))

    assert port_header(PORT_IN_LIST) == "X-Forwarded-For"
    assert find_remote_port(request, PORT_IN_LIST) == port
    assert find_claimed_ports(request, PORT_IN_LIST) == claimed


def test_values_are_shown_on_one_line() -> None:
    """Whatever a stranger sent."""
    assert show(()) == "none"
    assert show((b"4\n0", b"\xff")) == '"4\\n0" and "\\xff"'
