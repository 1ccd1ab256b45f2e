"""The preflight of a certificate: what its names will do at one place of a site, before anybody connects.

Rows B06 to B08. The import page does not know the site, so nothing here is refused; each says what happens on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.certificate.rule import Flaw, Rule
from harness.certificate.server_certificate import ServerCertificate
from harness.net.host_pattern import WILDCARD, is_covered
from harness.site.certificate_place import Place, find_names
from harness.site.site import Site


def find_name_flaws(
    certificate: ServerCertificate, *, site: Site, place: Place, file: str
) -> tuple[Flaw, ...]:
    """Names that are missing at this place; `file` is named in the messages."""
    return tuple(_find(certificate, site, place, file))


def _find(certificate: ServerCertificate, site: Site, place: Place, file: str) -> Iterator[Flaw]:
    needed = find_names(site, place)
    shown = (*certificate.dns_names, *certificate.ip_addresses)
    if not shown:
        expected = f"{', '.join(needed)}: nobody looks at the common name, everybody refuses it"
        yield _flaw(Rule.NO_NAMES, file, "no subject alternative name", expected)
        return
    if not is_covered(certificate.common_name, needed[0]):
        expected = f"{needed[0]}, the name that users use at {place}"
        yield _flaw(Rule.COMMON_NAME, file, f'common name "{certificate.common_name}"', expected)
    for name in needed:
        if any(is_covered(pattern, name) for pattern in certificate.dns_names):
            continue
        expected = f"{name}{_hint(certificate, name)}: {_tell_effect(site, place, name)}"
        yield _flaw(Rule.NAME_MISSING, file, f"names {', '.join(shown)}", expected)


def _hint(certificate: ServerCertificate, name: str) -> str:
    """A wildcard that looks as if it would do."""
    for pattern in certificate.dns_names:
        if pattern.startswith(WILDCARD) and name.endswith(pattern[1:]):
            return f" ({pattern} stands for one label only)"
    return ""


def _tell_effect(site: Site, place: Place, name: str) -> str:
    nodes = {site.host_name(node): node for node in site.nodes}
    if name not in nodes:
        return f"devices that open {name} refuse {place} (certificate_unknown)"
    if place.machine in site.nodes and site.terminating and place.port == 443:
        return f"the balancer refuses {place}"
    return (
        f"nodes that ask {nodes[name]} for a certificate refuse it, and nobody is signed in there"
    )


def _flaw(rule: Rule, place: str, found: str, expected: str) -> Flaw:
    return Flaw(rule=rule, place=place, found=found, expected=expected)
