"""The proposal as YAML: a site file with its reasons as comments, to be read, corrected and used."""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.report.site_proposal import Machine, Proposal, Why
from harness.report.text import fold_numbers, printable
from harness.site.contract import CallBackForm, HeaderNames


def build_site_yaml(proposal: Proposal, *, name: str) -> str:
    """The text of a site file.

    Args:
        proposal: what was seen.
        name: the capture, for the first line.
    """
    lines = [
        f"# A site as {printable(name)} shows it: a proposal. Correct what you know better, then use it:",
        "#   harness replay FILE --site THIS_FILE",
        *(f"# Not seen: {printable(text)}." for text in proposal.unseen),
        f"fqdn: {_text(proposal.fqdn)}",
        "nodes:",
    ]
    for node in proposal.nodes:
        lines += _reasons(node)
        lines.append(f"  {_text(node.name)}: {_text(str(node.address))}")
    if proposal.balancers:
        lines.append("balancers:")
    for balancer in proposal.balancers:
        lines += _reasons(balancer)
        lines.append(f"  {_text(balancer.name)}:")
        lines.append(f"    address: {_text(str(balancer.address))}")
        lines += (f"    {port}: {mode}" for port, mode in _modes(balancer))
    lines += _page(proposal)
    lines += _contract(proposal)
    return "\n".join(lines) + "\n"


def _modes(balancer: Machine) -> Iterator[tuple[str, str]]:
    """What the site can say; a balancer that ends TLS on the proxy port breaks the promise, it is no setting."""
    for port, mode in sorted(balancer.modes.items()):
        if port == "5262" and mode == "terminate":
            yield (
                "5262",
                "passthrough # it ends TLS there, which no cert proxy survives: V14 will say so",
            )
        else:
            yield port, mode


def _page(proposal: Proposal) -> Iterator[str]:
    is_forced, destination, why = proposal.destination
    terminating = proposal.hops_to_node > 0
    yield "cert_proxy:"
    yield f"  # {_told(why)}"
    yield f"  destination_forced: {'true' if is_forced else 'false'}"
    shown = destination
    if is_forced and destination == str(_entry(proposal)):
        shown = proposal.fqdn
    if is_forced and why.text.startswith("no connection"):
        shown = proposal.fqdn
    yield f"  destination: {_text(shown)}"
    yield f"  allow_remote_port_header: {'true' if terminating else 'false'}"
    if terminating:
        accepts = "; ".join(str(address) for address in proposal.accepts)
        yield f"  accept_remote_port_from: {_text(accepts)}"
        yield f"  number_of_load_balancers: {proposal.hops_to_node}"
    yield "  ports:"
    for port, reason in proposal.proxy_ports.items():
        yield f"    # {_told(reason)}"
        yield f"    - {{port: {port}}}"
    for port, reason in proposal.admin_ports.items():
        yield f"    # {_told(reason)}"
        yield f"    - {{port: {port}, admin_port: true, ssl_certificate_type: passthrough}}"


def _contract(proposal: Proposal) -> Iterator[str]:
    if proposal.has_requests and proposal.hops_to_node:
        yield from _headers(proposal)
    form = proposal.call_back
    if proposal.call_back_why is not None:
        yield f"# {_told(proposal.call_back_why)}"
    if form != CallBackForm():
        yield "call_back:"
        defaults = CallBackForm().model_dump()
        for key, value in form.model_dump().items():
            if value != defaults[key]:
                yield f"  {key}: {_text(value)}"
        if not form.has_known_proof:
            sent = ", ".join(printable(name) for name in proposal.call_back_headers) or "none"
            yield f"  # Which header proves the shared key is not known; further ones sent: {sent}."
            yield "  # proof_header: NAME says it; without it V10 is unknown."
    if proposal.services:
        yield "# What nodes ask of others besides. Strike out what they should not:"
        yield "other_services:"
    for service in proposal.services:
        yield f"  # (packets {service.packet})"
        yield f"  {service.name}: {_text(service.text)}"
    if proposal.seen_as:
        yield "# Several machines share an address here, or the service has another port than 443:"
        yield "# what the capture shows, and the machine and port that it stands for."
        yield "seen_as:"
        yield from (f"  {_text(seen)}: {_text(meant)}" for seen, meant in proposal.seen_as.items())


def _headers(proposal: Proposal) -> Iterator[str]:
    names = HeaderNames()
    port, listed = proposal.remote_port, proposal.forwarded_for
    yield "headers:"
    if port is None:
        yield "  # No header held the port of the connection before; without one V08 fails."
        yield f"  remote_port: {_text(names.remote_port)}"
    else:
        yield f"  # {_told(port[1])}"
        yield f"  remote_port: {_text(port[0])}"
    if listed is None:
        yield "  # No header ended in the address of the connection before."
        yield '  forwarded_for: ""'
    else:
        yield f"  # {_told(listed[1])}"
        yield f"  forwarded_for: {_text(listed[0])}"


def _entry(proposal: Proposal) -> object:
    """Where the name of the site leads, as Site.entry has it."""
    machines = proposal.balancers or proposal.nodes
    return machines[0].address


def _reasons(machine: Machine) -> Iterator[str]:
    told = dict.fromkeys(_told(why) for why in machine.why)
    yield from (f"  # {text}" for text in list(told)[:4])


def _told(why: Why) -> str:
    numbers = fold_numbers(tuple(sorted(set(why.packets))))
    return printable(f"{why.text} (packets {numbers})" if why.packets else why.text)


def _text(value: str) -> str:
    """A JSON string is a YAML string, whatever stands in it."""
    return json.dumps(value)
