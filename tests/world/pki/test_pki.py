"""The authorities of a run: each identity holds where it should, and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from harness.world.tls.identity import Identity, VerificationError
from tests.world.handshake import FQDN, NOW_NS, der_of, device, node, site_pki

NODE_1, NODE_2 = IPv4Address("10.20.1.1"), IPv4Address("10.20.1.2")


@pytest.mark.parametrize("name", [FQDN, "node1", "node2", NODE_1, NODE_2, "10.20.1.2"], ids=str)
def test_node_identity(name: Any) -> None:
    """A node's certificate bears the FQDN and every node's name and address."""
    site_pki().server_verifier(name, roots="public")(der_of(node()))


@pytest.mark.parametrize("name", ["node1", NODE_1], ids=str)
def test_appliance_identity(name: Any) -> None:
    """An appliance's certificate bears its own name and address under the appliance CA."""
    chain = der_of(site_pki().appliance_identity("node1"))

    site_pki().server_verifier(name, roots="appliance")(chain)
    site_pki().server_verifier(name, roots="both")(chain)


@pytest.mark.parametrize("name", [FQDN, "node2", NODE_2], ids=str)
def test_appliance_is_nobody_else(name: Any) -> None:
    """It does not stand for another node, nor for the site."""
    _refused(
        site_pki().server_verifier(name, roots="both"), site_pki().appliance_identity("node1"), 46
    )


def test_roots_are_apart() -> None:
    """What one authority issued does not hold under another one."""
    pki = site_pki()

    _refused(pki.server_verifier("node1", roots="public"), pki.appliance_identity("node1"), 48)
    _refused(pki.server_verifier(FQDN, roots="appliance"), node(), 48)
    _refused(pki.user_verifier(), node(), 48)
    _refused(pki.server_verifier(FQDN, roots="both"), device(), 48)


def test_public_identity() -> None:
    """A balancer's certificate bears the names it was asked for, the first one as CN."""
    identity = site_pki().public_identity("vip.example.com", IPv4Address("10.20.0.10"))
    certificate = x509.load_pem_x509_certificate(identity.chain_pem[0].encode())

    site_pki().server_verifier("vip.example.com", roots="public")(der_of(identity))
    site_pki().server_verifier(IPv4Address("10.20.0.10"), roots="public")(der_of(identity))
    assert "CN=vip.example.com" in certificate.subject.rfc4514_string()
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


@pytest.mark.parametrize("issue", ["public", "appliance", "device"])
@pytest.mark.parametrize(
    ("changes", "alert"),
    [
        pytest.param({"ca": "other"}, 48, id="other authority"),
        pytest.param({"ends": timedelta(minutes=-1)}, 45, id="expired"),
        pytest.param({"starts": timedelta(hours=1)}, 45, id="not yet valid"),
    ],
)
def test_variants_are_refused(issue: str, changes: dict[str, Any], alert: int) -> None:
    """A certificate of the double, too old, or too young is refused for just that."""
    now = site_pki()._now
    arguments: dict[str, Any] = {}
    if "ca" in changes:
        arguments["ca"] = changes["ca"]
    if "ends" in changes:
        arguments["not_after"] = now + changes["ends"]
    if "starts" in changes:
        arguments["not_before"] = now + changes["starts"]
    identity, verify = _issue(issue, arguments)

    _refused(verify, identity, alert)


def test_the_double_has_the_same_name() -> None:
    """The untrusted double differs in its key alone, so a judge that compares names is found out."""
    good, bad = (
        x509.load_pem_x509_certificate(
            site_pki().device_identity("a@example.com", ca=ca).chain_pem[0].encode()
        )
        for ca in ("trusted", "other")
    )

    assert good.issuer == bad.issuer
    assert good.subject == bad.subject


def test_device_has_a_new_key_each_time() -> None:
    """Two enrolments of one user show two certificates."""
    first, second = (site_pki().device_identity("a@example.com") for _ in range(2))

    assert first.key_pem != second.key_pem
    assert first.chain_pem != second.chain_pem


def test_user_of() -> None:
    """The UPN is the user; without it, the email address is."""
    pki = site_pki()
    both = pki.device_identity("alice", upn="alice@corp.example", email="alice@mail.example")
    email = pki.device_identity("alice", upn=None, email="alice@mail.example")

    assert pki.user_of(der_of(both)) == "alice@corp.example"
    assert pki.user_of(der_of(email)) == "alice@mail.example"


def test_unknown_node() -> None:
    """A node that is not of the site is refused with those that are."""
    with pytest.raises(
        ValueError, match="node 'node9' is not of this site; expected one of node1, node2"
    ):
        site_pki().appliance_identity("node9")


def test_no_names() -> None:
    """A server certificate for nobody is refused."""
    with pytest.raises(ValueError, match="at least one name"):
        site_pki().public_identity()


def _issue(issue: str, arguments: dict[str, Any]) -> tuple[Identity, Any]:
    pki = site_pki()
    match issue:
        case "public":
            return pki.public_identity(FQDN, **arguments), pki.server_verifier(FQDN, roots="public")
        case "appliance":
            return pki.appliance_identity("node1", **arguments), pki.server_verifier(
                "node1", roots="appliance"
            )
    return pki.device_identity("alice@example.com", **arguments), pki.user_verifier()


def _refused(verify: Any, identity: Identity, alert: int) -> None:
    with pytest.raises(VerificationError) as refused:
        verify(der_of(identity))
    assert refused.value.alert == alert


def test_verifiers_are_made_once() -> None:
    """The same question has the same judge; another name or other roots have another one."""
    pki = site_pki()
    judge = pki.server_verifier(FQDN, roots="public")

    assert pki.server_verifier(FQDN, roots="public") is judge
    assert pki.server_verifier(FQDN, roots="both") is not judge
    assert pki.server_verifier("other.example.com", roots="public") is not judge
    assert pki.user_verifier() is pki.user_verifier()


def test_a_judge_remembers_no_refusal() -> None:
    """What was refused is refused again, also after something good, and by everybody."""
    pki = site_pki()
    good = der_of(pki.device_identity("bob@example.com"))
    bad = der_of(pki.device_identity("bob@example.com", ca="other"))
    for _ in range(2):
        pki.user_verifier()(good)
        with pytest.raises(VerificationError):
            pki.user_verifier()(bad)
    with pytest.raises(VerificationError):
        pki.user_verifier()((good[0][:-1] + bytes((good[0][-1] ^ 1,)),))


def test_the_clock_of_whoever_judges_counts_to_the_second() -> None:
    """A certificate of 90 seconds holds until then, by the clock that is asked."""
    pki, second_ns = site_pki(), 1_000_000_000
    alice = pki.device_identity("alice@example.com", lifetime_ns=90 * second_ns)
    end_ns = (NOW_NS // second_ns + 90) * second_ns

    pki.user_verifier()(der_of(alice))
    pki.user_verifier(clock=lambda: end_ns)(der_of(alice))
    _refused(pki.user_verifier(clock=lambda: end_ns + second_ns), alice, 45)
