"""The console: what an administrator does on the settings pages, and which settings are in force because of it.

    edit                 nothing is in force yet
    save                 destinations and headers count from now on
    restart cert proxy   also the ports, their certificates, and the cert proxy's key
    restart Access       also the Access service's key

The vendor asks for Restart Cert Proxy after changes "that affect certificates", and says that the Access service might
have to be restarted besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.site.page import CertProxy, PageChange
from harness.site.site import Site

Service = Literal["cert_proxy", "access"]
SERVICES: tuple[Service, ...] = ("cert_proxy", "access")

READ_AT_START: dict[Service, tuple[str, ...]] = {
    "cert_proxy": ("enabled", "ports", "certificate_proxy_key"),
    "access": ("certificate_proxy_key_identity_manager",),
}
"""Rows of the page that a service reads when it starts, and not again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """From some moment on a node goes by this page."""

    at_ns: int
    """Nanoseconds since the epoch."""
    node: str
    page: CertProxy


class Console:
    """The settings pages of a site's nodes while a run goes on."""

    def __init__(self, site: Site) -> None:
        """Every node goes by the page that the site says."""
        self._edited = {node: site.page(node) for node in site.nodes}
        self._saved = dict(self._edited)
        self._in_force = dict(self._edited)
        self._first = dict(self._edited)
        self._log: list[InForce] = []

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that have a page."""
        return tuple(self._saved)

    def page(self, node: str) -> CertProxy:
        """What is in force at a node."""
        return self._in_force[node]

    def first_page(self, node: str) -> CertProxy:
        """What was in force there at the beginning."""
        return self._first[node]

    @property
    def log(self) -> tuple[InForce, ...]:
        """Every change of what is in force, in order."""
        return tuple(self._log)

    def edit(self, node: str, change: PageChange) -> None:
        """Type something into the page, and do not save it."""
        self._edited[node] = change.apply(self._edited[node])

    def save(self, node: str, *, at_ns: int) -> None:
        """Press Save: what is read anew for each request is in force."""
        self._saved[node] = self._edited[node]
        held = [name for names in READ_AT_START.values() for name in names]
        kept = {name: getattr(self._in_force[node], name) for name in held}
        self._put(node, self._saved[node].model_copy(update=kept), at_ns)

    def clone(self, source: str, node: str) -> None:
        """Make a node of a copy of another one's appliance: it has the saved page of that one."""
        self._edited[node] = self._saved[node] = self._saved[source]

    def restart(self, node: str, service: Service, *, at_ns: int) -> None:
        """A service starts again, and reads what is saved."""
        read = {name: getattr(self._saved[node], name) for name in READ_AT_START[service]}
        self._put(node, self._in_force[node].model_copy(update=read), at_ns)

    def _put(self, node: str, page: CertProxy, at_ns: int) -> None:
        if page != self._in_force[node]:
            self._in_force[node] = page
            self._log.append(InForce(at_ns=at_ns, node=node, page=page))
