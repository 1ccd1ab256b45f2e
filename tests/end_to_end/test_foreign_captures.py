"""Captures of HAProxy and nginx that others recorded: FAIL where a promise is broken, never where it holds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from harness.replay import examine, replay
from harness.report.json import verdict_json
from harness.scenario.yaml import load_site
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import Verdict

ONE_BALANCER = """
fqdn: svc.example.test
nodes: {nginx: 10.0.0.3}
balancers:
  haproxy: {address: 10.0.0.1, 443: terminate}
seen_as:
  127.0.0.1:15262: haproxy:443
  127.0.0.1:15080: nginx:443 from haproxy
headers: {forwarded_for: ""}
cert_proxy:
  destination: svc.example.test
  allow_remote_port_header: true
  accept_remote_port_from: 10.0.0.1
"""
"""The whole chain ran on one address; the stand-ins tell the machines apart."""

TWO_BALANCERS = """
fqdn: svc.example.test
nodes: {nginx: 10.0.0.3}
balancers:
  outer: {address: 10.0.0.1, 443: terminate}
  inner: {address: 10.0.0.2, 443: terminate}
seen_as:
  127.0.0.1:15262: outer:443
  127.0.0.1:15300: inner:443 from outer
  127.0.0.1:15080: nginx:443 from inner
headers: {forwarded_for: ""}
cert_proxy:
  destination: svc.example.test
  allow_remote_port_header: true
  accept_remote_port_from: 10.0.0.2
  number_of_load_balancers: 2
"""

PASS_THROUGH = """
fqdn: svc.example.test
nodes: {nginx: 10.0.0.3}
balancers:
  haproxy: {address: 10.0.0.1, 443: passthrough}
seen_as:
  127.0.0.1:15262: haproxy:443
  127.0.0.1:15443: nginx:443 from haproxy
cert_proxy: {destination: localhost}
"""

WITHOUT_HEADERS = ONE_BALANCER.replace("15080", "15081").replace(
    "allow_remote_port_header: true", "allow_remote_port_header: false"
)

CHAIN = {
    "chain/l7_set_header.pcap": (ONE_BALANCER, ()),
    "derived/l7_set_header.dsb.pcapng": (ONE_BALANCER, ()),
    "chain/l7_spoof_set.pcap": (ONE_BALANCER, ()),
    "chain/l7_no_header.pcap": (ONE_BALANCER, ("V08",)),
    "chain/l7_two_hops_keep_first.pcap": (TWO_BALANCERS, ()),
    "chain/l4_tcp_passthrough_tls12.pcap": (PASS_THROUGH, ()),
    "chain/l4_proxy_v2.pcap": (WITHOUT_HEADERS, ()),
}
"""Capture: the site it shows, and the checks that must fail."""


def _replay(data: bytes, site: str, key_log: bytes = b"") -> Verdict:
    return replay(io.BytesIO(data), site=load_site(site, name="site.yaml"), key_log=key_log)


def _key_log(file: Path) -> bytes:
    keys = file.with_name(f"{file.name}.keys")
    return keys.read_bytes() if keys.exists() else b""


def _reasons(verdict: Verdict) -> dict[str, str]:
    return {result.check: result.reason or "" for result in verdict.results}


@pytest.mark.parametrize("name", CHAIN)
def test_a_chain_fails_where_it_is_broken_and_only_there(name: str, shared: Path) -> None:
    """With keys; what holds is UNKNOWN, since nobody proves that the capture is complete."""
    file, (site, failing) = shared / "corpus" / name, CHAIN[name]
    verdict = _replay(file.read_bytes(), site, _key_log(file))

    assert verdict.failing == failing
    assert verdict.outcome is (Outcome.FAIL if failing else Outcome.UNKNOWN)


@pytest.mark.parametrize("name", [name for name in CHAIN if name.startswith("chain")])
def test_what_the_corpus_says_of_a_chain_is_what_we_say(name: str, shared: Path) -> None:
    """The truth was found by other means."""
    truth = json.loads((shared / "corpus" / "truth.json").read_text())[name]["chain"]
    broken = truth["remoteport_invariant_holds"] is False

    assert bool(CHAIN[name][1]) is broken


def test_what_was_seen_is_counted_where_nothing_was_wrong(shared: Path) -> None:
    """Three requests with a true header."""
    file = shared / "corpus" / "chain" / "l7_set_header.pcap"
    reasons = _reasons(_replay(file.read_bytes(), ONE_BALANCER, _key_log(file)))

    assert reasons["V07"].startswith("nothing wrong in 3 balanced requests, but the capture is not")
    assert reasons["V08"].startswith("nothing wrong in 3 balanced requests, but")


def test_an_untrue_port_is_found(shared: Path) -> None:
    """One digit changed in one of three requests."""
    file = shared / "corpus" / "chain" / "l7_set_header.pcap"
    data = file.read_bytes().replace(b"remoteport: 37782", b"remoteport: 37783", 1)
    (result,) = (r for r in _replay(data, ONE_BALANCER, _key_log(file)).results if r.check == "V07")

    (finding,) = result.findings
    assert "says RemotePort 37783, but it came from 127.0.0.1:37782" in finding.message
    assert 14 in finding.packets


def test_another_header_name_is_a_setting(shared: Path) -> None:
    """The site says how its balancer calls the header."""
    file = shared / "corpus" / "chain" / "l7_set_header.pcap"
    data = file.read_bytes().replace(b"remoteport: ", b"x-src-port: ")
    named = ONE_BALANCER.replace("{forwarded_for", "{remote_port: X-Src-Port, forwarded_for")

    assert _replay(data, named, _key_log(file)).failing == ()
    assert _replay(data, ONE_BALANCER, _key_log(file)).failing == ("V08",)


def test_without_keys_the_reason_is_the_missing_secret(shared: Path) -> None:
    """Truth of the header needs the request before the balancer; its form does not."""
    data = (shared / "corpus" / "chain" / "l7_set_header.pcap").read_bytes()
    reasons = _reasons(_replay(data, ONE_BALANCER))

    assert "no secret for this client random" in reasons["V07"]
    assert reasons["V08"].startswith("nothing wrong in 3 balanced requests")


def test_a_chain_without_keys_still_fails_on_what_is_in_the_clear(shared: Path) -> None:
    """The header is missing, whatever the client sent."""
    data = (shared / "corpus" / "chain" / "l7_no_header.pcap").read_bytes()

    assert _replay(data, ONE_BALANCER).failing == ("V08",)


def test_a_pass_through_that_is_none_is_told_by_hellos_alone(shared: Path) -> None:
    """A balancer that should pass TLS on ended it: no ClientHello went on. Only a loss could explain it."""
    site = ONE_BALANCER.replace("443: terminate", "443: passthrough").replace(
        "destination: svc.example.test", "destination: localhost"
    )
    data = (shared / "corpus" / "chain" / "l7_set_header.pcap").read_bytes()
    reason = _reasons(_replay(data, site))["V14"]

    assert "passed it to no node" in reason


def test_no_foreign_capture_passes(shared: Path) -> None:
    """Whatever the damage or transformation: nothing proves that nothing is missing."""
    site = PASS_THROUGH.split("seen_as")[0] + "cert_proxy: {destination: localhost}\n"
    folder = shared / "corpus" / "derived"
    captures = [f for f in sorted(folder.iterdir()) if f.suffix in (".pcap", ".pcapng")]
    verdicts = {f.name: _replay(f.read_bytes(), site, _key_log(f)) for f in captures}

    assert len(captures) >= 20
    assert {v.outcome for v in verdicts.values()} == {Outcome.UNKNOWN}
    assert [r for v in verdicts.values() for r in v.results if r.traceback] == []


@pytest.mark.parametrize("name", CHAIN)
def test_a_large_file_is_judged_like_a_small_one(name: str, shared: Path) -> None:
    """Only what concerns the site is kept of it, and the verdict is the same to the byte."""
    file = shared / "corpus" / name
    site = load_site(CHAIN[name][0], name="site.yaml")
    whole, part = (
        examine(
            io.BytesIO(file.read_bytes()), site=site, key_log=_key_log(file), small=0, large=large
        )[0]
        for large in (1 << 40, 0)
    )

    assert verdict_json(part) == verdict_json(whole)
