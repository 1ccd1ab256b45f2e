"""The problems of a settings page: rows that cannot be read, or that this generation of the page does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.net.address import parse_address
from harness.net.allow_list import AllowList, AllowListError
from harness.site.host_name import LOCALHOST
from harness.site.machine_address import address_problem
from harness.site.page import CertProxy
from harness.site.problem import Path, Problem, choose, show
from harness.site.site import SERVICE_PORT, Site

_ONLY_IN_B = ("enabled", "remote_ip_source", "cert_proxy_instances")


def find_page_problems(
    site: Site, page: CertProxy, path: Path, *, is_built: bool = True
) -> Iterator[Problem]:
    """Everything that must be changed on one page.

    Args:
        site: the site that the page belongs to.
        page: the page.
        path: where it stands.
        is_built: False: captures of others are judged by it, and nothing is built.
    """
    yield from _generation(page, path)
    yield from _destination(site, page, (*path, "destination"), is_built=is_built)
    for key in ("accept_remote_port_from", "cert_proxy_instances"):
        yield from _allow_list((*path, key), getattr(page, key))
    yield from _keys(page, path)
    yield from _ports(site, page, (*path, "ports"))


def _generation(page: CertProxy, path: Path) -> Iterator[Problem]:
    if page.generation == "B":
        return
    for key in _ONLY_IN_B:
        value = getattr(page, key)
        if value != CertProxy.model_fields[key].default:
            expected = "nothing: a page of generation A has no such row (generation: B has)"
            yield Problem(path=(*path, key), found=show(value), expected=expected)


def _keys(page: CertProxy, path: Path) -> Iterator[Problem]:
    for key in ("certificate_proxy_key", "certificate_proxy_key_identity_manager"):
        if not getattr(page, key).strip():
            expected = "the hash that the page shows, or any name for the key"
            yield Problem(path=(*path, key), found=show(getattr(page, key)), expected=expected)


def _destination(site: Site, page: CertProxy, path: Path, *, is_built: bool) -> Iterator[Problem]:
    text = page.destination
    if not page.destination_forced:
        yield from _allow_list(path, text)
        return
    found = show(text)
    one = "exactly one host name or IP address (destination_forced is on)"
    if not text.strip():
        yield Problem(path=path, found=found, expected=f"{one}, such as {site.fqdn} or localhost")
        return
    if any(mark in text for mark in ";,/ \t\n"):
        yield Problem(
            path=path, found=found, expected=f"{one}; for a list, turn destination_forced off"
        )
        return
    try:
        address = parse_address(text)
    except ValueError:
        pass
    else:
        if not address.is_loopback and (
            problem := address_problem(path, address, is_built=is_built)
        ):
            yield problem
        return
    host, colon, port = text.rpartition(":")
    if text.startswith("[") or (colon and ":" not in host and port.isdecimal()):
        yield Problem(
            path=path, found=found, expected=f"{one}, without a port: it is always {SERVICE_PORT}"
        )
    elif text != LOCALHOST and not site.resolve(text):
        known = (site.fqdn, LOCALHOST, *site.nodes, *site.balancers, *site.names)
        yield Problem(
            path=path,
            found=found,
            expected=f"an IP address or a name of this site: {choose(known, text)}; add others under names",
        )


def _allow_list(path: Path, text: str) -> Iterator[Problem]:
    try:
        AllowList.parse(text)
    except AllowListError as error:
        for problem in error.problems:
            where = f" in entry {problem.number} (character {problem.column})"
            yield Problem(path=path, found=show(problem.entry) + where, expected=problem.expected)


def _ports(site: Site, page: CertProxy, path: Path) -> Iterator[Problem]:
    ports = page.ports
    for port, count in Counter(entry.port for entry in ports).items():
        if count > 1:
            index = [entry.port for entry in ports].index(
                port, 1 + [e.port for e in ports].index(port)
            )
            yield Problem(path=(*path, index, "port"), found=str(port), expected="each port once")
        if port == SERVICE_PORT:
            index = [entry.port for entry in ports].index(port)
            yield Problem(
                path=(*path, index, "port"),
                found=str(port),
                expected=f"another port: the Access service has {SERVICE_PORT}",
            )
    if not page.proxy_ports:
        yield Problem(
            path=path,
            found="no port with admin_port off",
            expected="a port for devices, such as 5262",
        )
    if site.terminating and not page.admin_ports:
        yield Problem(
            path=path,
            found="no port with admin_port on",
            expected="one for the certificate call-back, such as 5263: "
            "behind a balancer that ends TLS the nodes call each other there",
        )
