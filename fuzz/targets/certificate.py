"""Certificates: the ones of a stored run with DER changed, also inside the names that sign people in."""

from __future__ import annotations

import io
from functools import cache

from fuzz.capture_blocks import stored_runs
from fuzz.choices import Choices
from fuzz.mutation import mutate
from fuzz.target import Target
from harness.decode.decode import decode
from harness.decode.tls.certificate import parse_certificate


@cache
def _certificates() -> tuple[bytes, ...]:
    """Every certificate of the first stored run, of servers and of people."""
    trace = decode(io.BytesIO(stored_runs()[0].read_bytes()))
    found: dict[bytes, None] = {}
    for connection in trace.connections:
        if connection.tls is not None:
            chains = (*connection.tls.server_certificates, *connection.tls.client_certificates)
            found |= dict.fromkeys(certificate.der for certificate in chains)
    return tuple(found)


def grow_certificate(choices: Choices) -> bytes:
    """A certificate with a few bytes changed."""
    return mutate(choices.pick(_certificates()), choices)


def check_certificate(material: bytes) -> None:
    """It is read, or the problem is said; the fingerprint is always that of the bytes."""
    certificate = parse_certificate(material)
    assert certificate.der == material
    assert certificate == parse_certificate(bytes(material))
    if not certificate.subject and not certificate.issuer:
        # An empty name is legal; an unread one has its problem.
        assert certificate.problem is not None or certificate.serial_number


CERTIFICATE = Target(
    name="certificate",
    promise="Any DER is read as a certificate or has its problem said.",
    grow=grow_certificate,
    check=check_certificate,
    max_size=256,
    is_guided=False,
)
