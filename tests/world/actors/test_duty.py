"""The duty of a balancer: what the site, the defects and the certificates in force make of it."""

from __future__ import annotations

from ipaddress import ip_address

from harness.site.site import BalancerMode, Site
from harness.world.actors import haproxy, nginx
from harness.world.actors.duty import IDENTITY, ROOTS, read_duty, tell_openssl
from harness.world.actors.server_identity import balancer_identity
from tests.world.actors.stage import FQDN, NODES, cluster, make_setting, pass_through_cluster


def test_a_balancer_that_ends_tls() -> None:
    """The proxy ports go through; the service port is its own."""
    duty = read_duty(make_setting(cluster()), "vip")

    assert (duty.passed_ports, duty.ended_ports) == ((5262,), ())
    assert duty.service is BalancerMode.TERMINATE
    assert [(s.name, str(s.address), s.host_name) for s in duty.servers] == [
        (name, address, name) for name, address in NODES.items()
    ]


def test_a_balancer_that_ends_nothing() -> None:
    """All ports go through."""
    assert read_duty(make_setting(pass_through_cluster()), "vip").passed_ports == (5262, 443)


def test_faults_move_ports() -> None:
    """F36 ends the proxy port, F38 passes the admin port through."""
    ended = read_duty(make_setting(cluster(), ["F36"]), "vip")
    opened = read_duty(make_setting(cluster(), ["F38"]), "vip")

    assert (ended.passed_ports, ended.ended_ports) == ((), (5262,))
    assert opened.passed_ports == (5262, 5263)


def test_its_certificate_is_the_one_in_force() -> None:
    """With its key, and beside it those whom it trusts."""
    setting = make_setting(cluster())
    identity = balancer_identity(setting, "vip")
    files = read_duty(setting, "vip").files

    assert files[IDENTITY] == "".join((*identity.chain_pem, identity.key_pem))
    assert files[ROOTS].count("BEGIN CERTIFICATE") == 2


def test_nobody_reads_its_key_by_accident() -> None:
    """It does not stand in what is shown of it."""
    assert "PRIVATE KEY" not in repr(read_duty(make_setting(cluster()), "vip"))


def test_a_balancer_behind_another_one() -> None:
    """The outer one hands to it under the FQDN; the inner one knows whom to believe."""
    site = Site.model_validate(
        {
            "fqdn": FQDN,
            "nodes": NODES,
            "balancers": {
                "edge": {"address": "10.20.0.9", "to": ["vip"]},
                "vip": {"address": "10.20.0.10"},
            },
            "cert_proxy": {"destination": FQDN},
        }
    )
    setting = make_setting(site)
    edge, vip = read_duty(setting, "edge"), read_duty(setting, "vip")

    assert [(s.name, s.host_name) for s in edge.servers] == [("vip", FQDN)]
    assert (edge.before, vip.before) == ((), (ip_address("10.20.0.9"),))


def test_suites_as_openssl_spells_them() -> None:
    """Both programs are configured in its words."""
    suites = (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    )

    assert tell_openssl(suites) == "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"


def test_the_rule_of_a_site_reaches_both_programs() -> None:
    """HTTP/2 as well, where it is offered."""
    site = cluster()
    vip = site.balancers["vip"].model_copy(update={"http2": True})
    rules = {
        "balancers": {"vip": vip},
        "tls_suites": ("TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    }
    duty = read_duty(make_setting(site.model_copy(update=rules)), "vip")

    lines = (haproxy.build_configuration(duty), nginx.build_configuration(duty))
    wanted = (
        (
            "alpn h2,http/1.1",
            "ciphers ECDHE-RSA-AES256-GCM-SHA384 ciphersuites TLS_AES_256_GCM_SHA384",
        ),
        (
            "443 ssl http2;",
            "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;",
            "Ciphersuites TLS_AES_256_GCM",
        ),
    )
    assert [
        [w for w in want if w not in text] for text, want in zip(lines, wanted, strict=True)
    ] == [[], []]
