"""The site: nodes, balancers, the cert-proxy settings page, in the words of the settings page."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from harness.net.address import Address, parse_address
from harness.net.forwarding import REAL_IP
from harness.site.contract import CallBackForm, HeaderNames
from harness.site.expected_certificate import ExpectedCertificate
from harness.site.model import Model
from harness.site.page import CertProxy, PageChange
from harness.site.sign_in_form import SignInForm

SERVICE_PORT = 443
"""The Access service always listens here."""


def _read_address(value: object) -> Address:
    """Only what `parse_address` reads: pydantic alone would take the number 1 for 0.0.0.1."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        if isinstance(value, str):
            return parse_address(value)
    except ValueError:
        pass
    raise PydanticCustomError("address", "an IP address such as 10.20.1.2 or 2001:db8::2")


WrittenAddress = Annotated[
    Address,
    PlainValidator(_read_address),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "ip", "examples": ["10.20.1.2", "2001:db8::2"]}),
]
"""An address in its canonical written form: no leading zeros, no short forms, no numbers."""


def _read_certificate(text: str) -> str:
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise PydanticCustomError("certificate", "a certificate as PEM text")
    return text


WrittenCertificate = Annotated[str, AfterValidator(_read_certificate)]
"""PEM."""


class BalancerMode(StrEnum):
    """What a balancer does with one port."""

    PASSTHROUGH = "passthrough"
    """Forwards bytes; TLS ends at the node."""
    TERMINATE = "terminate"
    """Ends TLS, inserts RemotePort and X-Forwarded-For in each request, and encrypts again to the node."""
    OFFLOAD = "offload"
    """The same, but goes on to the node in clear text. The vendor documents no such leg: this form is ours."""

    @property
    def ends_tls(self) -> bool:
        """Whether the balancer reads the requests, so that its headers may count."""
        return self is not BalancerMode.PASSTHROUGH


Engine = Literal["builtin", "haproxy", "nginx"]
"""Programs that can balance."""


class ForwardedFor(StrEnum):
    """What a terminating balancer does with a client's own X-Forwarded-For."""

    REPLACE = "replace"
    APPEND = "append"


class Balancer(Model):
    """One load balancer."""

    address: WrittenAddress
    """Where devices and proxies reach it, and the source of its connections to the nodes."""
    proxy: BalancerMode = Field(BalancerMode.PASSTHROUGH, alias="5262")
    """The proxy ports. Only `passthrough` is right: the client certificate must reach the cert proxy."""
    service: BalancerMode = Field(BalancerMode.TERMINATE, alias="443")
    """The service port: `terminate` ends TLS, sets RemotePort and X-Forwarded-For, encrypts again to the node;
    `offload` goes on in clear text, which the vendor does not document."""
    to: tuple[str, ...] = ()
    """The nodes, or the one other balancer, that it hands connections to. Not given: all nodes."""
    forwarded_for: ForwardedFor = ForwardedFor.REPLACE
    """`replace` drops a client's own X-Forwarded-For, `append` keeps it on the left."""
    engine: Engine = "builtin"
    """Which program balances: the one built in, or a real HAProxy or nginx, which has to be installed and needs the
    kernel wire."""
    http2: bool = False
    """Offers HTTP/2 to clients where it ends TLS on the service port; nodes are asked in HTTP/1.1 all the same."""
    health_check_ms: Annotated[int, Field(ge=50, le=60_000)] | None = None
    """Milliseconds between two looks whether a node's ports answer; HAProxy alone does it. Not given: never."""


class Revocation(Model):
    """Whom the Access services ask whether a user certificate is revoked; without a good answer nobody signs in."""

    address: WrittenAddress
    """The machine that answers, over HTTP, on the segment `inside`."""
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Where it listens."""
    method: Literal["ocsp", "crl", "ocsp_then_crl"] = "ocsp"
    """`ocsp`; `crl`; or OCSP first, and the CRL only where no usable answer came (never the other way round)."""
    issuers: tuple[WrittenCertificate, ...] = ()
    """Certificates (PEM) of the authorities whose answers count, for captures of others: a run tells them itself."""


class Site(Model):
    """The deployment under test."""

    fqdn: str
    """The name that users and devices use."""
    kind: Literal["on_premises", "cloud"] = "on_premises"
    """Only on premises is there a cert proxy, and a settings page for it."""
    nodes: dict[str, WrittenAddress]
    """Node name to its address; each node runs an Access service and a cert proxy."""
    balancers: dict[str, Balancer] = {}
    """Balancer name to its settings. Without one, devices reach the first node directly."""
    further_addresses: dict[str, tuple[WrittenAddress, ...]] = {}
    """Node or balancer name to the addresses that it has besides: IPv6 beside IPv4, or several ways out."""
    translated: dict[str, WrittenAddress] = {}
    """Node name to the address that the machines on the dmz see instead of its own. Nodes with the same one share it,
    with other ports. Simulated only."""
    cert_proxy: CertProxy = CertProxy()
    """The cert-proxy settings page, the same on every node."""
    node_settings: dict[str, PageChange] = {}
    """Node name to the rows in which its page differs from `cert_proxy`."""
    tls: Literal["1.2", "1.3"] = "1.3"
    """The newest version that balancers and nodes speak."""
    oldest_tls: Literal["1.0", "1.1", "1.2", "1.3"] | None = None
    """The oldest version that its machines may take; a rule of the site's own, which simulated machines keep to.
    Not given: there is none."""
    tls_suites: tuple[str, ...] = ()
    """The cipher suites that its machines may take, as IANA spells them; a rule like `oldest_tls`. None given: any."""
    domain: str = ""
    """Domain of the nodes: `corp.example` makes node1 node1.corp.example, which its certificates name. "" for none."""
    resumption: Literal["none", "tickets", "session_ids"] = "none"
    """By what devices may resume TLS sessions at the proxy ports; TLS 1.3 knows tickets alone."""
    names: dict[str, WrittenAddress] = {}
    """Further host names and their addresses."""
    other_services: dict[str, str] = {}
    """Further things that nodes may talk to: name to `tcp|udp ADDRESS:PORT`."""
    headers: HeaderNames = HeaderNames()
    """Names of the headers that a terminating balancer sets; for captures of others."""
    call_back: CallBackForm = CallBackForm()
    """The form of the certificate call-back; for captures of others."""
    sign_in: SignInForm = SignInForm()
    """The form of the sign-in: who asks for it, and where the answer names the user; for captures of others."""
    revocation: Revocation | None = None
    """Whom the Access services ask whether a user certificate is revoked. Not given: nobody."""
    user_policies: tuple[str, ...] = ()
    """Certificate policies (object identifiers) of which a user certificate must have one; () for any."""
    store_limit: Annotated[int, Field(ge=1)] = 4096
    """Certificates that one node keeps at most: tunnels that are open there at the same time."""
    certificate_lifetime_s: Annotated[int, Field(ge=1)] | None = None
    """Seconds for which a certificate can be had after its tunnel was opened. Not given: while the tunnel lasts."""
    answer_timeout_s: Annotated[int, Field(ge=1)] = 30
    """Seconds within which a device gets an answer or a definite refusal."""
    certificates: dict[str, ExpectedCertificate] = {}
    """What has to be shown where: `MACHINE:PORT` to a certificate; passthrough ports show that of 443."""
    seen_as: dict[str, str] = {}
    """Where addresses or ports of the capture are not the site's: `ADDRESS:PORT` to `MACHINE:PORT [from MACHINE]`."""

    @property
    def proxy_ports(self) -> tuple[int, ...]:
        """Ports that devices use (Admin Port off)."""
        return self.cert_proxy.proxy_ports

    @property
    def admin_ports(self) -> tuple[int, ...]:
        """Ports that take the certificate call-back (Admin Port on)."""
        return self.cert_proxy.admin_ports

    @property
    def entry(self) -> Address:
        """Where the FQDN points in the first place: the first balancer, or the first node of a site without one."""
        for balancer in self.balancers.values():
            return balancer.address
        return next(iter(self.nodes.values()))

    @property
    def entries(self) -> tuple[str, ...]:
        """The machines that the FQDN stands for: balancers that no other one hands to, or the first node."""
        inner = {name for balancer in self.balancers.values() for name in balancer.to}
        return tuple(n for n in self.balancers if n not in inner) or tuple(self.nodes)[:1]

    def addresses(self, machine: str) -> tuple[Address, ...]:
        """All addresses of a node or balancer, the first one first; () for anybody else."""
        first = self.nodes.get(machine)
        if first is None and machine in self.balancers:
            first = self.balancers[machine].address
        return () if first is None else (first, *self.further_addresses.get(machine, ()))

    def aliases(self, machine: str) -> tuple[Address, ...]:
        """All addresses by which others know a machine: its own, and a translated one that it shares with nobody."""
        seen = self.translated.get(machine)
        is_its = seen is not None and list(self.translated.values()).count(seen) == 1
        return (*self.addresses(machine), *((seen,) if is_its and seen is not None else ()))

    def reached_at(self, machine: str) -> Address:
        """The address by which a machine on the dmz reaches a node or balancer; a shared one leads to nobody."""
        *_, last = self.aliases(machine)
        return last if last == self.translated.get(machine) else self.addresses(machine)[0]

    def node_at(self, address: Address) -> str | None:
        """The node with this address, whichever of its own it is; None for anybody else."""
        return next((name for name in self.nodes if address in self.aliases(name)), None)

    def balancer_at(self, address: Address) -> str | None:
        """The balancer with this address; None for anybody else."""
        return next((name for name in self.balancers if address in self.addresses(name)), None)

    @property
    def terminating(self) -> tuple[str, ...]:
        """Balancers that end TLS on the service port, so that their headers may count."""
        return tuple(n for n, b in self.balancers.items() if b.service.ends_tls)

    @property
    def is_offloaded(self) -> bool:
        """Requests reach the nodes in clear text."""
        return any(b.service is BalancerMode.OFFLOAD for b in self.balancers.values())

    def behind(self, balancer: str) -> tuple[str, ...]:
        """Who gets what a balancer hands on: nodes, or the next balancer."""
        return self.balancers[balancer].to or tuple(self.nodes)

    def host_name(self, node: str) -> str:
        """The full name of a node, as its certificates and callers write it."""
        return f"{node}.{self.domain}" if self.domain else node

    @property
    def header_names(self) -> HeaderNames:
        """The headers that name a tunnel's connection: those of the contract, unless the page says X-Real-IP."""
        if self.cert_proxy.remote_ip_source == "x_real_ip":
            return self.headers.model_copy(update={"forwarded_for": REAL_IP})
        return self.headers

    def page(self, node: str) -> CertProxy:
        """The settings page of one node when a run begins."""
        if self.kind == "cloud":
            return self.cert_proxy.model_copy(update={"enabled": False})
        change = self.node_settings.get(node)
        return self.cert_proxy if change is None else change.apply(self.cert_proxy)

    def resolve(self, name: str) -> tuple[Address, ...]:
        """Addresses of a host name of this site; () when unknown. `localhost` is not a name of the site."""
        if name == self.fqdn:
            return tuple(address for one in self.entries for address in self.addresses(one))
        if name in self.names:
            return (self.names[name],)
        hosts = {self.host_name(node): node for node in self.nodes}
        return self.addresses(hosts.get(name, name))
