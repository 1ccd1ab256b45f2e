"""The host pattern: a name of a certificate, and which host names it stands for (RFC 9525 section 6.3)."""

from __future__ import annotations

WILDCARD = "*."


def is_covered(pattern: str, host: str) -> bool:
    """Whether a DNS name of a certificate stands for a host.

    A wildcard is the whole leftmost label, and stands for exactly one label; `*.com` stands for nobody.
    """
    pattern, host = pattern.lower().removesuffix("."), host.lower().removesuffix(".")
    if not pattern.startswith(WILDCARD):
        return bool(host) and pattern == host
    rest = pattern.removeprefix(WILDCARD)
    first, _, others = host.partition(".")
    return bool(first) and "." in rest and others == rest
