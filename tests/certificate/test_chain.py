"""The chain: order, gaps, strangers, dates."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.certificate.chain import Chain, Link, build_chain
from harness.certificate.rule import Rule
from tests.certificate.material import AT, FQDN, load, make

ROOT = load(make().root)


def links(*pems: str) -> tuple[Link, ...]:
    """As the lines of a file."""
    return tuple(Link(certificate=load(pem), place=f"c:{n}") for n, pem in enumerate(pems, start=1))


def judge(*pems: str, with_root: bool = True) -> list[Rule]:
    """The rules that a chain breaks."""
    built = build_chain(links(*pems), at=AT, roots=(ROOT,) if with_root else ())
    return [flaw.rule for flaw in built.flaws]


def lone() -> str:
    """A certificate signed by itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, FQDN)])
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=name)
    builder = builder.public_key(key.public_key()).serial_number(5)
    builder = builder.not_valid_before(AT - timedelta(days=1)).not_valid_after(
        AT + timedelta(days=99)
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


GOOD = make()


@pytest.mark.parametrize(
    "pems",
    [
        pytest.param((GOOD.leaf, GOOD.low, GOOD.high), id="root left out"),
        pytest.param((GOOD.leaf, GOOD.low, GOOD.high, GOOD.root), id="root included"),
    ],
)
@pytest.mark.parametrize("with_root", [True, False], ids=["root known", "root not known"])
def test_a_whole_chain(pems: tuple[str, ...], with_root: bool) -> None:
    """With the root or without it."""
    assert judge(*pems, with_root=with_root) == []


@pytest.mark.parametrize(
    ("pems", "rule"),
    [
        pytest.param((GOOD.low, GOOD.leaf, GOOD.high), Rule.WRONG_ORDER, id="leaf second"),
        pytest.param((GOOD.leaf, GOOD.high, GOOD.low), Rule.WRONG_ORDER, id="turned round"),
        pytest.param((GOOD.root, GOOD.high, GOOD.low, GOOD.leaf), Rule.WRONG_ORDER, id="reversed"),
        pytest.param((GOOD.leaf,), Rule.MISSING_INTERMEDIATE, id="leaf alone"),
        pytest.param((GOOD.leaf, GOOD.high), Rule.MISSING_INTERMEDIATE, id="first missing"),
        pytest.param((GOOD.leaf, GOOD.root), Rule.MISSING_INTERMEDIATE, id="leaf and root"),
        pytest.param((GOOD.leaf, GOOD.low, GOOD.root), Rule.MISSING_INTERMEDIATE, id="second missing"),
        pytest.param((GOOD.leaf, GOOD.low), Rule.MISSING_INTERMEDIATE, id="last missing"),
        pytest.param((GOOD.leaf, GOOD.leaf, GOOD.low, GOOD.high), Rule.DUPLICATE, id="leaf twice"),
        pytest.param((GOOD.leaf, GOOD.low, GOOD.high, GOOD.low), Rule.DUPLICATE, id="intermediate twice"),
        pytest.param((GOOD.low, GOOD.high, GOOD.root), Rule.NO_LEAF, id="no leaf"),
        pytest.param(
            (GOOD.leaf, GOOD.low, GOOD.high, make("other.example.com").leaf), Rule.STRANGER, id="two leaves"
        ),
    ],
)  # fmt: skip
def test_each_fault_has_its_rule(pems: tuple[str, ...], rule: Rule) -> None:
    """One rule, and no other that only follows from it."""
    assert judge(*pems) == [rule]


def test_without_roots_a_chain_may_end_at_any_authority() -> None:
    """Nobody can say that one more is missing; a leaf alone is too little all the same."""
    assert judge(GOOD.leaf, GOOD.low, with_root=False) == []
    assert judge(GOOD.leaf, with_root=False) == [Rule.MISSING_INTERMEDIATE]


def test_the_missing_issuer_is_named() -> None:
    """So that the user knows what to look for."""
    (flaw,) = build_chain(links(GOOD.leaf, GOOD.root), at=AT).flaws

    assert '"Low", who issued it' in flaw.expected


def test_the_wrong_order_is_shown_beside_the_right_one() -> None:
    """By name, leaf first."""
    (flaw,) = build_chain(links(GOOD.leaf, GOOD.high, GOOD.low), at=AT).flaws

    assert (flaw.place, flaw.found, flaw.expected) == (
        "c:2",
        f"{FQDN}, High, Low",
        f"{FQDN}, Low, High",
    )


def test_an_authority_of_the_same_name_did_not_sign() -> None:
    """Names agree, keys do not."""
    same = trustme.CA(organization_name="trustme v0", organization_unit_name="Twin")
    twin = trustme.CA(organization_name="trustme v0", organization_unit_name="Twin")
    leaf = same.issue_cert(FQDN).cert_chain_pems[0].bytes().decode()
    assert judge(leaf, twin.cert_pem.bytes().decode(), with_root=False)[0] is Rule.BAD_SIGNATURE


def test_a_server_is_no_authority() -> None:
    """A certificate issued with a server's key holds for nobody."""
    issuer, key = load(GOOD.leaf), load_pem_private_key(GOOD.key.encode(), None)
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = x509.CertificateBuilder(
        issuer_name=issuer.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sub")]),
        not_valid_before=AT - timedelta(days=1),
        not_valid_after=AT + timedelta(days=60),
        serial_number=7,
    ).public_key(own.public_key())
    assert isinstance(key, rsa.RSAPrivateKey)
    sub = builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()

    assert judge(sub, GOOD.leaf, GOOD.low, GOOD.high) == [Rule.NOT_AN_AUTHORITY]


@pytest.mark.parametrize(
    ("starts", "ends", "rule"),
    [
        (-90, -1, Rule.EXPIRED),
        (1, 90, Rule.NOT_YET_VALID),
        (-60, 29, Rule.EXPIRES_SOON),
    ],
)
def test_dates(starts: int, ends: int, rule: Rule) -> None:
    """Over, not begun, over soon."""
    leaf = make(starts=timedelta(days=starts), ends=timedelta(days=ends)).leaf

    assert judge(leaf, GOOD.low, GOOD.high) == [rule]


def test_a_certificate_signed_by_itself_is_for_tests() -> None:
    """B01: imported, with a warning."""
    assert judge(lone()) == [Rule.SELF_SIGNED]


def test_a_root_that_nobody_knows() -> None:
    """A warning: the page cannot know whom devices trust."""
    other = trustme.CA(organization_unit_name="Elsewhere")
    leaf = other.issue_cert(FQDN).cert_chain_pems[0].bytes().decode()

    assert judge(leaf, other.cert_pem.bytes().decode()) == [Rule.UNKNOWN_ROOT]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.integers(1, 4))
def test_only_the_right_order_passes(order: list[int], count: int) -> None:
    """Of all ways to choose and order leaf, intermediates and root exactly two are whole."""
    pems = [(GOOD.leaf, GOOD.low, GOOD.high, GOOD.root)[index] for index in order[:count]]
    found = judge(*pems)

    assert (found == []) == (order[:count] in ([0, 1, 2], [0, 1, 2, 3]))


def test_a_pfx_has_no_order() -> None:
    """Any order gives the same chain."""
    chains = {
        tuple(link.certificate.serial_number for link in _unordered(one).links)
        for one in permutations((GOOD.leaf, GOOD.low, GOOD.high))
    }

    assert len(chains) == 1
    assert _unordered((GOOD.high, GOOD.leaf, GOOD.low)).flaws == ()


def _unordered(pems: tuple[str, ...]) -> Chain:
    return build_chain(links(*pems), at=AT, roots=(ROOT,), is_ordered=False)
