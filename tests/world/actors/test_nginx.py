"""nginx's configuration, line by line where it matters; scenarios/real-balancers/ show what it does."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from harness.site.site import Site
from harness.world.actors.duty import read_duty
from harness.world.actors.nginx import build_command, build_configuration
from tests.world.actors.stage import cluster, make_setting, pass_through_cluster


def lines(site: Site | None = None, *defects: str, **changes: Any) -> list[str]:
    """The configuration of a cluster's balancer, without indentation."""
    duty = read_duty(make_setting(site or cluster(), defects), "vip")
    return [line.strip() for line in build_configuration(replace(duty, **changes)).splitlines()]


def headers(found: list[str]) -> list[str]:
    """What is done to requests."""
    return [line for line in found if line.startswith("proxy_set_header")]


def test_everything_it_writes_stands_in_its_folder() -> None:
    """In the foreground, as one process."""
    assert build_command("/usr/sbin/nginx")[1:] == ("-p", ".", "-e", "stderr", "-c", "nginx.conf")
    assert {"daemon off;", "master_process off;", "pid nginx.pid;"} <= {*lines()}


def test_modules_come_first() -> None:
    """Nginx knows no `stream` before."""
    duty = read_duty(make_setting(cluster()), "vip")
    text = build_configuration(duty, modules=("/modules/ngx_stream_module.so",))

    assert text.startswith("load_module /modules/ngx_stream_module.so;\n")


def test_both_headers_are_set_anew_in_each_request() -> None:
    """What a client says is replaced, and what it could hide the headers with is dropped."""
    assert headers(lines()) == [
        'proxy_set_header Connection "";',
        "proxy_set_header Host $http_host;",
        "proxy_set_header RemotePort $remote_port;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
    ]


def test_proxy_ports_are_passed_through() -> None:
    """To every node in turn, byte for byte."""
    found = lines()

    assert {
        "listen 10.20.0.10:5262;",
        "proxy_pass nodes_5262;",
        "server 10.20.1.1:5262;",
    } <= {*found}


def test_nodes_are_asked_over_tls_that_is_verified() -> None:
    """By the node's own name, for which each is a group of its own."""
    found = lines()

    assert {"proxy_pass https://$node;", "proxy_ssl_verify on;", "proxy_ssl_name $node;"} <= {
        *found
    }
    assert {"upstream node1 {", "upstream node2 {", "upstream node3 {"} <= {*found}


def test_a_connection_stays_with_a_node() -> None:
    """Each node has its share."""
    found = lines()
    start = found.index('split_clients "$remote_addr:$remote_port" $node {')

    assert found[start + 1 : start + 4] == ["33.33% node2;", "33.33% node3;", "* node1;"]


def test_times_and_versions_are_those_of_the_scenario() -> None:
    """Milliseconds, and the newest TLS of the site."""
    found = lines(cluster(tls="1.2"), idle_ms=700, answer_ms=600)

    assert {
        "proxy_timeout 700ms;",
        "proxy_read_timeout 600ms;",
        "ssl_protocols TLSv1.2;",
    } <= {*found}


def test_offloading_goes_on_in_clear_text() -> None:
    """No TLS to the nodes."""
    found = lines(cluster(balancer={"443": "offload"}))

    assert "proxy_pass http://$node;" in found
    assert not any(line.startswith("proxy_ssl") for line in found)


def test_what_is_passed_through_has_no_http() -> None:
    """On a balancer that ends no TLS."""
    found = lines(pass_through_cluster())

    assert "http {" not in found
    assert {"listen 10.20.0.10:443;", "server 10.20.1.3:443;"} <= {*found}


def test_every_address_of_the_balancer_listens() -> None:
    """IPv6 in brackets."""
    addresses = (ip_address("10.20.0.10"), ip_address("2001:db8::10"))

    assert "listen [2001:db8::10]:443 ssl;" in lines(addresses=addresses)


def test_a_client_s_addresses_may_stay_on_the_left() -> None:
    """Where the site says append."""
    found = headers(lines(cluster(balancer={"forwarded_for": "append"})))

    assert found[-1] == "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"


def test_real_ip_replaces_forwarded_for() -> None:
    """Where the settings page reads that header."""
    assert headers(lines(address_header="X-Real-IP"))[-2:] == [
        'proxy_set_header X-Forwarded-For "";',
        "proxy_set_header X-Real-IP $remote_addr;",
    ]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "X-Forwarded-For",
            "map $is_handed_on $told_address { yes $proxy_add_x_forwarded_for; no $remote_addr; }",
        ),
        (
            "X-Real-IP",
            'map "$is_handed_on $http_x_real_ip" $told_address '
            '{ default $remote_addr; "~^yes ." $http_x_real_ip; }',
        ),
    ],
)
def test_what_the_balancer_before_it_said_stays(header: str, line: str) -> None:
    """And nobody else's word does."""
    found = lines(before=(ip_address("10.20.0.9"),), address_header=header)

    assert {"10.20.0.9 yes;", line} <= {*found}
    assert {
        "proxy_set_header RemotePort $told_port;",
        f"proxy_set_header {header} $told_address;",
    } <= {*found}


@pytest.mark.parametrize(
    ("defect", "line"),
    [
        ("A07", "proxy_set_header RemotePort $server_port;"),
        ("F15", 'map $http_remoteport $told_port { "" $remote_port; default $http_remoteport; }'),
        (
            "F20",
            'map $http_remoteport $told_port { "" $remote_port; default "$http_remoteport, $remote_port"; }',
        ),
        ("F23", "proxy_set_header Connection $http_connection;"),
        ("F36", "listen 10.20.0.10:5262 ssl;"),
        ("F38", "listen 10.20.0.10:5263;"),
        ("F40", 'split_clients "$request_id" $node {'),
        ("F42", "proxy_protocol on;"),
        ("F80", "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;"),
    ],
)
def test_a_mistake_is_one_line(defect: str, line: str) -> None:
    """Which the right configuration does not have."""
    assert line in lines(None, defect)
    assert line not in lines()


def test_without_its_line_no_port_is_told() -> None:
    """A06: what a client says goes on instead."""
    assert not any("RemotePort" in line for line in lines(None, "A06"))
