"""The server certificate: what is told of the leaf."""

from __future__ import annotations

from harness.certificate.chain import Link
from harness.certificate.server_certificate import build_server_certificate
from tests.certificate.material import load, make


def test_names_and_addresses_are_told_apart() -> None:
    """As the leaf has them."""
    good = make("access.example.com", "*.example.org", "10.20.0.10")
    links = (
        Link(certificate=load(good.leaf), place="c"),
        Link(certificate=load(good.low), place="c"),
    )
    built = build_server_certificate(links, good.key)

    assert built.common_name == "access.example.com"
    assert built.dns_names == ("access.example.com", "*.example.org")
    assert built.ip_addresses == ("10.20.0.10",)
    assert built.issuer == built.subjects[1] == load(good.low).subject.rfc4514_string()


def test_the_key_is_not_shown() -> None:
    """In no traceback and no log."""
    good = make()
    built = build_server_certificate((Link(certificate=load(good.leaf), place="c"),), good.key)

    assert "PRIVATE" not in repr(built)
