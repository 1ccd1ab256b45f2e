"""The policy: what the settings page allows."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks.policy import TCP, UDP, read_policy
from harness.net.address import Endpoint
from harness.site.site import Site
from tests.trace_builder import BYSTANDER, CLUSTER, LOCALHOST, N1, PASSTHROUGH, VIP, make_site

OFF = make_site(allow_remote_port_header=False)
LISTED = make_site(destination_forced=False, destination="10.30.0.0 255.255.255.0; 10.20.0.10")
SERVED = CLUSTER.model_copy(
    update={"other_services": {"dns": "udp 10.30.0.5:53", "crl": "tcp [2001:db8::1]:80"}}
)
V6 = ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("site", "peer", "expected"),
    [
        (CLUSTER, VIP, None),
        (CLUSTER, BYSTANDER, "the TCP peer 10.30.0.5 is not in Accept RemotePort From"),
        (OFF, VIP, "Allow RemotePort Header is off"),
        (PASSTHROUGH, VIP, "no balancer of the site ends TLS on port 443"),
        (
            make_site(accept_remote_port_from=""),
            VIP,
            "the TCP peer 10.20.0.10 is not in Accept RemotePort From",
        ),
    ],
)
def test_who_may_set_the_header(site: Site, peer: object, expected: str | None) -> None:
    """Allow, topology and list together."""
    assert read_policy(site).refusal(peer) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("site", "protocol", "server", "expected"),
    [
        (CLUSTER, TCP, Endpoint(VIP, 443), True),
        (CLUSTER, TCP, Endpoint(VIP, 5262), False),
        (CLUSTER, UDP, Endpoint(VIP, 443), False),
        (CLUSTER, TCP, Endpoint(N1, 443), False),
        (PASSTHROUGH, TCP, Endpoint(LOCALHOST, 443), True),
        (PASSTHROUGH, TCP, Endpoint(ip_address("::1"), 443), True),
        (PASSTHROUGH, TCP, Endpoint(VIP, 443), False),
        (LISTED, TCP, Endpoint(BYSTANDER, 443), True),
        (LISTED, TCP, Endpoint(BYSTANDER, 8443), False),
        (LISTED, TCP, Endpoint(N1, 443), False),
        (make_site(destination="nobody.example.com"), TCP, Endpoint(VIP, 443), False),
        (SERVED, UDP, Endpoint(BYSTANDER, 53), True),
        (SERVED, TCP, Endpoint(BYSTANDER, 53), False),
        (SERVED, TCP, Endpoint(V6, 80), True),
    ],
)
def test_where_a_node_may_connect(
    site: Site, protocol: int, server: Endpoint, expected: bool
) -> None:
    """Address, port and protocol together."""
    assert read_policy(site).is_destination(server, protocol) is expected


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (CLUSTER, "Destination is forced to access.example.com (10.20.0.10), port 443"),
        (make_site(destination=str(VIP)), "Destination is forced to 10.20.0.10, port 443"),
        (PASSTHROUGH, "Destination is forced to localhost (127.0.0.1, ::1), port 443"),
        (
            make_site(destination="nobody.example.com"),
            "Destination is forced to nobody.example.com (no address), port 443",
        ),
        (LISTED, 'the destinations allowed are "10.30.0.0 255.255.255.0; 10.20.0.10", port 443'),
        (
            make_site(destination_forced=False, destination=""),
            "the allow-list of destinations is empty",
        ),
    ],
)
def test_what_is_allowed_is_told(site: Site, expected: str) -> None:
    """For messages."""
    assert read_policy(site).tell_destination() == expected


@pytest.mark.parametrize("text", ["10.30.0.5:53", "icmp 10.30.0.5:0", "udp dns:53"])
def test_a_bad_service_is_refused(text: str) -> None:
    """ValueError, so that every check is UNKNOWN."""
    with pytest.raises(ValueError, match=r"other_services|does not appear"):
        read_policy(CLUSTER.model_copy(update={"other_services": {"x": text}}))
