"""The hazards of one settings page in its site."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

from harness.net.address import Address, parse_address
from harness.net.allow_list import AllowList, AllowListError, Network
from harness.site.hazard import Hazard, HazardKind
from harness.site.host_name import LOCALHOST
from harness.site.page import CertProxy
from harness.site.problem import Path, show
from harness.site.site import Balancer, Site

NOBODY_SIGNS_IN = "nobody is signed in"
"""In the words of every effect that means it."""


def find_page_hazards(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    """What one page will do that is probably not meant; lists that cannot be read are problems, told elsewhere."""
    if not page.enabled:
        yield Hazard(
            kind=HazardKind.CERT_PROXY_OFF,
            path=(*path, "enabled"),
            found="false",
            effect=f"the proxy ports refuse every device (RST), and {NOBODY_SIGNS_IN}",
            remedy="switch the cert proxy on, save, and restart it",
        )
    yield from _headers(site, page, path)
    if page.is_remote_port_used and site.terminating:
        yield from _accepted(site, page, (*path, "accept_remote_port_from"))
    if page.generation == "B":
        yield from _instances(site, page, (*path, "cert_proxy_instances"))
    if page.destination_forced:
        yield from _forced(site, page, (*path, "destination"))
    else:
        yield from _listed(site, page, (*path, "destination"))
    one, other = page.certificate_proxy_key, page.certificate_proxy_key_identity_manager
    if one != other:
        yield Hazard(
            kind=HazardKind.KEYS_DIFFER,
            path=(*path, "certificate_proxy_key_identity_manager"),
            found=show(other),
            effect=f"the cert proxies hold {show(one)}: each call-back is refused (403), and {NOBODY_SIGNS_IN} (V22)",
            remedy="copy one value to the other in the configuration files, and restart that service",
        )


def _headers(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    is_from_header = page.remote_ip_source != "remote_address"
    if site.terminating and not is_from_header:
        yield Hazard(
            kind=HazardKind.SOURCE_WITHOUT_HEADER,
            path=(*path, "remote_ip_source"),
            found=show(page.remote_ip_source),
            effect=f"a balancer ends TLS, so that the remote address is the balancer's, and {NOBODY_SIGNS_IN}",
            remedy="choose x_forwarded_for or x_real_ip",
        )
    if site.terminating and is_from_header and not page.allow_remote_port_header:
        yield Hazard(
            kind=HazardKind.HEADER_OFF,
            path=(*path, "allow_remote_port_header"),
            found="false",
            effect="a balancer ends TLS and its RemotePort has no effect: the node with the certificate is not found, "
            f"and {NOBODY_SIGNS_IN}",
            remedy="switch it on, and list the balancer in accept_remote_port_from",
        )
    if page.allow_remote_port_header and not site.terminating:
        yield Hazard(
            kind=HazardKind.HEADER_WITHOUT_TERMINATION,
            path=(*path, "allow_remote_port_header"),
            found="true",
            effect="no balancer ends TLS, so that every RemotePort was written by a client: it must have no effect",
            remedy="switch it off",
        )
    if page.is_remote_port_used and page.remote_ip_source == "x_forwarded_for":
        yield from _chain(site, page, (*path, "number_of_load_balancers"))


def _chain(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    """The count of balancers, against those that write an element of X-Forwarded-For."""
    counts = {sum(balancer.service.ends_tls for balancer in chain) for chain in _chains(site)}
    counted = page.number_of_load_balancers
    if any(counts) and counted > max(counts):
        yield Hazard(
            kind=HazardKind.CHAIN_TOO_LONG,
            path=path,
            found=str(counted),
            effect=f"X-Forwarded-For has {max(counts)} from the balancers on the way: requests are refused "
            f"(400, V08), and {NOBODY_SIGNS_IN}",
            remedy=f"set it to {max(counts)}",
        )
    if any(counts) and counted < max(counts):
        yield Hazard(
            kind=HazardKind.CHAIN_TOO_SHORT,
            path=path,
            found=str(counted),
            effect=f"{max(counts)} balancers end TLS on the way, and a balancer is taken for the node (V07): it has no "
            f"certificate, and {NOBODY_SIGNS_IN}",
            remedy=f"set it to {max(counts)}",
        )


def _accepted(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    text = page.accept_remote_port_from
    if (allowed := _parse(text)) is None:
        return
    last = [name for name in site.terminating if set(site.behind(name)) <= set(site.nodes)]
    missing = [
        name
        for name in last
        if not any(allowed.allows(address) for address in site.addresses(name))
    ]
    if not allowed.entries:
        yield Hazard(
            kind=HazardKind.ACCEPT_NOBODY,
            path=path,
            found=show(text),
            effect=f"an empty list accepts nobody: no RemotePort has an effect, and {NOBODY_SIGNS_IN}",
            remedy=f"list {_addresses(site, missing)}",
        )
    elif missing:
        yield Hazard(
            kind=HazardKind.ACCEPT_NOT_THE_BALANCER,
            path=path,
            found=show(text),
            effect=f"RemotePort of {', '.join(missing)} has no effect, and {NOBODY_SIGNS_IN} through it",
            remedy=f"add {_addresses(site, missing)}",
        )
    yield from _wide(
        allowed,
        path,
        text,
        kind=HazardKind.ACCEPT_ANYBODY,
        effect="whoever reaches a node around the balancer names any live tunnel, "
        "and is signed in as its user (V01, V05)",
        remedy=f"list {_addresses(site, last)} alone",
    )
    yield from _rounded(allowed, path, text)


def _instances(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    text = page.cert_proxy_instances
    if (allowed := _parse(text)) is None:
        return
    missing = [name for name, address in site.nodes.items() if not allowed.allows(address)]
    if missing:
        yield Hazard(
            kind=HazardKind.INSTANCE_MISSING,
            path=path,
            found=show(text),
            effect=f"nobody is signed in whose tunnel goes through {', '.join(missing)}",
            remedy=f"add {', '.join(str(site.nodes[name]) for name in missing)}",
        )


def _forced(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    nodes = {address for node in site.nodes for address in site.addresses(node)}
    where = set(_resolve(site, page.destination))
    is_node = page.destination == LOCALHOST or bool(where & nodes)
    passing = {
        address
        for name in site.balancers
        if not any(balancer.service.ends_tls for balancer in _follow(site, name))
        for address in site.addresses(name)
    }
    if is_node and site.terminating:
        yield Hazard(
            kind=HazardKind.DESTINATION_SELF_SIGNED,
            path=path,
            found=show(page.destination),
            effect="a balancer has the public certificate, and the node shows its own: devices end the TLS in the "
            f"tunnel (alert unknown_ca), and {NOBODY_SIGNS_IN} (V26)",
            remedy=f"force {site.fqdn}",
        )
    if where & passing:
        yield Hazard(
            kind=HazardKind.DESTINATION_BEHIND_PASSTHROUGH,
            path=path,
            found=show(page.destination),
            effect="a balancer that ends no TLS can add no header, and hides the source port: the node with the "
            f"certificate is not found, and {NOBODY_SIGNS_IN}",
            remedy=f"force {LOCALHOST}",
        )

    entries = {name for name in site.entries if name in site.balancers}
    reached = {name for name in entries if where & set(site.addresses(name))}
    if reached and reached != entries:
        others = ", ".join(sorted(entries - reached))
        yield Hazard(
            kind=HazardKind.DESTINATION_OTHER_DATA_CENTER,
            path=path,
            found=show(page.destination),
            effect=f"tunnels that come through {others} end in another data center, whose nodes call back across to "
            f"their admin ports; where that is blocked {NOBODY_SIGNS_IN}",
            remedy=f"force {site.fqdn}, which leads to the data center that is in use",
        )


def _chains(site: Site) -> list[tuple[Balancer, ...]]:
    """The balancers on the way from each machine that the FQDN stands for to a node."""
    return [_follow(site, name) for name in site.entries if name in site.balancers]


def _follow(site: Site, name: str) -> tuple[Balancer, ...]:
    """A balancer and those that it hands to; a ring is a problem, told elsewhere, and ends here."""
    seen: dict[str, Balancer] = {}
    while name in site.balancers and name not in seen:
        seen[name] = site.balancers[name]
        name = site.behind(name)[0]
    return tuple(seen.values())


def find_broken_chains(site: Site) -> tuple[str, ...]:
    """Balancers that pass TLS through to one that ends it: that one sees them, and not the node."""
    return tuple(
        name
        for name, balancer in site.balancers.items()
        if not balancer.service.ends_tls
        and any(inner.service.ends_tls for inner in _follow(site, name))
    )


def _listed(site: Site, page: CertProxy, path: Path) -> Iterator[Hazard]:
    text = page.destination
    if (allowed := _parse(text)) is None:
        return
    service = _resolve(site, site.fqdn)
    if not allowed.entries:
        yield Hazard(
            kind=HazardKind.DESTINATION_NOBODY,
            path=path,
            found=show(text),
            effect=f"an empty list allows nothing: each CONNECT is refused (403), and {NOBODY_SIGNS_IN}",
            remedy=f"list {', '.join(map(str, service))}",
        )
    elif not all(allowed.allows(address) for address in service):
        yield Hazard(
            kind=HazardKind.DESTINATION_NOT_THE_SERVICE,
            path=path,
            found=show(text),
            effect=f"{site.fqdn} is {', '.join(map(str, service))}: CONNECT to it is refused (403), "
            f"and {NOBODY_SIGNS_IN}",
            remedy=f"add {', '.join(str(a) for a in service if not allowed.allows(a))}",
        )
    yield from _wide(
        allowed,
        path,
        text,
        kind=HazardKind.DESTINATION_ANYBODY,
        effect="every device with a certificate reaches port 443 of any machine that a node reaches",
        remedy="list the service alone, or force the destination",
    )
    yield from _rounded(allowed, path, text)


def _wide(
    allowed: AllowList, path: Path, text: str, *, kind: HazardKind, effect: str, remedy: str
) -> Iterator[Hazard]:
    if any(entry.prefixlen == 0 for entry in allowed.entries):
        yield Hazard(kind=kind, path=path, found=show(text), effect=effect, remedy=remedy)


def _rounded(allowed: AllowList, path: Path, text: str) -> Iterator[Hazard]:
    for network in _find_rounded(text, allowed):
        yield Hazard(
            kind=HazardKind.LIST_READ_AS_NETWORK,
            path=path,
            found=show(text),
            effect=f"bits after the mask mean nothing: all of {network} is listed, {network.num_addresses} addresses",
            remedy=f"write {network}, or one address",
        )


def _find_rounded(text: str, allowed: AllowList) -> Iterator[Network]:
    """Entries of which the written address is not the first of its network."""
    written = [part.split("/")[0].split()[0] for part in text.split(";") if part.strip()]
    for one, network in zip(written, allowed.entries, strict=True):
        address = parse_address(one)
        if isinstance(address, IPv6Address) and network.version == 4:
            address = address.ipv4_mapped or address
        if address != network.network_address:
            yield network


def _parse(text: str) -> AllowList | None:
    try:
        return AllowList.parse(text)
    except AllowListError:
        return None


def _resolve(site: Site, name: str) -> tuple[Address, ...]:
    try:
        return (parse_address(name),)
    except ValueError:
        return site.resolve(name)


def _addresses(site: Site, machines: list[str] | tuple[str, ...]) -> str:
    return "; ".join(str(address) for name in machines for address in site.addresses(name))
