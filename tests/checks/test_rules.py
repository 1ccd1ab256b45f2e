"""The rules: which page is in force where and when, and what checks make of it."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.check import examine
from harness.checks.rules import Rules, read_rules
from harness.checks.run_note import RunNote
from harness.checks.v06_header_origin import V06
from harness.checks.v15_destination import V15
from harness.checks.v22_configuration import V22
from harness.site.console import InForce
from harness.site.page import PageChange
from harness.site.sign_in import build_login_target
from harness.site.site import Site
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult
from tests.checks.examining import make_case, result_of
from tests.defect_traces import ALICE
from tests.trace_builder import (
    BYSTANDER,
    CLUSTER,
    N1,
    N2,
    N3,
    START_NS,
    VIP,
    TraceBuilder,
    make_random,
    make_server_certificate,
    make_site,
)

NOTE = RunNote(mode="simulated", canary=True, complete=True)
NEVER_SAVED = PageChange(allow_remote_port_header=False)
LISTED = make_site(destination_forced=False, destination=str(VIP))


def _change(
    at_ns: int, change: PageChange, *, node: str = "node1", site: object = CLUSTER
) -> InForce:
    page = site.page(node)  # type: ignore[attr-defined]
    return InForce(at_ns=at_ns, node=node, page=change.apply(page))


def _rules() -> Rules:
    return read_rules(CLUSTER, replace(NOTE, settings=(_change(100, NEVER_SAVED),)))


def test_a_page_counts_from_its_time_on() -> None:
    """Before it the site's, after it the new one, at the moment of the change either."""
    rules, old = _rules(), CLUSTER.page("node1")
    new = NEVER_SAVED.apply(old)

    assert rules.pages(N1, 1, 99) == (old,)
    assert rules.pages(N1, 101, 200) == (new,)
    assert rules.pages(N1, 99, 101) == (old, new)
    assert rules.pages(N2, 99, 101) == (old,)
    assert rules.pages(VIP, 1, 2) == ()


def test_others_are_nodes_with_another_page() -> None:
    """Only where it is certain that they go by it."""
    rules = _rules()

    assert dict(rules.others(N1, 1, 50)) == {}
    assert set(rules.others(N1, 150, 200)) == {N2, N3}
    assert set(rules.others(N2, 150, 200)) == {N1}
    assert set(rules.others(N2, 50, 150)) == set()


def test_a_change_at_an_unknown_node_is_left_aside() -> None:
    """The canary's site has other nodes, and the same note."""
    rules = read_rules(
        CLUSTER, replace(NOTE, settings=(replace(_change(1, NEVER_SAVED), node="x"),))
    )

    assert {len(periods) for periods in rules.periods.values()} == {1}


def _sign_in(change: PageChange, *, node: str, is_before: bool) -> TraceBuilder:
    """A sign-in through the balancer, and a change of one node's page before or after it."""
    builder = TraceBuilder()
    builder.sign_in()
    at_ns = 1 if is_before else builder.now_ns + 1
    builder.settings.append(_change(at_ns, change, node=node))
    return builder


def test_a_header_that_was_switched_off_before_must_have_no_effect() -> None:
    """V06 goes by the page of the node that got the request, at that time."""
    before = {
        n: result_of(V06, _sign_in(NEVER_SAVED, node=n, is_before=True))
        for n in ("node1", "node2", "node3")
    }
    after = {n: result_of(V06, _sign_in(NEVER_SAVED, node=n, is_before=False)) for n in before}

    (failed,) = [n for n, result in before.items() if result.outcome is Outcome.FAIL]
    assert "Allow RemotePort Header is off" in before[failed].findings[0].message
    assert {result.outcome for result in after.values()} == {Outcome.PASS}


def _tunnel(status: int, *changes: InForce) -> TraceBuilder:
    builder = TraceBuilder(LISTED)
    builder.settings += changes
    wire = builder.open("dmz", VIP, N2, 5262)
    wire.handshake(make_random("l2"), certificate=ALICE, asks=True)
    wire.answer(wire.connect(f"{BYSTANDER}:443"), status)
    return builder


ALLOWS = PageChange(destination=f"{VIP}; {BYSTANDER}")
LONG_AGO = _change(1, ALLOWS, node="node2", site=LISTED)
REVOKED = InForce(at_ns=2, node="node2", page=LISTED.page("node2"))


def test_a_node_that_opens_what_was_allowed_before_fails() -> None:
    """F88, the other way round: the list was made shorter, and the node did not notice."""
    (finding,) = result_of(V22, _tunnel(200, LONG_AGO, REVOKED)).findings

    assert f"opened {VIP}"[:6] in finding.message
    assert "which the settings forbid" in finding.message


def test_a_node_that_opens_what_only_its_own_page_allows_fails() -> None:
    """F89: the others forbid it."""
    (finding,) = result_of(V22, _tunnel(200, LONG_AGO)).findings

    assert "which the settings of node1, node3 forbid" in finding.message


def test_what_was_never_allowed_is_left_to_the_destination() -> None:
    """V15, not V22."""
    assert result_of(V22, _tunnel(200)).outcome is Outcome.PASS


def _opening(*changes: InForce) -> TraceBuilder:
    builder = TraceBuilder(LISTED)
    builder.settings += changes
    builder.open("inside", N2, BYSTANDER, 443)
    return builder


def test_a_destination_is_judged_by_the_page_of_its_time() -> None:
    """V15: allowed by the page that is in force, and not by one that came later."""
    later = _change(2**62, ALLOWS, node="node2", site=LISTED)

    assert result_of(V15, _opening(LONG_AGO)).outcome is Outcome.PASS
    assert result_of(V15, _opening(later)).outcome is Outcome.FAIL
    assert result_of(V15, _opening(LONG_AGO, REVOKED)).outcome is Outcome.FAIL


THIRD = PageChange.model_validate(
    {
        "ports": [
            {"port": 5262},
            {"port": 5264},
            {"port": 5263, "admin_port": True, "ssl_certificate_type": "passthrough"},
        ]
    }
)
WITH_THIRD = CLUSTER.model_copy(update={"cert_proxy": THIRD.apply(CLUSTER.cert_proxy)})
WITHOUT = PageChange(ports=CLUSTER.cert_proxy.ports)


def _knock(*changes: InForce, site: Site, is_open: bool) -> CheckResult:
    """V22 on one connection to a third port of node1."""
    builder = TraceBuilder(site)
    builder.settings += changes
    builder.open("dmz", VIP, N1, 5264)
    case = make_case(builder)
    (connection,) = case.trace.connections
    if not is_open:
        refused = replace(connection, syn_ack=(), established=False, closed="rst")
        trace = replace(case.trace, connections=(refused,))
        case = make_case(trace, site, note=case.note)
    return examine(V22, case)


def test_a_port_that_was_added_must_be_open() -> None:
    """F88: refused although it is in force; in its first second it may be."""
    site = WITH_THIRD.model_copy(update={"node_settings": {"node1": WITHOUT}})
    long_ago = _change(1, THIRD, site=site)
    just_now = replace(long_ago, at_ns=START_NS)

    (finding,) = _knock(long_ago, site=site, is_open=False).findings
    assert "refused a connection from" in finding.message
    assert _knock(long_ago, site=site, is_open=True).outcome is Outcome.PASS
    assert _knock(just_now, site=site, is_open=False).outcome is Outcome.PASS
    assert _knock(site=WITH_THIRD, is_open=False).outcome is Outcome.PASS


def test_a_port_that_is_not_there_must_be_closed() -> None:
    """A01: it took a connection."""
    off = PageChange(enabled=False)
    site = WITH_THIRD.model_copy(update={"node_settings": {"node1": off}})

    (finding,) = _knock(site=site, is_open=True).findings
    assert "its settings have no such port in force" in finding.message
    assert _knock(site=site, is_open=False).outcome is Outcome.PASS


def test_a_certificate_of_before_is_stale() -> None:
    """F88: another type is in force, and the same certificate is shown."""
    builder = TraceBuilder()
    shown = make_server_certificate(serial=7)
    builder.call_back(N1, N2, key=1, answer=(404, b"")).handshake(make_random("a"), server=shown)
    rows = [{"port": 5262}, {"port": 5263, "admin_port": True, "ssl_certificate_type": "custom"}]
    change = _change(builder.now_ns, PageChange.model_validate({"ports": rows}), node="node2")
    builder.call_back(N1, N2, key=1, answer=(404, b"")).handshake(make_random("b"), server=shown)

    assert result_of(V22, builder).outcome is Outcome.PASS
    builder.settings.append(change)
    (finding,) = result_of(V22, builder).findings
    assert "as when its type was passthrough, but now it is custom" in finding.message


def _refused_sign_in(*odd: str) -> CheckResult:
    """A sign-in that node1 refuses, with the pages on which the header is off."""
    site = CLUSTER.model_copy(update={"node_settings": dict.fromkeys(odd, NEVER_SAVED)})
    builder = TraceBuilder(site)
    wire = builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"))
    headers = (("RemotePort", b"41000"), ("X-Forwarded-For", str(N2).encode()))
    wire.answer(wire.ask(build_login_target("app", "0" * 32), headers=headers), 403)
    return result_of(V22, builder)


def test_a_node_that_alone_disbelieves_is_named() -> None:
    """F89: the others would have believed the header; where most do not, this node is not the odd one."""
    (finding,) = _refused_sign_in("node1").findings

    assert "because Allow RemotePort Header is off, unlike node2, node3" in finding.message
    assert _refused_sign_in("node1", "node2").outcome is Outcome.PASS
    assert _refused_sign_in().outcome is Outcome.PASS


def test_a_node_outside_the_instances_must_not_be_asked() -> None:
    """V06: on a page of generation B."""
    page = {"generation": "B", "cert_proxy_instances": str(N3)}
    builder = TraceBuilder(make_site(**page))
    builder.sign_in()

    (finding,) = result_of(V06, builder).findings
    assert f"although node2 {N2} is not in Cert Proxy instances" in finding.message


def test_each_node_holds_the_key_of_its_page() -> None:
    """A09: a proof by the key that the called node holds is good, whatever the others hold."""
    site = CLUSTER.model_copy(
        update={"node_settings": {"node2": PageChange(certificate_proxy_key="other")}}
    )
    builder = TraceBuilder(site)
    for target in (N2, N3):
        headers = builder.prove(41000, key=b"other")
        builder.call_back(N1, target, key=41000, answer=(403, b""), headers=headers)
    case = make_case(builder)
    assert case.note is not None
    note = replace(case.note, other_keys={"other": b"other"})
    case = make_case(builder, note=note)

    (finding,) = examine(V22, case).findings
    assert f"asked node3 {N3}:5263" in finding.message
