"""The values of RemotePort and X-Forwarded-For."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.net.forwarding import (
    ForwardingError,
    is_named_in_connection,
    parse_forwarded_for,
    parse_remote_port,
    pick_forwarded_for,
)

BAD_PORTS = {
    "none": (),
    "two lines": (b"40000", b"55563"),
    "two equal lines": (b"55563", b"55563"),
    "comma": (b"40000, 55563",),
    "empty": (b"",),
    "blanks around": (b" 55563 ",),
    "plus": (b"+55563",),
    "minus": (b"-1",),
    "leading zero": (b"055563",),
    "underscore": (b"55_563",),
    "line feed": (b"55563\n",),
    "Arabic digits": ("\u0665\u0665".encode(),),
    "wide digits": ("\uff15\uff15".encode(),),
    "zero": (b"0",),
    "65536": (b"65536",),
    "wrap around": (b"121099",),
    "six digits": (b"555630",),
    "hex": (b"0xd90b",),
    "NUL": (b"55563\x00",),
    "quoted": (b'"55563"',),
    "parameter": (b"55563;q=1",),
}

ELEMENTS = {
    "IPv4": (b"10.0.0.1", "10.0.0.1"),
    "IPv4 and port": (b"10.0.0.1:55563", "10.0.0.1"),
    "IPv6": (b"2001:db8::1", "2001:db8::1"),
    "IPv6 in brackets": (b"[2001:db8::1]", "2001:db8::1"),
    "IPv6 and port": (b"[2001:db8::1]:55563", "2001:db8::1"),
    "mapped": (b"::ffff:10.0.0.1", "10.0.0.1"),
    "blanks around": (b" \t10.0.0.1\t ", "10.0.0.1"),
}

BAD_ELEMENTS = {
    "empty": b"",
    "unknown": b"unknown",
    "obfuscated": b"_hidden",
    "name": b"node1",
    "zone": b"fe80::1%eth0",
    "zone in brackets": b"[fe80::1%25eth0]",
    "IPv4 in brackets": b"[10.0.0.1]",
    "open bracket": b"[2001:db8::1",
    "port zero": b"10.0.0.1:0",
    "port empty": b"10.0.0.1:",
    "port too high": b"10.0.0.1:65536",
    "port of letters": b"10.0.0.1:http",
    "two ports": b"10.0.0.1:1:2",
    "leading zero": b"010.0.0.1",
    "short form": b"10.1",
    "cidr": b"10.0.0.0/24",
    "quoted": b'"10.0.0.1"',
    "blank inside": b"10.0.0.1 10.0.0.2",
    "semicolon": b"10.0.0.1;10.0.0.2",
    "NUL": b"10.0.0.1\x00",
    "line break": b"10.0.0.1\r\n10.0.0.2",
    "not ASCII": "\u0661\u0660.0.0.1".encode(),
}


@pytest.mark.parametrize("port", [1, 9, 10, 443, 55563, 65535])
def test_reads_a_port(port: int) -> None:
    """Plain decimal ports are read."""
    assert parse_remote_port((str(port).encode(),)) == port


@pytest.mark.parametrize("values", BAD_PORTS.values(), ids=BAD_PORTS)
def test_refuses_a_port(values: tuple[bytes, ...]) -> None:
    """What int() would still read is refused."""
    with pytest.raises(ForwardingError, match=r"RemotePort: got .*; expected"):
        parse_remote_port(values)


@pytest.mark.parametrize(("element", "address"), ELEMENTS.values(), ids=ELEMENTS)
def test_reads_an_element(element: bytes, address: str) -> None:
    """Addresses are read, with the port that some balancers add."""
    assert parse_forwarded_for((element,)) == (ip_address(address),)


@pytest.mark.parametrize("element", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS)
def test_refuses_an_element(element: bytes) -> None:
    """Anything else than an address is refused."""
    with pytest.raises(ForwardingError, match=r"X-Forwarded-For: got element .*; expected"):
        parse_forwarded_for((b"10.0.0.9, " + element,))


def test_joins_lines() -> None:
    """Several lines are one list."""
    got = parse_forwarded_for((b"10.0.0.1, 10.0.0.2", b"10.0.0.3"))

    assert got == tuple(map(ip_address, ("10.0.0.1", "10.0.0.2", "10.0.0.3")))


@pytest.mark.parametrize(
    ("from_right", "address"), [(1, "10.0.0.3"), (2, "10.0.0.2"), (3, "10.0.0.1")]
)
def test_picks_from_the_right(from_right: int, address: str) -> None:
    """The n-th element from the right, over all lines."""
    values = (b"10.0.0.1", b"10.0.0.2, 10.0.0.3")

    assert pick_forwarded_for(values, from_right=from_right) == ip_address(address)


@pytest.mark.parametrize("left", [b"unknown", b"", b'"', b"10.0.0.1:x", b"\xff"])
def test_ignores_what_stands_left(left: bytes) -> None:
    """A client's own elements are never read."""
    assert pick_forwarded_for((left + b", 10.0.0.3",), from_right=1) == ip_address("10.0.0.3")


def test_refuses_a_bad_element_right_of_the_pick() -> None:
    """What later balancers wrote must be well-formed."""
    with pytest.raises(ForwardingError, match="unknown"):
        pick_forwarded_for((b"10.0.0.1, unknown",), from_right=2)


@pytest.mark.parametrize("values", [(), (b"10.0.0.1",)])
def test_refuses_too_few_elements(values: tuple[bytes, ...]) -> None:
    """A list shorter than the number of balancers has no pick."""
    with pytest.raises(ForwardingError, match=r"expected .* or more"):
        pick_forwarded_for(values, from_right=2)


def test_pick_needs_a_position() -> None:
    """There is no element number 0."""
    with pytest.raises(ValueError, match="from_right: got 0"):
        pick_forwarded_for((b"10.0.0.1",), from_right=0)


def test_message_is_short_and_printable() -> None:
    """A stranger's bytes neither break the line nor fill the screen."""
    with pytest.raises(ForwardingError) as caught:
        parse_remote_port((b"\x1b[31m\n" + b"x" * 100_000,))

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("connection", "named"),
    [
        ((b"close",), False),
        ((b"close, remoteport",), True),
        ((b"close", b" REMOTEPORT "), True),
        ((), False),
    ],
)
def test_finds_hop_by_hop(connection: tuple[bytes, ...], named: bool) -> None:
    """A Connection header names fields in any case, on any line."""
    assert is_named_in_connection("RemotePort", connection) is named


EVERY_PORT = {str(number).encode() for number in range(1, 65536)}
NEARLY = st.text(alphabet="0123456789+-_ ,x\n\u0665", max_size=7).map(str.encode)


@given(st.lists(NEARLY | st.sampled_from(sorted(EVERY_PORT)), max_size=2))
def test_reads_exactly_the_ports(values: list[bytes]) -> None:
    """All 65535 of them written out are the reference."""
    try:
        parse_remote_port(tuple(values))
        accepted = True
    except ForwardingError:
        accepted = False

    assert accepted is (len(values) == 1 and values[0] in EVERY_PORT)


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_reads_or_refuses_anything(values: list[bytes]) -> None:
    """Any bytes give a port between 1 and 65535 that is written the same way, or are refused."""
    try:
        port = parse_remote_port(tuple(values))
    except ForwardingError:
        return
    assert values == [str(port).encode()]
    assert 1 <= port <= 65535


@given(st.lists(st.ip_addresses(), min_size=1, max_size=6), st.data())
def test_reads_what_is_written(addresses: list[object], data: st.DataObject) -> None:
    """Any addresses, cut into lines anywhere, are read back."""
    cut = data.draw(st.integers(0, len(addresses) - 1))
    lines = tuple(
        ", ".join(map(str, part)).encode() for part in (addresses[:cut], addresses[cut:]) if part
    )

    got = parse_forwarded_for(lines)
    assert len(got) == len(addresses)
    assert pick_forwarded_for(lines, from_right=1) == got[-1]
