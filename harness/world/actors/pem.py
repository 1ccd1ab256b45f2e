"""PEM: certificates as text (RFC 7468)."""

from __future__ import annotations

import base64
import re
import textwrap

_BLOCK = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----"
)


def build_pem(chain: tuple[bytes, ...]) -> str:
    """Certificates (DER) as PEM, in order."""
    return "".join(
        "-----BEGIN CERTIFICATE-----\n"
        + "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
        + "\n-----END CERTIFICATE-----\n"
        for der in chain
    )


def parse_pem(text: str) -> tuple[bytes, ...]:
    """The certificates (DER) of a PEM text, in order.

    Raises:
        ValueError: there is none, or one that is not base64.
    """
    chain = tuple(
        base64.b64decode("".join(block.split()), validate=True) for block in _BLOCK.findall(text)
    )
    if not chain:
        raise ValueError(f"no PEM certificate in {len(text)} characters")
    return chain
