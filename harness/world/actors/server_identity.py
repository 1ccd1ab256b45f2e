"""Which certificate a machine of the site shows on which port, and what its callers demand."""

from __future__ import annotations

from collections.abc import Callable

from harness.site.certificate_place import find_balancer_names
from harness.site.page import Port
from harness.site.site import SERVICE_PORT
from harness.world.actors.setting import Setting
from harness.world.host import Clock
from harness.world.tls.identity import Identity, VerificationError, Verify

IMPOSTOR = "impostor.invalid"
NAMELESS = "nobody.invalid"
"""Names in certificates that no node should show (RFC 6761)."""
_EXPIRED = 45
_TOLERATED = (("F75", _EXPIRED), ("F77", 46), ("F77", 48))
"""Defect and TLS alert: certificate_expired, certificate_unknown, unknown_ca."""


def balancer_identity(setting: Setting, name: str) -> Identity:
    """What a balancer shows where it ends TLS."""
    place = f"{name}:{SERVICE_PORT}"
    return _find_imported(setting, place, place) or public_identity(setting)


def public_identity(setting: Setting) -> Identity:
    """The publicly trusted certificate: the FQDN, and the balancers by name and address."""
    site, pki = setting.site, setting.pki
    addresses = (balancer.address for balancer in site.balancers.values())
    names = dict.fromkeys((site.fqdn, *find_balancer_names(site), *site.balancers))
    return _issue(setting, "public", lambda: pki.public_identity(*names, *addresses))


def service_identity(setting: Setting, node: str) -> Identity:
    """What an Access service shows: the appliance's own certificate where a balancer ends the public one."""
    return _appliance_identity(setting, node, SERVICE_PORT)


def _appliance_identity(setting: Setting, node: str, port: int) -> Identity:
    """The certificate of 443, which the passthrough ports show, too."""
    imported = _find_imported(setting, f"{node}:{port}", f"{node}:{SERVICE_PORT}")
    if imported is not None:
        return imported
    if node in setting.fresh:
        return _default_identity(setting, node)
    if setting.site.terminating:
        return _own_identity(setting, node)
    if "F65" in setting.defects:
        return _own_identity(setting, node)
    return _node_identity(setting, node)


def service_verify(setting: Setting, node: str) -> Verify:
    """What a terminating balancer demands of a node."""
    # An imported certificate names the node by its host name, and is signed in public.
    site = setting.site
    return setting.pki.server_verifier(site.host_name(node), roots="both")


def port_identity(setting: Setting, node: str, port: Port) -> Identity:
    """What a cert proxy shows on a port of its settings page."""
    if port.admin_port and "F50" in setting.defects:
        return _issue(
            setting, f"impostor {node}", lambda: setting.pki.public_identity(IMPOSTOR, ca="other")
        )
    if port.admin_port and "F51" in setting.defects:
        return _issue(setting, "nameless", lambda: setting.pki.public_identity(NAMELESS))
    if port.admin_port and "F52" in setting.defects:
        return public_identity(setting)
    if port.ssl_certificate_type == "passthrough":
        return _appliance_identity(setting, node, port.port)
    place = f"{node}:{port.port}"
    imported = _find_imported(setting, place, place)
    if imported is not None:
        return imported
    if node in setting.fresh:
        return _default_identity(setting, node)
    if _is_public(setting, port):
        return public_identity(setting)
    return _node_identity(setting, node)


def user_verify(setting: Setting, clock: Clock, *, is_resumed: bool = False) -> Verify:
    """What is demanded of a user's certificate, by cert proxies and Access services (V18), at the time of their clock.

    `is_resumed`: the proof may be that of an earlier connection, which F69 takes for good whatever time it is.
    """
    verify = setting.pki.user_verifier(clock=clock.now_ns)
    tolerated = {alert for name, alert in _TOLERATED if name in setting.defects}
    if is_resumed and "F69" in setting.defects:
        tolerated.add(_EXPIRED)

    def tolerant(chain: tuple[bytes, ...]) -> None:
        try:
            verify(chain)
        except VerificationError as error:
            if error.alert not in tolerated:
                raise

    return tolerant if tolerated else verify


def callback_port(setting: Setting, node: str) -> Port:
    """The port that a node calls: the admin port of its own page, or on a page without one the proxy port."""
    ports = setting.page(node).ports
    if {"F34", "F45"} & setting.defects:
        return next(port for port in ports if not port.admin_port)
    return next((port for port in ports if port.admin_port), ports[0])


def callback_verify(setting: Setting, node: str, port: Port) -> Verify | None:
    """What an Access service demands of the cert proxy it calls back: the right node's certificate (V17)."""
    if "F50" in setting.defects:
        return None
    site = setting.site
    # Whose certificate is expected there is what that node's page says.
    port = next((row for row in setting.page(node).ports if row.port == port.port), port)
    name = site.fqdn if _is_public(setting, port) else site.host_name(node)
    is_own = port.ssl_certificate_type == "passthrough" and site.terminating
    return setting.pki.server_verifier(name, roots="both" if is_own or setting.fresh else "public")


def _is_public(setting: Setting, port: Port) -> bool:
    """Whether a custom certificate is the balancer's: no public CA names nodes, so call-backs need another port."""
    site = setting.site
    return bool(site.terminating and site.admin_ports) and not port.admin_port


def _node_identity(setting: Setting, node: str) -> Identity:
    site = setting.site
    names = (*find_balancer_names(site), *(site.host_name(one) for one in site.nodes))
    return _issue(setting, f"node {node}", lambda: setting.pki.node_identity(node, *names))


def _own_identity(setting: Setting, node: str) -> Identity:
    """Self-signed, for those who know the node by its own name."""
    host = setting.site.host_name(node)
    return _issue(setting, f"appliance {node}", lambda: setting.pki.appliance_identity(node, host))


def _default_identity(setting: Setting, node: str) -> Identity:
    """What the installation makes for itself (B01), also for users."""
    names = (setting.site.fqdn, setting.site.host_name(node))
    return _issue(setting, f"default {node}", lambda: setting.pki.appliance_identity(node, *names))


def _find_imported(setting: Setting, listener: str, place: str) -> Identity | None:
    """What a service that starts now has been given by an administrator."""
    return setting.installed.show(
        listener,
        place,
        now_ns=setting.pki.now_ns(),
        is_stale="B09" in setting.defects,
    )


def _issue(setting: Setting, name: str, issue: Callable[[], Identity]) -> Identity:
    if name not in setting.issued:
        setting.issued[name] = issue()
    return setting.issued[name]
