"""The site: nodes, balancers, the cert-proxy settings page, in the words of the settings page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.net.address import Address

SERVICE_PORT = 443
"""The Access service always listens here (deployment.md 2.1)."""


class Model(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class BalancerMode(StrEnum):
    """What a balancer does with one port."""

    PASSTHROUGH = "passthrough"
    """Forwards bytes; TLS ends at the node."""
    TERMINATE = "terminate"
    """Ends TLS, inserts RemotePort and X-Forwarded-For in each request, and encrypts again to the node."""


class ForwardedFor(StrEnum):
    """What a terminating balancer does with a client's own X-Forwarded-For."""

    REPLACE = "replace"
    APPEND = "append"


class Balancer(Model):
    """One load balancer."""

    address: Address
    """Where devices and proxies reach it, and the source of its connections to the nodes."""
    proxy: BalancerMode = Field(BalancerMode.PASSTHROUGH, alias="5262")
    service: BalancerMode = Field(BalancerMode.TERMINATE, alias="443")
    forwarded_for: ForwardedFor = ForwardedFor.REPLACE
    engine: Literal["builtin"] = "builtin"


class Port(Model):
    """One row of the settings page's port table."""

    port: Annotated[int, Field(ge=1, le=65535)]
    admin_port: bool = False
    """On for the port that receives the service's internal certificate request."""
    ssl_certificate_type: Literal["passthrough", "custom"] = "custom"


class CertProxy(Model):
    """The cert-proxy settings page (deployment.md 2.1)."""

    destination_forced: bool = True
    destination: str = ""
    """Forced: exactly one host name or IP. Not forced: an allow-list (deployment.md 2.2)."""
    allow_remote_port_header: bool = False
    accept_remote_port_from: str = ""
    """Allow-list, matched on the TCP peer of the request."""
    number_of_load_balancers: Annotated[int, Field(ge=1, le=10)] = 1
    """X-Forwarded-For is read this many elements from the right."""
    ports: tuple[Port, ...] = (
        Port(port=5262),
        Port(port=5263, admin_port=True, ssl_certificate_type="passthrough"),
    )


class Site(Model):
    """The deployment under test."""

    fqdn: str
    """The name that users and devices use."""
    nodes: dict[str, Address]
    """Node name to its address; each node runs an Access service and a cert proxy."""
    balancers: dict[str, Balancer] = {}
    cert_proxy: CertProxy = CertProxy()
    tls: Literal["1.2", "1.3"] = "1.3"
    """The newest version that balancers and nodes speak."""
    names: dict[str, Address] = {}
    """Further host names and their addresses."""
    other_services: dict[str, str] = {}
    """Further things that nodes may talk to: name to `tcp|udp ADDRESS:PORT`."""

    @property
    def proxy_ports(self) -> tuple[int, ...]:
        """Ports that devices use (Admin Port off)."""
        return tuple(p.port for p in self.cert_proxy.ports if not p.admin_port)

    @property
    def admin_ports(self) -> tuple[int, ...]:
        """Ports that take the certificate call-back (Admin Port on)."""
        return tuple(p.port for p in self.cert_proxy.ports if p.admin_port)

    @property
    def entry(self) -> Address:
        """Where the FQDN points: the first balancer, or the first node of a site without one."""
        for balancer in self.balancers.values():
            return balancer.address
        return next(iter(self.nodes.values()))

    @property
    def terminating(self) -> tuple[str, ...]:
        """Balancers that end TLS on the service port, so that their headers may count."""
        return tuple(n for n, b in self.balancers.items() if b.service is BalancerMode.TERMINATE)

    def resolve(self, name: str) -> tuple[Address, ...]:
        """Addresses of a host name of this site; () when unknown. `localhost` is not a name of the site."""
        if name == self.fqdn:
            return (self.entry,)
        for table in (self.nodes, {n: b.address for n, b in self.balancers.items()}, self.names):
            if name in table:
                return (table[name],)
        return ()
