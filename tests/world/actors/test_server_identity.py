"""Who shows which certificate, and who believes it."""

from __future__ import annotations

import pytest

from harness.site.page import Port
from harness.site.site import Site
from harness.world.actors.pem import parse_pem
from harness.world.actors.server_identity import (
    callback_port,
    callback_verify,
    port_identity,
    public_identity,
    service_identity,
    service_verify,
)
from harness.world.tls.identity import Identity, VerificationError
from tests.world.actors.stage import (
    FQDN,
    VIP,
    cluster,
    make_setting,
    pass_through_cluster,
    single_node,
)


def chain_of(identity: Identity) -> tuple[bytes, ...]:
    """DER, leaf first."""
    return parse_pem("".join(identity.chain_pem))


@pytest.mark.parametrize(
    ("site", "defects", "port"),
    [
        (cluster(), (), 5263),
        (cluster(), ("F45",), 5262),
        (single_node(), (), 5263),
        (single_node(ports=[{"port": 5262}]), (), 5262),
        (cluster(ports=[{"port": 5264, "admin_port": True}, {"port": 5262}]), (), 5264),
    ],
)
def test_the_call_back_has_its_port(site: Site, defects: tuple[str, ...], port: int) -> None:
    """The admin port, or in a site without one the proxy port; with F45 always the proxy port."""
    assert callback_port(make_setting(site, defects), "node1").port == port


@pytest.mark.parametrize(
    "site",
    [
        cluster(),
        cluster(ports=[{"port": 5262}, {"port": 5263, "admin_port": True}]),
        pass_through_cluster(),
        single_node(),
        single_node(ports=[{"port": 5262}]),
        single_node(ports=[{"port": 5262, "ssl_certificate_type": "passthrough"}]),
    ],
)
def test_a_caller_believes_the_node_it_asks(site: Site) -> None:
    """Whatever the topology, the certificate on the call-back port is good for the node, and for it alone."""
    setting = make_setting(site)
    port = callback_port(setting, "node1")
    chain = chain_of(port_identity(setting, "node1", port))

    callback_verify(setting, "node1", port)(chain)

    foreign = chain_of(port_identity(make_setting(site), "node1", port))
    with pytest.raises(VerificationError):
        callback_verify(setting, "node1", port)(foreign)


def test_behind_a_terminating_balancer_each_node_has_its_own() -> None:
    """443 and 5263 share the appliance's certificate, which is good for no other node and for no device."""
    setting = make_setting(cluster())
    admin = Port(port=5263, admin_port=True, ssl_certificate_type="passthrough")
    identity = service_identity(setting, "node1")

    assert port_identity(setting, "node1", admin) is identity
    service_verify(setting, "node1")(chain_of(identity))
    with pytest.raises(VerificationError):
        service_verify(setting, "node2")(chain_of(identity))
    with pytest.raises(VerificationError):
        setting.pki.server_verifier(FQDN, roots="public")(chain_of(identity))


@pytest.mark.parametrize(
    "site", [cluster(), pass_through_cluster(), single_node(ports=[{"port": 5262}])]
)
def test_a_device_believes_the_proxy_port(site: Site) -> None:
    """It shows a public certificate for the FQDN."""
    setting = make_setting(site)
    port = next(port for port in site.cert_proxy.ports if not port.admin_port)

    chain = chain_of(port_identity(setting, "node1", port))

    setting.pki.server_verifier(FQDN, roots="public")(chain)


def test_the_public_certificate_names_the_balancers() -> None:
    """By name and by address, and no node: no public CA does that."""
    setting = make_setting(cluster())
    chain = chain_of(public_identity(setting))

    for name in (FQDN, "vip", setting.site.balancers["vip"].address):
        setting.pki.server_verifier(name, roots="public")(chain)
    with pytest.raises(VerificationError):
        setting.pki.server_verifier("node1", roots="public")(chain)
    assert str(setting.site.balancers["vip"].address) == VIP
