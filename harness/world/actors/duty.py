"""The duty of a balancer: everything that a real program has to be told, whichever program it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.net.address import Address
from harness.site.site import SERVICE_PORT, BalancerMode, ForwardedFor
from harness.site.tls_rule import TlsRule
from harness.world.actors.server_identity import balancer_identity
from harness.world.actors.setting import Setting

IDENTITY, ROOTS = "balancer.pem", "roots.pem"
"""Files beside the configuration: the balancer's certificate chain with its key, and whom it trusts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A machine behind the balancer."""

    name: str
    """A word that configurations may use."""
    address: Address
    host_name: str
    """Whom its certificate on the service port has to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What one balancer does."""

    addresses: tuple[Address, ...]
    """Where it listens."""
    passed_ports: tuple[int, ...]
    """Handed on byte for byte, the service port too where it is passed through."""
    ended_ports: tuple[int, ...]
    """Proxy ports on which it ends TLS, which no balancer should (F36)."""
    service: BalancerMode
    servers: tuple[Server, ...]
    """In the order of turns."""
    fqdn: str
    """Whom the certificates of the proxy ports name."""
    address_header: str
    """Where the address of the client goes: X-Forwarded-For, or X-Real-IP."""
    forwarded_for: ForwardedFor
    before: tuple[Address, ...]
    """Balancers that hand on to this one: what they have set stays."""
    tls_rule: TlsRule
    """Versions and suites that clients may come with."""
    newest_tls: str
    """1.2 or 1.3."""
    idle_ms: int
    """How long nobody need say anything."""
    answer_ms: int
    """How long a node may take."""
    offers_http2: bool
    """To clients of the service port."""
    health_check_ms: int | None
    """How often it looks whether nodes answer; None: never."""
    defects: frozenset[str]
    identity_pem: str = field(repr=False)
    """Chain and key."""
    roots_pem: str = field(repr=False)

    @property
    def files(self) -> dict[str, str]:
        """What stands beside the configuration."""
        return {IDENTITY: self.identity_pem, ROOTS: self.roots_pem}


def tell_openssl(suites: tuple[str, ...]) -> str:
    """Suites of TLS 1.2 as OpenSSL spells them, which both programs are configured by."""
    words = (suite.removeprefix("TLS_").replace("_WITH_", "_") for suite in suites)
    short = (word.replace("AES_", "AES").replace("POLY1305_SHA256", "POLY1305") for word in words)
    return ":".join(word.replace("_", "-") for word in short)


def read_duty(setting: Setting, name: str) -> Duty:
    """What the balancer of this name does; its certificate is the one in force now."""
    site, defects = setting.site, setting.defects
    balancer = site.balancers[name]
    is_ended = "F36" in defects or balancer.proxy is BalancerMode.TERMINATE
    admin_ports = site.admin_ports if "F38" in defects else ()
    is_passed = not balancer.service.ends_tls
    identity = balancer_identity(setting, name)
    roots = (setting.pki.root_pem("public"), setting.pki.root_pem("appliance"))
    return Duty(
        addresses=site.addresses(name),
        passed_ports=(
            *(() if is_ended else site.proxy_ports),
            *admin_ports,
            *((SERVICE_PORT,) if is_passed else ()),
        ),
        ended_ports=site.proxy_ports if is_ended else (),
        service=balancer.service,
        servers=tuple(
            Server(
                name=one,
                address=site.reached_at(one),
                host_name=site.fqdn if one in site.balancers else site.host_name(one),
            )
            for one in site.behind(name)
        ),
        fqdn=site.fqdn,
        address_header=site.cert_proxy.address_header,
        forwarded_for=balancer.forwarded_for,
        before=tuple(
            address
            for other, settings in site.balancers.items()
            if name in settings.to
            for address in site.addresses(other)
        ),
        tls_rule=setting.tls_rule,
        newest_tls=site.tls,
        idle_ms=setting.timeout_ns // 1_000_000,
        answer_ms=setting.upstream_timeout_ns // 1_000_000,
        offers_http2=balancer.http2,
        health_check_ms=balancer.health_check_ms,
        defects=defects,
        identity_pem="".join((*identity.chain_pem, identity.key_pem)),
        roots_pem="".join(roots),
    )
