"""The chain: which of the given certificates is the server's, who issued whom, and every rule that is broken (row B04).

The right chain is found first, by issuer and signature, from the leaf up; the order of the file is compared with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.certificate.rule import Flaw, Rule

_SOON = timedelta(days=30)
_RSA_BITS = 2048
"""What Android and browsers demand of an RSA key (CA/Browser Forum baseline requirements 6.1.5)."""
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_READERS: tuple[Callable[[x509.Certificate], object], ...] = (
    lambda certificate: certificate.public_key(),
    lambda certificate: certificate.subject,
    lambda certificate: certificate.issuer,
    lambda certificate: certificate.not_valid_before_utc,
    lambda certificate: certificate.not_valid_after_utc,
    lambda certificate: certificate.extensions,
)
"""What cryptography reads only when it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One certificate of the file."""

    certificate: x509.Certificate
    place: str
    """`chain.pem:31`."""

    @property
    def name(self) -> str:
        """Its common name, or else its whole subject."""
        return show_name(self.certificate.subject)

    @property
    def issuer(self) -> str:
        """Its issuer's common name, or else the whole of it."""
        return show_name(self.certificate.issuer)

    @property
    def is_authority(self) -> bool:
        """Basic constraints say that it may issue certificates."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        except x509.ExtensionNotFound:
            return False
        return found.value.ca

    @property
    def is_root(self) -> bool:
        """It is its own issuer."""
        return self.certificate.issuer == self.certificate.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What was made out of the certificates of a file."""

    links: tuple[Link, ...]
    """Leaf first, as far as it goes; () where there is no leaf."""
    flaws: tuple[Flaw, ...]


def read_link(der: bytes, place: str) -> tuple[Link | None, Flaw | None]:
    """Read one certificate with all that is asked of it later; never raises."""
    with warnings.catch_warnings():
        # cryptography warns of what is odd and readable; here it is judged.
        warnings.simplefilter("ignore")
        try:
            certificate = x509.load_der_x509_certificate(der)
            for read in _READERS:
                read(certificate)
        except _UNREADABLE as error:
            found = str(error).splitlines()[0] if str(error) else type(error).__name__
            expected = "a certificate that can be read: was the file cut or edited?"
            rule = Rule.BAD_CERTIFICATE
            return None, Flaw(rule=rule, place=place, found=found, expected=expected)
    return Link(certificate=certificate, place=place), None


def show_name(name: x509.Name) -> str:
    """The common name, or else the organizational unit, or else all of it (RFC 4514)."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME):
        values = name.get_attributes_for_oid(kind)
        if values:
            return str(values[0].value)
    return name.rfc4514_string() or "nobody"


def build_chain(
    given: tuple[Link, ...],
    *,
    at: datetime,
    roots: tuple[x509.Certificate, ...] = (),
    is_ordered: bool = True,
) -> Chain:
    """Put certificates into order and judge them; never raises.

    Args:
        given: in the order of the file, at least one.
        at: the time of the import.
        roots: whom devices trust; () where nobody says: then the last issuer is taken for a root.
        is_ordered: False: the file has no order (PFX).
    """
    flaws: list[Flaw] = []
    distinct: dict[bytes, Link] = {}
    for link in given:
        der = link.certificate.fingerprint(SHA256())
        if der in distinct:
            expected = f"each certificate once: it stands in {distinct[der].place} already"
            flaws.append(_flaw(Rule.DUPLICATE, link, link.name, expected))
        distinct.setdefault(der, link)
    links = tuple(distinct.values())
    leaf = _find_leaf(links)
    if leaf is None:
        expected = "the server's own certificate first: these are authorities alone"
        flaws.append(_flaw(Rule.NO_LEAF, links[0], _list(links), expected))
        return Chain(links=(), flaws=tuple(flaws))
    path, gap = _climb(leaf, links, roots)
    flaws += gap
    flaws += _compare(links, path, has_gap=bool(gap), is_ordered=is_ordered)
    for number, link in enumerate(path):
        flaws += _judge_link(link, at=at, is_leaf=number == 0)
    flaws += _judge_root(path, roots)
    return Chain(links=path, flaws=tuple(flaws))


def _find_leaf(links: tuple[Link, ...]) -> Link | None:
    """The first that is no authority; a lone self-signed certificate is one, whatever it says of itself."""
    if len(links) == 1 and links[0].is_root:
        return links[0]
    return next((link for link in links if not link.is_authority), None)


def _climb(
    leaf: Link, links: tuple[Link, ...], roots: tuple[x509.Certificate, ...]
) -> tuple[tuple[Link, ...], list[Flaw]]:
    """From the leaf to a root, or to where the way ends, and why that is too early."""
    path = [leaf]
    while not path[-1].is_root:
        last = path[-1]
        named = [
            link
            for link in links
            if link not in path and link.certificate.subject == last.certificate.issuer
        ]
        issuer = next((link for link in named if _is_issued(last.certificate, link)), None)
        if issuer is not None:
            path.append(issuer)
        elif named:
            expected = f"a certificate signed by it: {named[0].place} has that name and another key"
            return tuple(path), [_flaw(Rule.BAD_SIGNATURE, last, last.name, expected)]
        elif _ends_at_root(last, roots) or (not roots and _may_end(path, links)):
            return tuple(path), []
        else:
            expected = f'"{last.issuer}", who issued it, right after it: append that certificate'
            found = f"{last.name} without its issuer"
            return tuple(path), [_flaw(Rule.MISSING_INTERMEDIATE, last, found, expected)]
    return tuple(path), []


def _is_issued(certificate: x509.Certificate, issuer: Link) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer.certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_end(path: list[Link], links: tuple[Link, ...]) -> bool:
    """Whether the last one may be a root's, when nobody says whom devices trust: no authority is left over."""
    return len(path) > 1 and not any(link.is_authority for link in links if link not in path)


def _ends_at_root(last: Link, roots: tuple[x509.Certificate, ...]) -> bool:
    """Whether a trusted root, which may be left out, issued the last one."""
    return any(
        root.subject == last.certificate.issuer
        and _is_issued(last.certificate, Link(certificate=root, place=""))
        for root in roots
    )


def _compare(
    links: tuple[Link, ...], path: tuple[Link, ...], *, has_gap: bool, is_ordered: bool
) -> Iterator[Flaw]:
    """The order of the file against the right one, and what does not belong to it."""
    shown = tuple(link for link in links if link in path)
    if is_ordered and shown != path:
        wrong = next(a for a, b in zip(shown, path, strict=True) if a != b)
        yield _flaw(Rule.WRONG_ORDER, wrong, _list(shown), _list(path))
    for link in links:
        # Behind a gap an authority may well be in its place.
        if link not in path and not (has_gap and link.is_authority):
            expected = f"the chain of {path[0].name} alone: remove this one"
            yield _flaw(Rule.STRANGER, link, link.name, expected)


def _judge_link(link: Link, *, at: datetime, is_leaf: bool) -> Iterator[Flaw]:
    certificate = link.certificate
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at > end:
        expected = f"a certificate that is valid; it is {at:%Y-%m-%d %H:%M} UTC: renew it"
        yield _flaw(Rule.EXPIRED, link, f"{link.name}, valid until {end:%Y-%m-%d %H:%M}", expected)
    elif at < start:
        expected = (
            f"a certificate that is valid; it is {at:%Y-%m-%d %H:%M} UTC: wait, or set the clock"
        )
        found = f"{link.name}, valid from {start:%Y-%m-%d %H:%M}"
        yield _flaw(Rule.NOT_YET_VALID, link, found, expected)
    elif at + _SOON > end:
        expected = "more than 30 days: from then on devices refuse every connection"
        found = f"{link.name}, valid until {end:%Y-%m-%d %H:%M}"
        yield _flaw(Rule.EXPIRES_SOON, link, found, expected)
    if not is_leaf and not link.is_authority:
        expected = "an authority (basic constraints CA:TRUE): devices refuse what it issued"
        yield _flaw(Rule.NOT_AN_AUTHORITY, link, link.name, expected)
    yield from _judge_strength(link)
    if is_leaf:
        yield from _judge_purpose(link)


def _judge_strength(link: Link) -> Iterator[Flaw]:
    key = link.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
        expected = f"at least {_RSA_BITS} bits: devices refuse shorter ones"
        yield _flaw(Rule.WEAK, link, f"{link.name} with {key.key_size} bits of RSA", expected)
    try:
        algorithm = link.certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return
    if isinstance(algorithm, MD5 | SHA1) and not link.is_root:
        expected = "SHA-256 or better: devices refuse this signature"
        yield _flaw(Rule.WEAK, link, f"{link.name}, signed with {algorithm.name}", expected)


def _judge_purpose(link: Link) -> Iterator[Flaw]:
    try:
        usage = link.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        expected = "serverAuth in its extended key usage: devices refuse it"
        yield _flaw(Rule.NOT_FOR_SERVERS, link, link.name, expected)


def _judge_root(path: tuple[Link, ...], roots: tuple[x509.Certificate, ...]) -> Iterator[Flaw]:
    last = path[-1]
    if len(path) == 1 and last.is_root:
        expected = "an authority's signature: only devices that were told to trust it will do so"
        yield _flaw(Rule.SELF_SIGNED, last, f"{last.name}, signed by itself", expected)
    elif roots and last.is_root and last.certificate not in roots:
        expected = "a root that devices trust: they refuse this one"
        yield _flaw(Rule.UNKNOWN_ROOT, last, last.name, expected)


def _list(links: tuple[Link, ...]) -> str:
    return ", ".join(link.name for link in links)


def _flaw(rule: Rule, link: Link, found: str, expected: str) -> Flaw:
    return Flaw(rule=rule, place=link.place, found=found, expected=expected)
