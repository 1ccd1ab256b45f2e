"""The preflight of a site: every rule that a single field cannot tell, before anything is built or judged.

A problem makes the site meaningless or impossible. What is legal and probably not meant is a hazard (site_hazards.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.net.address import Address
from harness.site.certificate_place import find_certificate_problems
from harness.site.contract_problems import find_contract_problems
from harness.site.host_name import LOCALHOST, is_host_name, is_machine_name
from harness.site.machine_address import address_problem
from harness.site.page import CertProxy
from harness.site.page_problems import find_page_problems
from harness.site.problem import Path, Problem, choose, show
from harness.site.responder import RESPONDER
from harness.site.service import EXPECTED, parse_service
from harness.site.site import BalancerMode, Site
from harness.site.tls_rule import find_tls_problems

RESERVED = (
    LOCALHOST, "canary-node", "canary-other-node", "canary-balancer", "canary-device", RESPONDER,
)  # fmt: skip
"""Names that the harness itself gives to machines."""


def find_problems(site: Site, *, is_built: bool = True) -> tuple[Problem, ...]:
    """Everything that must be changed before this site can be built or judged; () when it is fine.

    Args:
        site: the site.
        is_built: False: captures of others are judged by it, and nothing is built.
    """
    return (
        *_names(site),
        *_addresses(site, is_built=is_built),
        *_pages(site, is_built=is_built),
        *_balancers(site),
        *_other_services(site),
        *find_contract_problems(site, is_built=is_built),
        *(find_tls_problems(site) if is_built else ()),
        *find_certificate_problems(site),
    )


def _names(site: Site) -> Iterator[Problem]:
    if not is_host_name(site.fqdn) or "." not in site.fqdn:
        yield Problem(
            path=("fqdn",),
            found=show(site.fqdn),
            expected="a full host name in lower case such as access.example.com",
        )
    if site.domain and not is_host_name(site.domain):
        yield Problem(
            path=("domain",),
            found=show(site.domain),
            expected="a domain in lower case such as corp.example",
        )
    if not site.nodes:
        yield Problem(
            path=("nodes",), found="{}", expected="at least one node, such as node1: 10.20.1.1"
        )
    tables: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("nodes", site.nodes),
        ("balancers", site.balancers),
    )
    taken = {site.fqdn: "fqdn"}
    for table, entries in tables:
        for name in entries:
            if not is_machine_name(name):
                yield _bad_name(
                    (table, name),
                    "a machine name: lower-case letters, digits and hyphens, such as node1",
                )
            yield from _clash((table, name), name, taken)
    for name in site.names:
        if not is_host_name(name):
            yield _bad_name(("names", name), "a host name in lower case such as files.example.com")
        yield from _clash(("names", name), name, taken)


def _bad_name(path: Path, expected: str) -> Problem:
    return Problem(path=path, found=show(path[-1]), expected=expected, at_key=True)


def _clash(path: Path, name: str, taken: dict[str, str]) -> Iterator[Problem]:
    """Remember a name; a problem when somebody has it."""
    if name in RESERVED:
        yield _bad_name(path, f"another name: {name} is the harness's own")
    elif name in taken:
        yield _bad_name(path, f"another name: {taken[name]} has this one")
    taken.setdefault(name, ".".join(str(key) for key in path))


def _addresses(site: Site, *, is_built: bool) -> Iterator[Problem]:
    machines: list[tuple[Path, Address]] = [
        *((("nodes", name), address) for name, address in site.nodes.items()),
        *(
            (("balancers", name, "address"), entry.address)
            for name, entry in site.balancers.items()
        ),
        *(
            (("further_addresses", name, index), address)
            for name, further in site.further_addresses.items()
            for index, address in enumerate(further)
        ),
    ]
    if site.revocation is not None:
        machines.append((("revocation", RESPONDER), site.revocation.address))
    for name in site.further_addresses:
        if name not in (*site.nodes, *site.balancers):
            known = choose((*site.nodes, *site.balancers), name)
            yield _bad_name(("further_addresses", name), f"a node or a balancer: {known}")
    owners: dict[Address, str] = {}
    for path, address in machines:
        if problem := address_problem(path, address, is_built=is_built):
            yield problem
        if address in owners:
            yield Problem(
                path=path,
                found=show(str(address)),
                expected=f"an address of its own: {owners[address]} has this one",
            )
        owners.setdefault(address, str(path[1]))
    yield from _translated(site, owners)
    for name, address in site.names.items():
        if problem := address_problem(("names", name), address, is_built=is_built):
            yield problem


def _translated(site: Site, owners: Mapping[Address, str]) -> Iterator[Problem]:
    for name, address in site.translated.items():
        path: Path = ("translated", name)
        if name not in site.nodes:
            yield _bad_name(path, f"a node: {choose(site.nodes, name)}")
        elif address.version != site.nodes[name].version or len(site.addresses(name)) > 1:
            expected = f"a node with one address, of the family of {address}"
            yield Problem(path=path, found=show(str(address)), expected=expected)
        if address in owners:
            expected = f"an address of its own: {owners[address]} has this one"
            yield Problem(path=path, found=show(str(address)), expected=expected)
        elif problem := address_problem(path, address):
            yield problem


def _pages(site: Site, *, is_built: bool) -> Iterator[Problem]:
    """The settings page, and what nodes have instead; in the cloud there is none."""
    if site.kind == "cloud":
        for key, value, default in (
            ("cert_proxy", site.cert_proxy, CertProxy()),
            ("node_settings", site.node_settings, {}),
        ):
            if value != default:
                expected = "nothing: only on premises there is a cert proxy (kind: on_premises)"
                yield Problem(path=(key,), found="settings", expected=expected, at_key=True)
        return
    yield from find_page_problems(site, site.cert_proxy, ("cert_proxy",), is_built=is_built)
    for node, change in site.node_settings.items():
        path = ("node_settings", node)
        if node not in site.nodes:
            expected = f"a node: {choose(site.nodes, node)}"
            yield Problem(path=path, found=show(node), expected=expected, at_key=True)
            continue
        for problem in find_page_problems(site, site.page(node), path, is_built=is_built):
            if len(problem.path) > len(path) and problem.path[len(path)] in change.rows:
                yield problem


def _balancers(site: Site) -> Iterator[Problem]:
    for name, balancer in site.balancers.items():
        if balancer.proxy is BalancerMode.TERMINATE:
            yield Problem(
                path=("balancers", name, "5262"),
                found='"terminate"',
                expected="passthrough: the client certificate must reach the cert proxy; "
                "to show what happens otherwise, switch on defect F36",
            )

        yield from _hand_over(site, name)
    modes = {site.balancers[name].service for name in site.terminating}
    if len(modes) > 1:
        yield Problem(
            path=("balancers",),
            found="terminate and offload on port 443",
            expected="one of them: a node's port 443 is either TLS or clear text",
        )


def _hand_over(site: Site, name: str) -> Iterator[Problem]:
    """To whom a balancer hands connections: nodes, or one other balancer that does not hand them back."""
    for index, one in enumerate(site.balancers[name].to):
        path: Path = ("balancers", name, "to", index)
        if one in site.balancers:
            if one == name or name in _chain(site, one):
                expected = "another balancer or nodes: this way connections go round for ever"
                yield Problem(path=path, found=show(one), expected=expected)
            elif len(site.balancers[name].to) > 1:
                expected = "nodes, or one balancer alone"
                yield Problem(path=path, found=show(one), expected=expected)
            elif site.balancers[name].service is BalancerMode.OFFLOAD:
                expected = "nodes: offload goes on in clear text, and a balancer expects TLS"
                yield Problem(path=path, found=show(one), expected=expected)
        elif one not in site.nodes:
            known = choose((*site.nodes, *site.balancers), one)
            yield Problem(path=path, found=show(one), expected=f"a node or a balancer: {known}")


def _chain(site: Site, balancer: str) -> tuple[str, ...]:
    """The balancers that connections pass behind this one."""
    found: list[str] = []
    while (after := site.behind(balancer)) and after[0] in site.balancers:
        balancer = after[0]
        if balancer in found:
            break
        found.append(balancer)
    return tuple(found)


def _other_services(site: Site) -> Iterator[Problem]:
    for name, text in site.other_services.items():
        try:
            parse_service(text)
        except ValueError:
            yield Problem(path=("other_services", name), found=show(text), expected=EXPECTED)
