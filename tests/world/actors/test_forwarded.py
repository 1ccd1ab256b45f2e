"""The header lines that a terminating balancer hands on."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site.site import ForwardedFor
from harness.world.actors.forwarded import forward_headers
from harness.world.actors.http1 import Message

CLIENT = Endpoint(ip_address("10.20.1.1"), 55563)
OWN = ("X-Forwarded-For: 10.20.1.1", "RemotePort: 55563")


def forward(
    *lines: str,
    defects: tuple[str, ...] = (),
    forwarded_for: ForwardedFor = ForwardedFor.REPLACE,
    is_handed_on: bool = False,
) -> tuple[str, ...]:
    """Lines in, lines out."""
    pairs = (line.partition(": ") for line in lines)
    headers = tuple((name.encode(), value.encode()) for name, _, value in pairs)
    handed_on = forward_headers(
        Message(headers=headers),
        CLIENT,
        forwarded_for=forwarded_for,
        defects=frozenset(defects),
        is_handed_on=is_handed_on,
    )
    return tuple(f"{name.decode()}: {value.decode()}" for name, value in handed_on)


@pytest.mark.parametrize(
    "lines",
    [
        ("RemotePort: 40000",),
        ("REMOTEPORT: 40000", "remoteport: 40001"),
        ("X-Forwarded-For: 10.20.1.3", "x-forwarded-for: 10.20.1.2"),
        ("Connection: close, RemotePort, X-Forwarded-For",),
        ("Connection: keep-alive", "Keep-Alive: 5", "TE: trailers", "Upgrade: h2c"),
        ("Transfer-Encoding: chunked", "Expect: 100-continue"),
        ("Content-Length: 5",),
    ],
)
def test_what_a_client_makes_does_not_get_through(lines: tuple[str, ...]) -> None:
    """Only the balancer's own two lines are left, once each."""
    assert forward("Host: h", *lines) == ("Host: h", *OWN)


def test_other_lines_stay_as_they_are() -> None:
    """Case, order and repetition are kept."""
    assert forward("host: h", "Cookie: a=b", "Cookie: c=d") == (
        "host: h",
        "Cookie: a=b",
        "Cookie: c=d",
        *OWN,
    )


def test_a_line_named_in_connection_is_dropped() -> None:
    """RFC 9110 section 7.6.1."""
    assert forward("Host: h", "Connection: X-Secret", "X-Secret: 1") == ("Host: h", *OWN)


def test_append_keeps_the_client_s_elements_on_the_left() -> None:
    """Where the one that counts cannot be moved."""
    lines = forward(
        "X-Forwarded-For: 10.20.1.3",
        "X-Forwarded-For: 1.2.3.4",
        forwarded_for=ForwardedFor.APPEND,
    )

    assert lines == ("X-Forwarded-For: 10.20.1.3, 1.2.3.4, 10.20.1.1", "RemotePort: 55563")


@pytest.mark.parametrize(
    ("defect", "ports"),
    [
        ("F15", ("RemotePort: 40000",)),
        ("F19", ("RemotePort: 40000", "RemotePort: 55563")),
        ("F20", ("RemotePort: 40000, 55563",)),
    ],
)
def test_each_defect_lets_a_client_s_port_through(defect: str, ports: tuple[str, ...]) -> None:
    """Instead of, beside, or joined with the true one; a client that sends none changes nothing."""
    assert forward("RemotePort: 40000", defects=(defect,)) == (OWN[0], *ports)
    assert forward(defects=(defect,)) == OWN


@pytest.mark.parametrize(
    ("defect", "ports"), [("A06", ()), ("A07", ("RemotePort: 443",))], ids=["none", "its own"]
)
def test_mistakes_of_an_administrator(defect: str, ports: tuple[str, ...]) -> None:
    """Whatever a client says."""
    assert forward("RemotePort: 40000", defects=(defect,)) == (OWN[0], *ports)


def test_what_the_balancer_before_has_set_stays() -> None:
    """RemotePort as it is; X-Forwarded-For grows by that balancer's address. Without them, it speaks for itself."""
    before = ("X-Forwarded-For: 10.20.2.2", "RemotePort: 40000")

    assert forward("Host: h", *before, is_handed_on=True) == (
        "Host: h",
        "X-Forwarded-For: 10.20.2.2, 10.20.1.1",
        "RemotePort: 40000",
    )
    assert forward("Host: h", is_handed_on=True) == ("Host: h", *OWN)
