"""The console: what is in force after which step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.site.console import READ_AT_START, SERVICES, Console, InForce, Service
from harness.site.page import CertProxy, PageChange
from harness.site.site import Site

SITE = Site.model_validate(
    {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
        "cert_proxy": {"destination": "localhost"},
        "node_settings": {"node2": {"destination": "10.20.0.10"}},
    }
)
FORCED = PageChange(destination="10.20.0.10")
PORTS = PageChange.model_validate({"ports": [{"port": 5262}]})
KEY = PageChange(certificate_proxy_key="new")
OTHER_KEY = PageChange(certificate_proxy_key_identity_manager="new")


def test_the_site_says_how_it_begins() -> None:
    """Each node by its own page."""
    console = Console(SITE)

    assert console.page("node1").destination == "localhost"
    assert console.page("node2").destination == "10.20.0.10"
    assert console.log == ()


@pytest.mark.parametrize("change", [FORCED, PORTS, KEY], ids=["destination", "ports", "key"])
def test_what_is_not_saved_has_no_effect(change: PageChange) -> None:
    """Not even after restarts."""
    console = Console(SITE)
    console.edit("node1", change)
    for service in SERVICES:
        console.restart("node1", service, at_ns=1)

    assert console.page("node1") == SITE.page("node1")
    assert console.log == ()


def test_a_saved_destination_is_in_force() -> None:
    """At once, at that node alone."""
    console = Console(SITE)
    console.edit("node1", FORCED)
    console.save("node1", at_ns=7)

    assert console.page("node1").destination == "10.20.0.10"
    assert console.log == (InForce(at_ns=7, node="node1", page=console.page("node1")),)


@pytest.mark.parametrize(
    ("change", "service"),
    [(PORTS, "cert_proxy"), (KEY, "cert_proxy"), (OTHER_KEY, "access")],
    ids=["ports", "key", "key of Access"],
)
def test_what_a_service_reads_at_its_start_waits_for_it(
    change: PageChange, service: Service
) -> None:
    """A14: saved, it is not in force; nor after the other service's restart; but after its own."""
    console = Console(SITE)
    console.edit("node1", change)
    console.save("node1", at_ns=1)
    (other,) = set(SERVICES) - {service}
    console.restart("node1", other, at_ns=2)
    assert console.page("node1") == SITE.page("node1")

    console.restart("node1", service, at_ns=3)
    assert console.page("node1") == change.apply(SITE.page("node1"))
    assert [change.at_ns for change in console.log] == [3]


def test_a_clone_has_what_was_saved() -> None:
    """A15: not what somebody typed and did not save."""
    console = Console(SITE)
    console.edit("node1", FORCED)
    console.clone("node1", "node2")
    console.save("node2", at_ns=1)

    assert console.page("node2") == SITE.page("node1")


def test_the_first_page_is_kept() -> None:
    """What F88 goes by."""
    console = Console(SITE)
    console.edit("node1", FORCED)
    console.save("node1", at_ns=1)

    assert console.first_page("node1") == SITE.page("node1")


def test_rows_read_at_start_are_rows() -> None:
    """A row that was renamed would never be in force."""
    assert {row for rows in READ_AT_START.values() for row in rows} <= set(CertProxy.model_fields)


CHANGES = st.sampled_from((FORCED, PORTS, KEY, OTHER_KEY))
STEPS = st.lists(st.one_of(CHANGES, st.sampled_from(("save", *SERVICES))), max_size=12)


@given(STEPS)
def test_in_the_end_everything_saved_is_in_force(steps: list[PageChange | str]) -> None:
    """Whatever was done before: after Save and both restarts the page is what was typed last."""
    console, typed = Console(SITE), SITE.page("node1")
    for step in [*steps, "save", *SERVICES]:
        match step:
            case PageChange():
                console.edit("node1", step)
                typed = step.apply(typed)
            case "save":
                console.save("node1", at_ns=1)
            case "cert_proxy" | "access":
                console.restart("node1", step, at_ns=1)

    assert console.page("node1") == typed
    assert console.page("node2") == SITE.page("node2")
