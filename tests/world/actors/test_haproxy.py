"""HAProxy's configuration, line by line where it matters; scenarios/real-balancers/ show what it does."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from harness.site.site import Site
from harness.world.actors.duty import read_duty
from harness.world.actors.haproxy import build_command, build_configuration
from tests.world.actors.stage import cluster, make_setting, pass_through_cluster


def lines(site: Site | None = None, *defects: str, **changes: Any) -> list[str]:
    """The configuration of a cluster's balancer, without indentation."""
    duty = read_duty(make_setting(site or cluster(), defects), "vip")
    return [line.strip() for line in build_configuration(replace(duty, **changes)).splitlines()]


def rules(*found: str) -> list[str]:
    """What is done to requests."""
    return [line for line in found if line.startswith(("http-request", "option forwardfor"))]


def test_it_stays_in_the_foreground() -> None:
    """As one process, which can be watched."""
    assert build_command("/usr/sbin/haproxy") == ("/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg")


def test_both_headers_are_set_anew_in_each_request() -> None:
    """What a client says is replaced, and what it could hide the headers with is dropped."""
    assert rules(*lines()) == [
        "http-request deny deny_status 400 if { req.hdr(Transfer-Encoding) -m found }",
        "http-request del-header Connection",
        "http-request set-header RemotePort %[src_port]",
        "http-request set-header X-Forwarded-For %[src]",
    ]


def test_proxy_ports_are_passed_through() -> None:
    """To every node in turn, byte for byte."""
    found = lines()
    start = found.index("frontend passed_5262")

    assert found[start + 1 : start + 4] == [
        "mode tcp",
        "bind 10.20.0.10:5262",
        "default_backend nodes_5262",
    ]
    assert "server node1 10.20.1.1:5262" in found


def test_nodes_are_asked_over_tls_that_is_verified() -> None:
    """By the node's own name; a client stays with its node, and connections are shared."""
    found = lines()

    assert (
        "server node2 10.20.1.2:443 cookie node2 ssl verify required ca-file roots.pem verifyhost node2 "
        "sni str(node2) ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3"
    ) in found
    assert {"http-reuse always", "cookie NODE insert indirect nocache httponly secure"} <= {*found}


def test_times_and_versions_are_those_of_the_scenario() -> None:
    """Milliseconds, and the newest TLS of the site."""
    found = lines(cluster(tls="1.2"), idle_ms=700, answer_ms=600)

    assert {"timeout client 700ms", "timeout server 600ms", "timeout connect 200ms"} <= {*found}
    assert any(
        line.endswith("alpn http/1.1 ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2") for line in found
    )


def test_offloading_goes_on_in_clear_text() -> None:
    """No TLS to the nodes."""
    assert "server node1 10.20.1.1:443 cookie node1" in lines(cluster(balancer={"443": "offload"}))


def test_what_is_passed_through_has_no_http() -> None:
    """On a balancer that ends no TLS."""
    found = lines(pass_through_cluster())

    assert "mode http" not in found
    assert {"bind 10.20.0.10:443", "server node3 10.20.1.3:443"} <= {*found}


def test_every_address_of_the_balancer_listens() -> None:
    """IPv6 in brackets."""
    addresses = (ip_address("10.20.0.10"), ip_address("2001:db8::10"))

    assert "bind [2001:db8::10]:5262" in lines(addresses=addresses)


def test_health_checks_look_at_every_port() -> None:
    """Where the site wants them."""
    found = lines(cluster(balancer={"engine": "haproxy", "health_check_ms": 200}))
    servers = [line for line in found if line.startswith("server ")]

    assert len(servers) == 6
    assert all(line.endswith(" check inter 200ms fall 1") for line in servers)


def test_a_client_s_addresses_may_stay_on_the_left() -> None:
    """Where the site says append: a line behind the client's (RFC 9110 section 5.3)."""
    found = rules(*lines(cluster(balancer={"forwarded_for": "append"})))

    assert found[-1] == "option forwardfor"


def test_real_ip_replaces_forwarded_for() -> None:
    """Where the settings page reads that header."""
    assert rules(*lines(address_header="X-Real-IP"))[-2:] == [
        "http-request del-header X-Forwarded-For",
        "http-request set-header X-Real-IP %[src]",
    ]


def test_what_the_balancer_before_it_said_stays() -> None:
    """And nobody else's word does."""
    assert rules(*lines(before=(ip_address("10.20.0.9"),)))[-3:] == [
        "http-request set-header RemotePort %[src_port] unless { src 10.20.0.9 } { req.hdr(RemotePort) -m found }",
        "http-request del-header X-Forwarded-For unless { src 10.20.0.9 }",
        "http-request add-header X-Forwarded-For %[src]",
    ]


@pytest.mark.parametrize(
    ("defect", "line"),
    [
        ("A07", "http-request set-header RemotePort %[dst_port]"),
        (
            "F15",
            "http-request set-header RemotePort %[src_port] unless { req.hdr(RemotePort) -m found }",
        ),
        ("F19", "http-request add-header RemotePort %[src_port]"),
        ("F36", "bind 10.20.0.10:5262 ssl crt balancer.pem"),
        ("F38", "bind 10.20.0.10:5263"),
        ("F41", "retry-on response-timeout"),
        ("F41", "timeout server 937ms"),
        ("F42", "server node1 10.20.1.1:5262 send-proxy"),
        (
            "F80",
            "bind 10.20.0.10:443 ssl crt balancer.pem alpn http/1.1 ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.3 "
            "ciphers DEFAULT:@SECLEVEL=0",
        ),
    ],
)
def test_a_mistake_is_one_line(defect: str, line: str) -> None:
    """Which the right configuration does not have."""
    assert line in lines(None, defect)
    assert line not in lines()


@pytest.mark.parametrize(
    ("defect", "word"),
    [
        ("A06", "RemotePort"),
        ("F23", "del-header Connection"),
        ("F31", "deny_status"),
        ("F40", "cookie"),
    ],
)
def test_a_mistake_is_a_line_too_few(defect: str, word: str) -> None:
    """Which the right configuration has."""
    assert word not in "\n".join(lines(None, defect))
    assert word in "\n".join(lines())
