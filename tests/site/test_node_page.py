"""Pages of named nodes: compared, cloned, and put into a site."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site.node_page import (
    Difference,
    NodePage,
    clone,
    copy_key,
    find_differences,
    find_pages,
    put_pages,
)
from harness.site.site import Site

SITE = Site.model_validate(
    {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2", "node3": "10.20.1.3"},
        "cert_proxy": {"destination": "access.example.com"},
        "node_settings": {"node3": {"destination": "localhost"}},
    }
)


def _page(node: str, **rows: Any) -> NodePage:
    return NodePage.model_validate({"node": node, **rows})


def test_each_node_has_its_page() -> None:
    """With what the site says of it."""
    pages = {page.node: page.destination for page in find_pages(SITE)}

    assert pages == {
        "node1": "access.example.com",
        "node2": "access.example.com",
        "node3": "localhost",
    }


def test_the_one_that_differs_is_named() -> None:
    """A15: what most say is usual."""
    assert list(find_differences(find_pages(SITE))) == [
        Difference(row="destination", usual="access.example.com", others=(("node3", "localhost"),))
    ]


def test_equal_pages_do_not_differ() -> None:
    """The name of the node is no row."""
    assert list(find_differences([_page("a"), _page("b")])) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"destination": "localhost"}, "localhost"),
        ({"destination": "access.example.com"}, "access.example.com"),
        ({"destination": "node1"}, "node2"),
        ({"destination": "10.20.1.1"}, "10.20.1.2"),
        ({"destination_forced": False, "destination": "10.20.1.1"}, "10.20.1.1"),
    ],
)
def test_a_clone_leads_to_itself_where_the_copied_one_did(
    rows: dict[str, Any], expected: str
) -> None:
    """Everything else is inherited."""
    page = _page("node1", certificate_proxy_key="a", **rows)

    cloned = clone(page, "node2", site=SITE)
    assert cloned == page.model_copy(update={"node": "node2", "destination": expected})


@pytest.mark.parametrize(("source", "key"), [("cert_proxy", "a"), ("access", "b")])
def test_one_key_is_copied_to_the_other(source: str, key: str) -> None:
    """A09: then both hashes are equal."""
    page = _page("n", certificate_proxy_key="a", certificate_proxy_key_identity_manager="b")

    copied = copy_key(page, source=source)
    assert copied.certificate_proxy_key == copied.certificate_proxy_key_identity_manager == key


def test_pages_are_put_into_a_site() -> None:
    """The usual one becomes the common one, the rest differs from it."""
    site = put_pages(SITE, [_page("node1", destination="localhost", allow_remote_port_header=True)])

    assert {node: site.page(node).destination for node in site.nodes} == {
        "node1": "localhost",
        "node2": "access.example.com",
        "node3": "localhost",
    }
    assert [node for node in site.nodes if site.page(node).allow_remote_port_header] == ["node1"]


def test_putting_its_own_pages_changes_nothing() -> None:
    """Every node goes by what it went by."""
    again = put_pages(SITE, find_pages(SITE))

    assert find_pages(again) == find_pages(SITE)


def test_generations_do_not_mix() -> None:
    """One product version in a cluster."""
    with pytest.raises(ValueError, match="node1 B, node2 A"):
        put_pages(SITE, [_page("node1", generation="B")])
