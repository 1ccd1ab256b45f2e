"""A certificate: what is not there is empty, never invented."""

from __future__ import annotations

from harness.trace.certificate import Certificate


def test_an_unreadable_certificate_keeps_its_bytes_and_says_why() -> None:
    """No field is filled by guessing."""
    certificate = Certificate(der=b"\x30", sha256="00", problem="cut after 1 byte")

    assert (certificate.der, certificate.problem) == (b"\x30", "cut after 1 byte")
    assert (certificate.subject, certificate.upns, certificate.emails) == ("", (), ())
