"""The certification authorities of one run, the identities they issue, and the verifiers that trust them.

Three authorities: a public one for what devices see, an appliance one ("self-signed") for 443 and
5263 behind a terminating balancer, and the user CA that issues device certificates. Each has a
double with the same name and another key, whose certificates look right and must be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Literal

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.net.address import Address
from harness.world.pki import verification
from harness.world.pki.authority import Authority, Ca
from harness.world.pki.issuing import load_signer, sign_request
from harness.world.pki.revocation import RevocationAuthority, RevocationJudge
from harness.world.pki.subject import encode_upn, user_of
from harness.world.tls.identity import Identity, Verify

Roots = Literal["public", "appliance", "both"]
Clock = Callable[[], int]

_MINUTE_NS = 60_000_000_000
_LIFETIME = timedelta(days=30)
_BACKDATE = timedelta(hours=1)
"""Certificates start a little before the run: the clocks of hosts may differ by less."""


class Pki:
    """Everything about certificates in one run; all keys are P-256 and made for this run alone."""

    def __init__(
        self,
        *,
        fqdn: str,
        nodes: Mapping[str, Address],
        now_ns: int,
        clock: Clock | None = None,
    ) -> None:
        """Make the authorities.

        Args:
            fqdn: the name users reach the site by.
            nodes: the cert-proxy nodes and their addresses.
            now_ns: nanoseconds since the epoch; certificates are issued at this instant.
            clock: tells the time at which they are judged, to the minute; None: at `now_ns`.
        """
        self._fqdn = fqdn
        self._nodes = dict(nodes)
        self._now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        self._public = Authority("Public CA")
        self._appliance = Authority("Appliance CA")
        self._users = Authority("User CA")
        self._clock = clock or (lambda: now_ns)
        self._server_verifiers: dict[
            tuple[str, Roots], tuple[Callable[[datetime], Verify], Verify]
        ] = {}

    def public_identity(
        self,
        *names: str | Address,
        ca: Ca = "trusted",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Identity:
        """Issue a public certificate for these names and addresses (a balancer, the VIP, 5262); the first is its CN."""
        return self._server_identity(self._public.select(ca), names, not_before, not_after)

    def node_identity(self, node: str, *names: str) -> Identity:
        """Issue a node's public certificate where no balancer ends TLS: the FQDN, every node, and these names."""
        self._address_of(node)
        known = (self._fqdn, *self._nodes, *self._nodes.values())
        return self.public_identity(*known, *(name for name in names if name not in known))

    def appliance_identity(
        self,
        node: str,
        *names: str,
        ca: Ca = "trusted",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Identity:
        """Issue a node's "self-signed" certificate for its name and address, and these names; the first is its CN."""
        known = (*dict.fromkeys((*names, node)), self._address_of(node))
        return self._server_identity(self._appliance.select(ca), known, not_before, not_after)

    def sign_request(
        self,
        request_pem: str,
        *,
        signed_by: Literal["public", "stranger", "itself"],
        key_pem: str,
        not_before: datetime,
        not_after: datetime,
        has_root: bool = False,
        has_names: bool = True,
    ) -> tuple[str, ...]:
        """Answer a request for a server certificate with its chain in PEM, leaf first.

        Args:
            request_pem: PKCS#10.
            signed_by: `public`: by way of an intermediate authority; `stranger`: an authority that nobody trusts, in
                the chain; `itself`: `key_pem`, the key of the request.
            key_pem: the key of the request.
            not_before: start of its life.
            not_after: end of its life.
            has_root: whether the public root is in the chain, too.
            has_names: whether the alternative names of the request are taken over.
        """
        authority = {
            "public": self._public.intermediate,
            "stranger": self._public.other,
            "itself": None,
        }[signed_by]
        signer = key_pem if authority is None else authority.private_key_pem.bytes().decode()
        issuer = None if authority is None else authority.cert_pem.bytes()
        leaf = sign_request(
            request_pem,
            issuer=None if issuer is None else x509.load_pem_x509_certificate(issuer),
            signer=load_signer(signer),
            not_before=not_before,
            not_after=not_after,
            has_names=has_names,
        )
        above = [] if issuer is None else [issuer.decode("ascii")]
        if has_root and signed_by == "public":
            above.append(self.root_pem("public"))
        return (leaf, *above)

    def fingerprints(self, chain_pem: tuple[str, ...]) -> tuple[str, ...]:
        """SHA-256 of each certificate, lower-case hex."""
        return tuple(
            x509.load_pem_x509_certificate(pem.encode()).fingerprint(SHA256()).hex()
            for pem in chain_pem
        )

    def now(self) -> datetime:
        """The time at which certificates are judged, to the second."""
        return datetime.fromtimestamp(self._clock() // 1_000_000_000, UTC)

    def now_ns(self) -> int:
        """The same in nanoseconds since the epoch."""
        return self._clock()

    def device_identity(
        self,
        user: str,
        *,
        upn: str | None = "",
        email: str | None = "",
        ca: Ca = "trusted",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        lifetime_ns: int | None = None,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> Identity:
        """Issue a device certificate with a new key.

        Args:
            user: `alice@example.com`; the CN.
            upn: the userPrincipalName; "" for `user`, None for no such name.
            email: the email address; "" for `user`, None for no such name.
            ca: "other" signs with an authority of the same name that nobody trusts.
            not_before: start of its life.
            not_after: end of its life.
            lifetime_ns: the same, counted from now.
            purpose: its extended key usage.
        """
        names: list[x509.GeneralName] = []
        if upn is not None:
            names.append(encode_upn(upn or user))
        if email is not None:
            names.append(x509.RFC822Name(email or user))
        issuer, signer = self._users.signer(ca)
        key = ec.generate_private_key(ec.SECP256R1())
        if lifetime_ns is not None:
            not_after = self._now + timedelta(microseconds=lifetime_ns // 1000)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or self._now - _BACKDATE)
            .not_valid_after(not_after or self._now + _LIFETIME)
        )
        builder = _with_extensions(builder, key=key, issuer=issuer, names=names, purpose=purpose)
        certificate = builder.sign(signer, SHA256())
        return Identity(
            chain_pem=(certificate.public_bytes(Encoding.PEM).decode("ascii"),),
            key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(
                "ascii"
            ),
        )

    def wrong_identity(
        self, kind: Literal["expired", "other_ca", "server_only"], user: str
    ) -> Identity:
        """Issue a device certificate that must be refused, and would be right without this one thing."""
        match kind:
            case "expired":
                before = self._now - 2 * _BACKDATE
                return self.device_identity(user, not_before=before, not_after=before + _BACKDATE)
            case "other_ca":
                return self.device_identity(user, ca="other")
            case "server_only":
                return self.device_identity(user, purpose=ExtendedKeyUsageOID.SERVER_AUTH)

    @cached_property
    def revocation(self) -> RevocationAuthority:
        """What the user CA has revoked."""
        issuer, key = self._users.signer("trusted")
        return RevocationAuthority(
            issuer, key, now=lambda: datetime.fromtimestamp(self._clock() // 1_000_000_000, UTC)
        )

    def revoke(self, identity: Identity) -> None:
        """From now on a certificate of the user CA is revoked."""
        leaf = x509.load_pem_x509_certificate(identity.chain_pem[0].encode())
        self.revocation.revoke(leaf.serial_number)

    @cached_property
    def revocation_judge(self) -> RevocationJudge:
        """The judge of what the user CA says about revocation."""
        return RevocationJudge(self._users.root)

    def server_verifier(
        self, server_name: str | Address, *, roots: Roots, clock: Clock | None = None
    ) -> Verify:
        """Make the judge of a server's chain: chain, dates, host name or address, EKU serverAuth.

        Args:
            server_name: what it must be called.
            roots: whom the caller trusts.
            clock: the caller's, in nanoseconds since the epoch; None: that of the run.
        """
        key = str(server_name), roots
        if key not in self._server_verifiers:
            trusted = {
                "public": (self._public.root,),
                "appliance": (self._appliance.root,),
                "both": (self._public.root, self._appliance.root),
            }[roots]
            make = _remember(
                lambda at: verification.server_verifier(trusted, server_name=server_name, at=at)
            )
            self._server_verifiers[key] = make, self._judge(make, self._clock)
        make, judge = self._server_verifiers[key]
        return judge if clock is None else self._judge(make, clock)

    def user_verifier(self, *, clock: Clock | None = None) -> Verify:
        """Make the judge of a device's chain: chain to the user CA, dates, EKU clientAuth.

        Args:
            clock: of the machine that judges, in nanoseconds since the epoch; None: the one that is right.
        """
        if clock is not None:
            return self._judge(self._trust_users, clock)
        return self._user_verifier

    @cached_property
    def _user_verifier(self) -> Verify:
        return self._judge(self._trust_users, self._clock)

    @cached_property
    def _trust_users(self) -> Callable[[datetime], Verify]:
        return _remember(lambda at: verification.client_verifier((self._users.root,), at=at))

    def _judge(self, make: Callable[[datetime], Verify], clock: Clock) -> Verify:
        """Judge at the time of asking.

        Which chains hold is remembered for as long as the minute lasts; the life of the leaf counts to the second.
        """

        def verify(chain: tuple[bytes, ...]) -> None:
            now_ns = clock()
            minutes = now_ns // _MINUTE_NS
            started = self._now.replace(second=0, microsecond=0)
            at = datetime.fromtimestamp(minutes * 60, UTC)
            make(self._now if at == started else at)(chain)
            verification.check_life(chain[0], now_ns)

        return verify

    def user_of(self, chain: tuple[bytes, ...], *, is_email_first: bool = False) -> str:
        """Name the user of a device's chain: its UPN, else its email address; or the other way round.

        Raises:
            VerificationError: neither is there.
        """
        return user_of(chain, is_email_first=is_email_first)

    @property
    def users(self) -> Authority:
        """Who issues the certificates of users."""
        return self._users

    @property
    def public(self) -> Authority:
        """Who issues what devices see."""
        return self._public

    def root_pem(self, authority: Literal["public", "appliance", "user"]) -> str:
        """Give a trusted root's certificate, for a peer that is not ours."""
        chosen = {"public": self._public, "appliance": self._appliance, "user": self._users}[
            authority
        ]
        return chosen.trusted.cert_pem.bytes().decode("ascii")

    def _address_of(self, node: str) -> Address:
        if node not in self._nodes:
            raise ValueError(
                f"node {node!r} is not of this site; expected one of {', '.join(self._nodes)}"
            )
        return self._nodes[node]

    def _server_identity(
        self,
        authority: trustme.CA,
        names: tuple[str | Address, ...],
        not_before: datetime | None,
        not_after: datetime | None,
    ) -> Identity:
        if not names:
            raise ValueError("a server certificate needs at least one name")
        leaf = authority.issue_cert(
            *(str(name) for name in names),
            common_name=str(names[0]),
            organization_name="certproxy-harness",
            organization_unit_name="server",
            not_before=not_before or self._now - _BACKDATE,
            not_after=not_after or self._now + _LIFETIME,
        )
        return Identity(
            chain_pem=tuple(blob.bytes().decode("ascii") for blob in leaf.cert_chain_pems),
            key_pem=leaf.private_key_pem.bytes().decode("ascii"),
        )


def _remember(make: Callable[[datetime], Verify]) -> Callable[[datetime], Verify]:
    """For the right time and one wrong clock."""
    return lru_cache(maxsize=2)(make)


def _with_extensions(
    builder: x509.CertificateBuilder,
    *,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate,
    names: list[x509.GeneralName],
    purpose: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id),
            critical=False,
        )
    )
    return (
        builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if names
        else builder
    )
