"""The upload: PEM and PFX, each fault with its own rule, and a refusal for each that the page refuses."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.certificate.rule import WARNINGS, Rule
from harness.certificate.upload import File, Upload, read_pem, read_pfx
from tests.certificate.material import (
    AT,
    FQDN,
    encode,
    load,
    make,
    pfx,
    rewrite_key,
    root_der,
    rules,
    upload,
    whole,
)

GOOD = make()


def test_a_whole_chain_with_its_key_is_accepted() -> None:
    """Leaf, intermediates, and the key as it was."""
    found = upload(whole(), roots=(root_der(),))

    assert found.flaws == ()
    assert found.certificate is not None
    assert found.certificate.chain_pem == (GOOD.leaf, GOOD.low, GOOD.high)
    assert found.certificate.key_pem == GOOD.key
    assert found.certificate.common_name == FQDN


FAULTS: dict[str, tuple[Callable[[], tuple[str, str | None]], Rule, str]] = {
    "wrong order": (
        lambda: (GOOD.leaf + GOOD.high + GOOD.low, GOOD.key),
        Rule.WRONG_ORDER,
        f"chain.pem:20: wrong-order: got {FQDN}, High, Low; expected {FQDN}, Low, High",
    ),
    "missing intermediate": (
        lambda: (GOOD.leaf + GOOD.high, GOOD.key),
        Rule.MISSING_INTERMEDIATE,
        f'chain.pem:1: missing-intermediate: got {FQDN} without its issuer; expected "Low", who issued it',
    ),
    "leaf alone": (
        lambda: (GOOD.leaf, GOOD.key),
        Rule.MISSING_INTERMEDIATE,
        f'chain.pem:1: missing-intermediate: got {FQDN} without its issuer; expected "Low"',
    ),
    "missing BEGIN tag": (
        lambda: (whole().replace("-----BEGIN CERTIFICATE-----\n", "", 1), GOOD.key),
        Rule.BEGIN_MISSING,
        "begin-missing: got -----END CERTIFICATE-----; expected -----BEGIN CERTIFICATE----- before it",
    ),
    "missing END tag": (
        lambda: (whole().replace("-----END CERTIFICATE-----\n", "", 1), GOOD.key),
        Rule.END_MISSING,
        "chain.pem:1: end-missing: got -----BEGIN CERTIFICATE----- that does not end",
    ),
    "four hyphens": (
        lambda: (whole().replace("-----BEGIN", "----BEGIN", 1), GOOD.key),
        Rule.BAD_TAG,
        'chain.pem:1: bad-tag: got "----BEGIN CERTIFICATE-----"; expected -----BEGIN CERTIFICATE-----',
    ),
    "no certificate": (
        lambda: ("", GOOD.key),
        Rule.NO_CERTIFICATE,
        "chain.pem: no-certificate: got no certificate; expected -----BEGIN CERTIFICATE-----",
    ),
    "request in place of the certificate": (
        lambda: (GOOD.leaf.replace("CERTIFICATE", "CERTIFICATE REQUEST"), GOOD.key),
        Rule.WRONG_CONTENT,
        "this is the request: send it to the authority",
    ),
    "PKCS#7": (
        lambda: (GOOD.leaf.replace("CERTIFICATE", "PKCS7"), GOOD.key),
        Rule.WRONG_CONTENT,
        "openssl pkcs7 -print_certs",
    ),
    "damaged certificate": (
        lambda: (GOOD.leaf.replace("\nMII", "\nMIJ") + GOOD.low + GOOD.high, GOOD.key),
        Rule.BAD_CERTIFICATE,
        "chain.pem:1: bad-certificate: got",
    ),
    "key in the chain": (
        lambda: (whole() + GOOD.key, GOOD.key),
        Rule.KEY_IN_CHAIN,
        "the private key in a file of its own",
    ),
    "no key": (
        lambda: (whole(), None),
        Rule.NO_KEY,
        "chain.pem: no-key: got no key; expected the private key in a file of its own",
    ),
    "key of another certificate": (
        lambda: (whole(), make("other.example.com").key),
        Rule.FOREIGN_KEY,
        f"server.key: foreign-key: got the key of another certificate; expected the key of {FQDN} (chain.pem:1)",
    ),
    "PKCS#8 key": (
        lambda: (whole(), rewrite_key(PrivateFormat.PKCS8)),
        Rule.PKCS8_KEY,
        "server.key:1: pkcs8-key: got -----BEGIN PRIVATE KEY-----; expected -----BEGIN RSA PRIVATE KEY-----",
    ),
    "encrypted key": (
        lambda: (whole(), rewrite_key(PrivateFormat.TraditionalOpenSSL, b"secret")),
        Rule.ENCRYPTED_KEY,
        "server.key:1: encrypted-key: got Proc-Type: 4,ENCRYPTED; expected",
    ),
    "EC key": (
        lambda: (whole(), make(key="ECDSA").key),
        Rule.NOT_RSA,
        "server.key:1: not-rsa: got -----BEGIN EC PRIVATE KEY-----",
    ),
    "certificate twice": (
        lambda: (GOOD.leaf + whole(), GOOD.key),
        Rule.DUPLICATE,
        f"duplicate: got {FQDN}; expected each certificate once: it stands in chain.pem:1 already",
    ),
    "certificate of somebody else": (
        lambda: (whole() + make("other.example.com").leaf, GOOD.key),
        Rule.STRANGER,
        f"stranger: got other.example.com; expected the chain of {FQDN} alone",
    ),
    "no leaf": (
        lambda: (GOOD.low + GOOD.high, GOOD.key),
        Rule.NO_LEAF,
        "chain.pem:1: no-leaf: got Low, High; expected the server's own certificate first",
    ),
}
"""Row B04: what people do to the two files, the rule for it, and what they read."""


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_refused_with_its_message(fault: str) -> None:
    """One refusal for one fault: nothing that only follows from it."""
    make_files, rule, message = FAULTS[fault]
    found = upload(*make_files())
    refusals = [flaw for flaw in found.flaws if flaw.is_refused]

    assert found.certificate is None
    assert [flaw.rule for flaw in refusals] == [rule]
    assert message in str(refusals[0])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(lambda: (whole() + GOOD.root, GOOD.key), [], id="root included"),
        pytest.param(lambda: (whole().replace("\n", "\r\n"), GOOD.key), [], id="CR LF"),
        pytest.param(lambda: (whole(), GOOD.key.replace("\n", "\r\n")), [], id="CR LF in the key"),
        pytest.param(
            lambda: (whole() + "\nissued by us\n", GOOD.key), [Rule.TEXT_OUTSIDE], id="text after"
        ),
    ],
)
def test_what_looks_odd_and_is_fine(
    files: Callable[[], tuple[str, str]], expected: list[Rule]
) -> None:
    """Accepted; at most a warning."""
    found = upload(*files())

    assert rules(found) == expected
    assert found.certificate is not None


def test_several_faults_are_told_at_once() -> None:
    """Chain and key."""
    found = upload(GOOD.leaf + GOOD.high + GOOD.low, rewrite_key(PrivateFormat.PKCS8))

    assert rules(found) == [Rule.WRONG_ORDER, Rule.PKCS8_KEY]


@pytest.mark.parametrize(
    ("data", "password", "expected"),
    [
        pytest.param(lambda: pfx(GOOD.low, GOOD.high), "secret", [], id="right"),
        pytest.param(lambda: pfx(GOOD.high, GOOD.low), "secret", [], id="any order"),
        pytest.param(lambda: pfx(GOOD.low, GOOD.high, password=None), None, [], id="none needed"),
        pytest.param(lambda: pfx(GOOD.low, GOOD.high), "Secret", [Rule.WRONG_PASSWORD], id="wrong"),
        pytest.param(lambda: pfx(GOOD.low, GOOD.high), "", [Rule.WRONG_PASSWORD], id="empty"),
        pytest.param(lambda: pfx(GOOD.low, GOOD.high), None, [Rule.NO_PASSWORD], id="missing"),
        pytest.param(lambda: pfx(GOOD.low), "secret", [Rule.MISSING_INTERMEDIATE], id="gap"),
        pytest.param(lambda: pfx(GOOD.low, GOOD.high, key=None), "secret", [Rule.NO_KEY], id="no key"),
        pytest.param(lambda: pfx(key=GOOD.key, leaf=None), "secret", [Rule.NO_CERTIFICATE], id="key alone"),
        pytest.param(lambda: b"no PFX", "secret", [Rule.NOT_PFX], id="something else"),
        pytest.param(lambda: encode(whole()), "secret", [Rule.NOT_PFX], id="PEM"),
        pytest.param(lambda: b"", None, [Rule.NOT_PFX], id="empty file"),
    ],
)  # fmt: skip
def test_pfx(data: Callable[[], bytes], password: str | None, expected: list[Rule]) -> None:
    """Row B05: right, wrong and missing password, and what else is wrong with the file."""
    file = File(name="server.pfx", data=data())
    found = read_pfx(file, password=password, at=AT, roots=(root_der(),))

    assert rules(found) == expected
    assert (found.certificate is not None) == (expected == [])


def test_pem_and_pfx_give_the_same() -> None:
    """Whatever the form, the same chain in the same order, and the same key."""
    file = File(name="server.pfx", data=pfx(GOOD.high, GOOD.low))

    assert read_pfx(file, password="secret", at=AT).certificate == upload(whole()).certificate


def test_a_pfx_may_hold_an_ec_key() -> None:
    """PKCS#1 is a rule for PEM."""
    other = make(key="ECDSA")
    file = File(name="x.pfx", data=pfx(GOOD.low, GOOD.high, key=other.key, leaf=other.leaf))
    found = read_pfx(file, password="secret", at=AT)

    assert found.certificate is not None
    assert "PRIVATE KEY" in found.certificate.key_pem


@settings(max_examples=80, deadline=None)
@given(st.permutations(range(4)), st.integers(1, 4), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_only_whole_chains_with_their_own_key_are_accepted(
    order: list[int], count: int, is_own_key: bool, end: str
) -> None:
    """Drawn chains: exactly the right order, with or without the root, and the right key."""
    pems = (GOOD.leaf, GOOD.low, GOOD.high, GOOD.root)
    text = "".join(pems[index] for index in order[:count]).replace("\n", end)
    found = upload(
        text, GOOD.key if is_own_key else make("other.example.com").key, roots=(root_der(),)
    )

    is_right = is_own_key and order[:count] in ([0, 1, 2], [0, 1, 2, 3])
    assert (found.certificate is not None) == is_right
    assert bool([flaw for flaw in found.flaws if flaw.is_refused]) == (not is_right)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 5000), st.booleans())
def test_nothing_raises(junk: bytes, offset: int, is_key: bool) -> None:
    """Bytes put anywhere into the files end in flaws, or change nothing."""
    chain, key = encode(whole()), encode(GOOD.key)
    damaged = key if is_key else chain
    damaged = damaged[: offset % len(damaged)] + junk + damaged[offset % len(damaged) :]
    files = (chain, damaged) if is_key else (damaged, key)
    found = read_pem(
        File(name="c", data=files[0]), File(name="k", data=files[1]), at=AT, roots=(root_der(),)
    )

    assert isinstance(found, Upload)
    assert (found.certificate is None) == any(f.rule not in WARNINGS for f in found.flaws)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_certificates_end_in_flaws(data: st.DataObject) -> None:
    """Bytes of the DER changed anywhere: a flaw of the chain, whatever the key, and never an exception."""
    pems = [GOOD.leaf, GOOD.low, GOOD.high]
    number = data.draw(st.integers(0, 2))
    der = bytearray(load(pems[number]).public_bytes(Encoding.DER))
    offsets = st.integers(0, len(der) - 1)
    changes = st.dictionaries(offsets, st.integers(1, 255), min_size=1, max_size=3)
    for offset, bits in data.draw(changes).items():
        der[offset] ^= bits
    body = base64.encodebytes(bytes(der)).decode()
    pems[number] = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    found = upload("".join(pems), None, roots=(root_der(),))

    assert {flaw.rule for flaw in found.flaws if flaw.is_refused} - {Rule.NO_KEY}
    assert found.certificate is None


def test_fingerprints_are_those_of_the_certificates() -> None:
    """What a site file and a capture show."""
    from cryptography.hazmat.primitives.hashes import SHA256

    found = upload(whole()).certificate

    assert found is not None
    assert found.sha256 == tuple(
        load(pem).fingerprint(SHA256()).hex() for pem in (GOOD.leaf, GOOD.low, GOOD.high)
    )
