"""The cert-proxy settings page of one node, in the words of the page, and a change to some of its rows.

The vendor's documents show two generations of the page. A has Destination, RemotePort and the keys; B has besides a
switch for the whole service, Remote IP Source, and an allow-list of the cert proxies that may be called.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.net.forwarding import FORWARDED_FOR, REAL_IP
from harness.site.model import Model

SHARED_KEY = "shared"
"""The key of a deployment in which nobody changed it."""

Generation = Literal["A", "B"]
RemoteIpSource = Literal["x_forwarded_for", "x_real_ip", "remote_address"]
BalancerCount = Annotated[int, Field(ge=1, le=10)]


class Port(Model):
    """One row of the settings page's port table."""

    port: Annotated[int, Field(ge=1, le=65535)]
    """Where the cert proxy listens."""
    admin_port: bool = False
    """On for the port that receives the service's internal certificate request."""
    ssl_certificate_type: Literal["passthrough", "custom"] = "custom"
    """`passthrough` presents the appliance's own certificate, `custom` an uploaded chain."""


class CertProxy(Model):
    """The cert-proxy settings page."""

    generation: Generation = "A"
    """Which of the two pages: `A` has no `enabled`, `remote_ip_source` and `cert_proxy_instances`."""
    enabled: bool = True
    """Generation B: whether the cert proxy runs. Off: its ports answer nobody."""
    destination_forced: bool = True
    """On: every request goes to the one `destination`, whatever the device asks for."""
    destination: str = ""
    """Forced: exactly one host name or IP. Not forced: an allow-list (`CIDR; ADDRESS MASK; IP`)."""
    allow_remote_port_header: bool = False
    """Off: RemotePort and X-Forwarded-For have no effect at all."""
    accept_remote_port_from: str = ""
    """Allow-list of balancers whose headers count, matched on the TCP peer of the request."""
    remote_ip_source: RemoteIpSource = "x_forwarded_for"
    """Generation B: what names the node that holds the certificate: a header, or with `remote_address` the TCP peer."""
    number_of_load_balancers: BalancerCount = 1
    """X-Forwarded-For is read this many elements from the right."""
    cert_proxy_instances: str = ""
    """Generation B: allow-list of the nodes that may be asked for a certificate."""
    certificate_proxy_key: str = SHARED_KEY
    """Hash (or any other name) of the key that the node's cert proxy holds; equal text is the same key."""
    certificate_proxy_key_identity_manager: str = SHARED_KEY
    """The same of the key that its Access service holds. Both must be equal, on every node."""
    ports: tuple[Port, ...] = (
        Port(port=5262),
        Port(port=5263, admin_port=True, ssl_certificate_type="passthrough"),
    )
    """The port table; more ports may be added."""

    @property
    def proxy_ports(self) -> tuple[int, ...]:
        """Ports that devices use (Admin Port off)."""
        return tuple(row.port for row in self.ports if not row.admin_port)

    @property
    def admin_ports(self) -> tuple[int, ...]:
        """Ports that take the certificate call-back (Admin Port on)."""
        return tuple(row.port for row in self.ports if row.admin_port)

    @property
    def address_header(self) -> str:
        """The header in which a balancer names the node."""
        return REAL_IP if self.remote_ip_source == "x_real_ip" else FORWARDED_FOR

    @property
    def hops(self) -> int:
        """Which of its elements counts, from the right; X-Real-IP has one alone."""
        return 1 if self.remote_ip_source == "x_real_ip" else self.number_of_load_balancers

    @property
    def is_remote_port_used(self) -> bool:
        """Whether any header can have an effect."""
        return self.allow_remote_port_header and self.remote_ip_source != "remote_address"


class PageChange(Model):
    """Rows of the settings page, with what they say from now on. What is not given stays."""

    enabled: bool | None = None
    """As on the page."""
    destination_forced: bool | None = None
    """As on the page."""
    destination: str | None = None
    """As on the page."""
    allow_remote_port_header: bool | None = None
    """As on the page."""
    accept_remote_port_from: str | None = None
    """As on the page."""
    remote_ip_source: RemoteIpSource | None = None
    """As on the page."""
    number_of_load_balancers: BalancerCount | None = None
    """As on the page."""
    cert_proxy_instances: str | None = None
    """As on the page."""
    certificate_proxy_key: str | None = None
    """As on the page: the hash of the key in the cert proxy's configuration file."""
    certificate_proxy_key_identity_manager: str | None = None
    """As on the page: the hash of the key in the Access service's configuration file."""
    ports: tuple[Port, ...] | None = None
    """As on the page: the whole table."""

    @property
    def rows(self) -> dict[str, object]:
        """What is changed, by the key of the row."""
        return {
            name: value
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }

    def apply(self, page: CertProxy) -> CertProxy:
        """The page with these rows."""
        return page.model_copy(update=self.rows)
