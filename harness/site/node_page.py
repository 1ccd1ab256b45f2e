"""The settings page of a named node: as a file holds it, compared with others, and cloned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.site.page import CertProxy, PageChange
from harness.site.site import Site

KEY_ROWS: Mapping[str, str] = {
    "cert_proxy": "certificate_proxy_key",
    "access": "certificate_proxy_key_identity_manager",
}
"""Service to the row that shows the hash of its key."""


class NodePage(CertProxy):
    """The settings page of one node."""

    node: str
    """Name of the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row that is not the same on every page."""

    row: str
    usual: object
    """What most pages say."""
    others: tuple[tuple[str, object], ...]
    """Nodes that say something else, and what."""


def find_pages(site: Site) -> tuple[NodePage, ...]:
    """The page of each node of a site."""
    return tuple(
        NodePage.model_validate({"node": node, **_rows(site.page(node))}) for node in site.nodes
    )


def find_differences(pages: Sequence[NodePage]) -> Iterator[Difference]:
    """The rows in which pages differ, in the order of the page; of two equal halves the earlier one is usual."""
    for row in CertProxy.model_fields:
        said = {page.node: getattr(page, row) for page in pages}
        usual = Counter(said.values()).most_common(1)[0][0]
        others = tuple((node, value) for node, value in said.items() if value != usual)
        if others:
            yield Difference(row=row, usual=usual, others=others)


def clone(page: NodePage, to: str, *, site: Site | None = None) -> NodePage:
    """The page of a clone. All rows are inherited but a forced destination that is the copied node itself."""
    changes: dict[str, object] = {"node": to}
    if page.destination_forced:
        own: dict[str, str] = {page.node: to}
        if site is not None and {page.node, to} <= set(site.nodes):
            own[str(site.nodes[page.node])] = str(site.nodes[to])
        changes["destination"] = own.get(page.destination, page.destination)
    return page.model_copy(update=changes)


def copy_key(page: NodePage, *, source: str) -> NodePage:
    """The page after one service's key was copied to the other; `source` is a key of KEY_ROWS."""
    key = getattr(page, KEY_ROWS[source])
    return page.model_copy(update=dict.fromkeys(KEY_ROWS.values(), key))


def put_pages(site: Site, pages: Sequence[NodePage]) -> Site:
    """The site with these pages in place of its own; a node without one keeps the page that it had.

    Raises:
        ValueError: pages of both generations.
    """
    said = {node: site.page(node) for node in site.nodes}
    said |= {page.node: CertProxy.model_validate(_rows(page)) for page in pages}
    if len({page.generation for page in said.values()}) > 1:
        shown = ", ".join(f"{node} {page.generation}" for node, page in said.items())
        raise ValueError(f"generation: got {shown}; expected the same on every node")
    common = Counter(said.values()).most_common(1)[0][0]
    changes = {node: _change(common, page) for node, page in said.items() if page != common}
    return site.model_copy(update={"cert_proxy": common, "node_settings": changes})


def _rows(page: CertProxy) -> dict[str, object]:
    return {row: getattr(page, row) for row in CertProxy.model_fields}


def _change(common: CertProxy, page: CertProxy) -> PageChange:
    return PageChange.model_validate(
        {
            row: value
            for row, value in _rows(page).items()
            if value != getattr(common, row) and row in PageChange.model_fields
        }
    )
