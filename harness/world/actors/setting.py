"""The setting: what every actor of a run is given beside its Host."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.net.address import Address
from harness.site.console import Console
from harness.site.page import SHARED_KEY, CertProxy
from harness.site.site import Site
from harness.site.tls_rule import TlsRule, read_tls_rule
from harness.world.actors.installed import Installed
from harness.world.engine import Engine
from harness.world.pki.pki import Pki
from harness.world.tls.identity import Identity, KeyTap


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The site, its certificates, and how long actors wait."""

    site: Site
    console: Console
    """The settings pages, and what of them is in force."""
    pki: Pki
    defects: frozenset[str]
    """Ids of the faults that are switched on (scenario/defect.py)."""
    keys: KeyTap
    """Receives the secrets of every TLS session."""
    proxy_key: bytes = field(repr=False)
    """The certificate-proxy key that Access services and cert proxies share, as long as nobody changes it."""
    timeout_ns: int
    """The longest wait of a device; machines behind it wait less, so that its answer is theirs."""

    slow_ns: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Node name to how long its Access service takes before it asks for a certificate."""
    fresh: frozenset[str] = frozenset()
    """Nodes that show the certificate of their installation on every port."""
    installed: Installed = field(default_factory=Installed, repr=False)
    """Server certificates that were imported."""
    overheard: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Device name to its last first flight with early data: whoever listens on a segment hears it."""
    engines: Mapping[str, Engine] = field(default_factory=lambda: MappingProxyType({}))
    """Real balancers that this run needs, by name."""
    configurations: dict[str, str] = field(default_factory=dict, repr=False)
    """Balancer that is a real program to its configuration, as soon as it has started."""
    issued: dict[str, Identity] = field(default_factory=dict, repr=False)
    """Server certificates issued so far, so that the ports that share one show the same."""

    def page(self, node: str) -> CertProxy:
        """The settings that the services of a node go by; with F88 those that they began with."""
        is_stale = "F88" in self.defects
        return self.console.first_page(node) if is_stale else self.console.page(node)

    def key(self, name: str) -> bytes:
        """The certificate-proxy key of which the page shows this hash."""
        if name == SHARED_KEY:
            return self.proxy_key
        return hmac.new(self.proxy_key, name.encode(), hashlib.sha256).digest()

    @property
    def tls_rule(self) -> TlsRule:
        """What the site's own rules leave of what its servers could take."""
        return read_tls_rule(self.site)

    @property
    def upstream_timeout_ns(self) -> int:
        """How long a balancer waits for a node's answer."""
        return self.timeout_ns * 3 // 4

    @property
    def callback_timeout_ns(self) -> int:
        """How long an Access service waits for a certificate, and a cert proxy for its destination."""
        return self.timeout_ns // 2

    @property
    def status_timeout_ns(self) -> int:
        """How long an Access service waits for one answer about revocation: it may ask twice."""
        return self.timeout_ns // 8

    def is_node(self, address: Address) -> bool:
        """Whether an address is a cluster node's, or loopback: the node itself."""
        return address.is_loopback or self.site.node_at(address) is not None

    def node_of(self, address: Address, *, own: str) -> str | None:
        """The name of the node with this address; loopback is `own`; None for anybody else."""
        if address.is_loopback:
            return own
        return self.site.node_at(address)
