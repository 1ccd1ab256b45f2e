"""The headers: read as they must be, and as careless code might."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks.headers import (
    find_claimed_ports,
    find_listed,
    find_pick,
    find_remote_port,
    show,
)
from harness.trace.http import Header, Request


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

    assert (find_remote_port(request), find_claimed_ports(request)) == (port, claimed)


def test_forwarded_for() -> None:
    """Counted from the right over all lines; what is no address is left out of the list only."""
    request = _request(
        (b"X-Forwarded-For", b"unknown, 10.0.0.1"), (b"x-forwarded-for", b"10.0.0.2:443")
    )
    one, two = ip_address("10.0.0.1"), ip_address("10.0.0.2")

    assert [find_pick(request, balancers=n) for n in (1, 2, 3, 4)] == [two, one, None, None]
    assert find_listed(request) == (one, two)


def test_values_are_shown_on_one_line() -> None:
    """Whatever a stranger sent."""
    assert show(()) == "none"
    assert show((b"4\n0", b"\xff")) == '"4\\n0" and "\\xff"'
