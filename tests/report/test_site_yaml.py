"""The proposal as YAML: every one of them loads."""

from __future__ import annotations

from harness.report.site_proposal import Machine, Proposal, Why, propose
from harness.report.site_yaml import build_site_yaml
from harness.scenario.yaml import load_site
from harness.site.contract import CallBackForm
from harness.site.site import BalancerMode
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from tests.trace_builder import CLUSTER, N1, VIP, TraceBuilder


def test_a_seen_cluster_loads_as_it_was() -> None:
    """What the packets show of the site is the site."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()
    site = load_site(build_site_yaml(propose(builder.build()), name="run.pcapng"), name="site")

    assert site.balancers == CLUSTER.balancers
    assert set(site.nodes.items()) <= set(CLUSTER.nodes.items())
    assert (site.cert_proxy.ports, site.headers) == (CLUSTER.cert_proxy.ports, CLUSTER.headers)
    assert site.cert_proxy.accept_remote_port_from == str(VIP)
    assert site.cert_proxy.allow_remote_port_header


def test_nothing_seen_loads() -> None:
    """With what was not seen in comments."""
    text = build_site_yaml(propose(Trace()), name="empty.pcap")

    assert load_site(text, name="site").nodes
    assert "# Not seen: no node" in text


def test_reasons_name_their_packets() -> None:
    """As `harness show` reads them."""
    builder = TraceBuilder(CLUSTER)
    legs = builder.sign_in()
    text = build_site_yaml(propose(builder.build()), name="run.pcapng")

    first, second = legs.l1.packets[3], legs.l2.packets[3]
    assert (
        f"the same ClientHello.random goes on to {legs.l2.server} (packets {first} {second})"
        in text
    )


def _proposal(**changes: object) -> Proposal:
    node = Machine(name="node1", address=N1)
    vip = Machine(name="vip", address=VIP, modes={"5262": "terminate", "443": "passthrough"})
    why = Why(text="seen", packets=(PacketNumber(1),))
    proposal = Proposal(
        fqdn="a.example.com",
        nodes=[node],
        balancers=[vip],
        proxy_ports={5262: why},
        admin_ports={5263: why},
        destination=(False, "10.0.0.1; 10.0.0.2", why),
    )
    for name, value in changes.items():
        setattr(proposal, name, value)
    return proposal


def test_a_broken_promise_is_no_setting() -> None:
    """A balancer that ends TLS on the proxy port: the site says what should be, a comment what is."""
    text = build_site_yaml(_proposal(), name="x")
    site = load_site(text, name="site")

    assert site.balancers["vip"].proxy is BalancerMode.PASSTHROUGH
    assert "V14 will say so" in text
    assert site.cert_proxy.destination == "10.0.0.1; 10.0.0.2"


def test_other_contracts_are_written() -> None:
    """The form of the call-back, and what endpoints stand for."""
    form = CallBackForm(path='/c"#: {port}', certificate_in="json", certificate_name="c")
    text = build_site_yaml(
        _proposal(call_back=form, seen_as={"[::1]:8443": "vip:443"}), name="x\ny: 1"
    )
    site = load_site(text, name="site")

    assert (site.call_back, site.seen_as) == (form, {"[::1]:8443": "vip:443"})


def test_what_may_prove_the_key_is_a_question() -> None:
    """A header is named, but not chosen: of the wrong one everything would be said to be proof."""
    form = CallBackForm(path="/cert", query="port")
    text = build_site_yaml(
        _proposal(call_back=form, call_back_headers=("X-Proof", "X\x1b")), name="x"
    )

    assert "# Which header proves the shared key is not known; further ones sent: X-Proof, " in text
    assert "\x1b" not in text
    assert not load_site(text, name="site").call_back.has_known_proof
