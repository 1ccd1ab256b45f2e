"""The certificate store."""

from __future__ import annotations

from contextlib import nullcontext
from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.world.actors.store import CertificateStore, PortTakenError


def _at(port: int, address: str = "10.20.1.1") -> Endpoint:
    """The local end of a tunnel's outgoing connection."""
    return Endpoint(ip_address(address), port)


def test_a_certificate_is_given_out_once() -> None:
    """The second question finds nothing."""
    store = CertificateStore()
    store.claim(_at(40000), "alice")

    assert [store.take(40000), store.take(40000)] == ["alice", None]


def test_a_port_nobody_claimed_has_nothing() -> None:
    """No default, no neighbour."""
    store = CertificateStore()
    store.claim(_at(40000), "alice")

    assert store.take(40001) is None


@pytest.mark.parametrize("was_read", [False, True])
def test_a_live_tunnel_keeps_its_port(was_read: bool) -> None:
    """A second tunnel with the same port (F02) may not store, read or not read."""
    store = CertificateStore()
    store.claim(_at(40000), "alice")
    if was_read:
        store.take(40000)

    with pytest.raises(PortTakenError, match="40000"):
        store.claim(_at(40000), "bob")


def test_what_nobody_asked_for_goes_with_its_tunnel() -> None:
    """After the tunnel nothing is left under the port (F01, F08), and another may own it."""
    store = CertificateStore()
    store.claim(_at(40000), "alice")
    store.release(40000)

    assert store.take(40000) is None

    store.claim(_at(40000), "bob")
    assert store.take(40000) == "bob"


def test_a_full_store_refuses() -> None:
    """The size is bounded (F11)."""
    store = CertificateStore(limit=2)
    store.claim(_at(1), "a")
    store.claim(_at(2), "b")

    with pytest.raises(PortTakenError, match="limit is 2"):
        store.claim(_at(3), "c")
    assert len(store) == 2


def test_a_late_certificate_needs_an_owner() -> None:
    """What comes after the tunnel has ended is not stored."""
    store = CertificateStore()
    store.claim(_at(40000), None)
    store.put(40000, "late")
    store.put(40001, "nobody's")

    assert (store.take(40000), store.take(40001)) == ("late", None)


def test_a_copy_keeps_what_the_original_loses() -> None:
    """The files of a process that was killed."""
    store = CertificateStore()
    store.claim(_at(40000), "chain")
    copy = store.copy()
    store.release(40000)

    assert (store.take(40000), copy.take(40000)) == (None, "chain")


FAULTS = {
    "F01": ["first", None],
    "F02": ["first", None],
    "F07": ["second", None],
    "F09": ["first", "first"],
}


@pytest.mark.parametrize(("fault", "given"), FAULTS.items(), ids=FAULTS)
def test_faults_of_a_store(fault: str, given: list[str | None]) -> None:
    """Each gives out what it should not, or twice; F01 after the release of the first owner."""
    store = CertificateStore(defects=frozenset({fault}))
    store.claim(_at(40000), "first")
    if fault == "F01":
        store.release(40000)
        store.claim(_at(40000), "second")
    elif fault != "F09":
        store.claim(_at(40000), "second")

    assert [store.take(40000), store.take(40000)] == given


@pytest.mark.parametrize(
    ("defects", "given"),
    [(frozenset(), ["alice", "bob"]), (frozenset({"F05"}), ["bob", None])],
    ids=["sound", "F05"],
)
def test_the_port_of_a_device_names_nothing(
    defects: frozenset[str], given: list[str | None]
) -> None:
    """F05: else devices that came from ports of the same number share one entry, and carol's is another."""
    store = CertificateStore(defects=defects)
    store.claim(_at(40000), "alice", client_port=50000)
    store.claim(_at(40001), "bob", client_port=50000)
    store.claim(_at(40002), "carol", client_port=50001)

    assert [store.take(40000), store.take(40001)] == given
    assert store.take(40002) == "carol"


@pytest.mark.parametrize(
    ("defect", "address", "is_taken"),
    [
        ("", "2001:db8::1", True),
        ("", "10.20.1.2", True),
        ("F03", "2001:db8::1", False),
        ("F03", "10.20.1.2", True),
        ("F04", "10.20.1.2", False),
        ("F04", "2001:db8::1", True),
        ("F04", "10.20.1.1", True),
    ],
)
def test_a_port_is_one_port_whatever_the_address(defect: str, address: str, is_taken: bool) -> None:
    """F03, F04: a call-back names the port alone, so the other family's or address's is the same one."""
    store = CertificateStore(defects=frozenset({defect}))
    store.claim(_at(40000), "alice")

    with pytest.raises(PortTakenError) if is_taken else nullcontext():
        store.claim(_at(40000, address), "bob")
    assert store.take(40000) == "alice"


def test_a_certificate_grows_too_old() -> None:
    """Its port stays taken as long as its tunnel is open."""
    now_ns = [0]
    store = CertificateStore(lifetime_ns=10, now_ns=lambda: now_ns[0])
    store.claim(_at(40000), "alice")
    store.claim(_at(40001), "bob")

    now_ns[0] = 10
    assert store.take(40000) == "alice"
    now_ns[0] = 11
    assert store.take(40001) is None
    assert len(store) == 2
