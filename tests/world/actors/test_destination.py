"""The destination policy of a cert proxy."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Address
from harness.site.page import CertProxy
from harness.world.actors.destination import DestinationError, find_destination, parse_target

ZONE: dict[str, tuple[Address, ...]] = {
    "localhost": (ip_address("127.0.0.1"),),
    "access.example.com": (ip_address("10.20.0.10"),),
    "mixed.example.com": (ip_address("10.20.0.10"), ip_address("192.0.2.9")),
    "evil.example.net": (ip_address("192.0.2.9"),),
    "10.20.0.10": (ip_address("10.20.0.10"),),
}
ALLOWED = CertProxy(destination_forced=False, destination="10.20.0.0/24")
FORCED = CertProxy(destination="access.example.com")


def find(target: str, page: CertProxy, *defects: str) -> str:
    """The endpoint to dial, written."""
    destination = find_destination(
        target.encode("latin-1"),
        settings=page,
        resolve=lambda name: ZONE.get(name, ()),
        defects=frozenset(defects),
    )
    return str(destination)


@pytest.mark.parametrize(
    ("target", "page", "expected"),
    [
        ("access.example.com:443", FORCED, "10.20.0.10:443"),
        ("evil.example.net:443", FORCED, "10.20.0.10:443"),
        ("192.0.2.9:443", FORCED, "10.20.0.10:443"),
        ("access.example.com:443", CertProxy(destination="localhost"), "127.0.0.1:443"),
        ("access.example.com:443", CertProxy(destination="10.20.0.10"), "10.20.0.10:443"),
        ("access.example.com:443", ALLOWED, "10.20.0.10:443"),
        ("ACCESS.Example.COM:443", ALLOWED, "10.20.0.10:443"),
        ("10.20.0.77:443", ALLOWED, "10.20.0.77:443"),
        ("[::ffff:10.20.0.77]:443", ALLOWED, "10.20.0.77:443"),
        (
            "localhost:443",
            CertProxy(destination_forced=False, destination="127.0.0.1"),
            "127.0.0.1:443",
        ),
    ],
)
def test_an_allowed_destination_is_dialled(target: str, page: CertProxy, expected: str) -> None:
    """Forced wins over the target; not forced, the resolved address counts."""
    assert find(target, page) == expected


@pytest.mark.parametrize(
    ("target", "page", "status"),
    [
        ("access.example.com:8443", FORCED, 403),
        ("access.example.com:8443", ALLOWED, 403),
        ("access.example.com:5263", ALLOWED, 403),
        ("evil.example.net:443", ALLOWED, 403),
        ("192.0.2.9:443", ALLOWED, 403),
        ("mixed.example.com:443", ALLOWED, 403),
        ("localhost:443", ALLOWED, 403),
        ("localhost:443", CertProxy(destination_forced=False, destination="0.0.0.0/0"), 403),
        (
            "access.example.com:443",
            CertProxy(destination_forced=False, destination=""),
            403,
        ),
        ("nobody.example.com:443", ALLOWED, 502),
        ("access.example.com:443", CertProxy(destination="nobody.example.com"), 502),
        ("127.1:443", ALLOWED, 400),
        ("0x0a.20.0.10:443", ALLOWED, 400),
        ("10.20.0.0x0a:443", ALLOWED, 400),
        ("010.020.0.10:443", ALLOWED, 400),
        ("169090570:443", ALLOWED, 400),
        ("access.example.com.:443", ALLOWED, 400),
        ("alice@access.example.com:443", ALLOWED, 400),
        ("access_example.com:443", ALLOWED, 400),
        ("-access.example.com:443", ALLOWED, 400),
        ("[fe80::1%25eth0]:443", ALLOWED, 400),
        ("access.example.com", ALLOWED, 400),
        ("access.example.com:0443", ALLOWED, 400),
        ("access.example.com:65979", ALLOWED, 400),
        ("access.example.com:+443", ALLOWED, 400),
        ("\xe1ccess.example.com:443", ALLOWED, 400),
        (":443", ALLOWED, 400),
        ("https://access.example.com:443", ALLOWED, 400),
    ],
)
def test_any_other_destination_is_refused(target: str, page: CertProxy, status: int) -> None:
    """Only the right form, port 443, and addresses that are all allowed."""
    with pytest.raises(DestinationError) as refusal:
        find(target, page)

    assert refusal.value.status == status


def test_a_forced_destination_does_not_resolve_the_target() -> None:
    """A foreign name in a CONNECT makes no DNS query."""
    asked: list[str] = []

    def resolve(name: str) -> tuple[Address, ...]:
        asked.append(name)
        return ZONE[name]

    find_destination(b"evil.example.net:443", settings=FORCED, resolve=resolve, defects=frozenset())

    assert asked == ["access.example.com"]


def test_a_name_is_resolved_once() -> None:
    """What was checked is what is dialled, whatever the next answer would be."""
    answers = iter([(ip_address("10.20.0.10"),), (ip_address("192.0.2.9"),)])

    destination = find_destination(
        b"access.example.com:443",
        settings=ALLOWED,
        resolve=lambda name: next(answers),
        defects=frozenset(),
    )

    assert str(destination) == "10.20.0.10:443"
    assert next(answers) == (ip_address("192.0.2.9"),)


@pytest.mark.parametrize(
    ("defect", "target", "page", "expected"),
    [
        ("F57", "evil.example.net:443", FORCED, "192.0.2.9:443"),
        (
            "F58",
            "evil.example.net:443",
            CertProxy(destination_forced=False, destination=""),
            "192.0.2.9:443",
        ),
        ("F59", "access.example.com:8443", ALLOWED, "10.20.0.10:8443"),
        ("F59", "access.example.com:8443", FORCED, "10.20.0.10:8443"),
    ],
)
def test_each_defect_opens_one_door(
    defect: str, target: str, page: CertProxy, expected: str
) -> None:
    """F57 ignores Forced, F58 an empty list, F59 the port; off, the same target goes elsewhere or nowhere."""
    try:
        without = find(target, page)
    except DestinationError as refusal:
        without = str(refusal.status)

    assert find(target, page, defect) == expected
    assert without != expected


def test_one_defect_leaves_the_other_rules_alone() -> None:
    """F58 is about the empty list only, F59 about the port only."""
    with pytest.raises(DestinationError):
        find("evil.example.net:443", ALLOWED, "F58")
    with pytest.raises(DestinationError):
        find("evil.example.net:8443", ALLOWED, "F59")


def test_an_address_target_is_an_address() -> None:
    """Literal forms become addresses, names stay names."""
    assert parse_target(b"10.0.0.1:443").host == ip_address("10.0.0.1")
    assert parse_target(b"[2001:db8::1]:443").host == ip_address("2001:db8::1")
    assert parse_target(b"node1:443").host == "node1"
