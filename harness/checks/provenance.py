"""Provenance: for each call-back the way from the device to the user who was signed in, link by link.

device connection, tunnel, outgoing port, header, call-back, certificate, user. Each link names its packets; a link
that was not found says so, and a port with two owners while it was asked for is told with both. Requests that nobody
called back for have a way as well: it shows what the service was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.evidence import answering, asking, gather, opening, seen
from harness.checks.headers import find_remote_port, port_header, port_values, show
from harness.checks.sign_in import find_identity, find_user
from harness.checks.tunnel import CallBackOf, Key, Owner
from harness.net.address import Address
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.journey import Ambiguous, Front, Proxied, ServiceRequest
from harness.verdict.provenance import Chain, Link

_REDIRECTION = 300
"""Status codes below are no refusal (RFC 9110 section 15)."""
_NOBODY: Mapping[int, Owner] = MappingProxyType({})


class Directory:
    """Whom a capture knows: devices by name and address, and users."""

    def __init__(self, case: Case, chains: Iterable[Chain]) -> None:
        """Collect the names of everybody in the chains, and of the run note."""
        self._addresses: dict[str, Address] = {}
        self._users: set[str] = set()
        for chain in chains:
            self._users |= chain.users
            for address in chain.devices:
                self._addresses[str(address)] = address
                if case.machines.name(address):
                    self._addresses[case.machines.name(address)] = address
        note = case.note
        for address, name in note.devices.items() if note is not None else ():
            self._addresses[name] = self._addresses[str(address)] = address
        for hidden in note.hidden if note is not None else ():
            self._addresses[hidden.name] = hidden.address

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that can be asked for."""
        everybody = {*self._addresses, *self._users}
        return tuple(sorted(everybody, key=lambda name: (name[:1].isdigit(), name)))

    def knows(self, wanted: str) -> bool:
        """Whether this is a device or a user of the capture."""
        return wanted in self._addresses or wanted in self._users

    def concerns(self, chain: Chain, wanted: str) -> bool:
        """Whether a chain has to do with this device or user."""
        return self._addresses.get(wanted) in chain.devices or wanted in chain.users


def find_chains(case: Case) -> tuple[Chain, ...]:
    """One for each call-back, in order of time."""
    owners = case.owners
    perhaps = {
        unclear.call_back.connection.number: unclear.requests for unclear in case.journeys.unclear
    }
    return tuple(
        _build_chain(case, asked, owners, perhaps.get(asked.connection.number, ()))
        for asked in case.call_backs
    )


def find_uncalled(case: Case) -> tuple[Chain, ...]:
    """One for each request at a service that no call-back followed, in order of time."""
    by_upstream = {o.upstream.number: o for listed in case.owners.values() for o in listed}
    return tuple(
        _build_uncalled(case, request, by_upstream)
        for request in case.journeys.requests
        if not request.call_backs and not request.perhaps
    )


def _build_uncalled(case: Case, request: ServiceRequest, by_upstream: Mapping[int, Owner]) -> Chain:
    user = find_user(request.exchange.response, case.site)
    return Chain(
        links=(
            *_tell_behind(case, request, by_upstream),
            *_tell_header(case, request),
            Link(part="call-back", text="no node was asked for a certificate"),
            _tell_user(case, request),
        ),
        is_ambiguous=False,
        devices=_find_devices(case, request, by_upstream),
        users=frozenset((user,)) if user is not None else frozenset(),
    )


def _find_devices(
    case: Case, request: ServiceRequest, by_upstream: Mapping[int, Owner] = _NOBODY
) -> frozenset[Address]:
    """Whom a request came from."""
    found = set()
    if isinstance(request.front, Front):
        connection = request.front.connection
        if connection.number in by_upstream:
            found.add(_find_device(case, by_upstream[connection.number]))
        elif connection.client.address not in case.machines.nodes:
            found.add(connection.client.address)
    if isinstance(request.proxied, Proxied):
        found.add(request.proxied.device.address)
    return frozenset(found)


def _build_chain(
    case: Case,
    asked: CallBackOf,
    owners: Mapping[Key, tuple[Owner, ...]],
    perhaps: tuple[ServiceRequest, ...],
) -> Chain:
    requests = (asked.request,) if asked.request is not None else perhaps
    living = _find_living(asked, owners.get(asked.key, ()), requests)
    links: list[Link] = []
    for owner in living:
        links += _tell_owner(case, owner)
    if not living:
        links += _tell_nobody(case, asked, requests, owners)
    for request in requests:
        links += _tell_header(case, request)
    if not requests:
        links.append(Link(part="header", text="no request of that time asked for it"))
    links += _tell_call_back(case, asked, living, owners.get(asked.key, ()))
    users = []
    for request in requests:
        links.append(_tell_user(case, request))
        user = find_user(request.exchange.response, case.site)
        users += [user] if user is not None else []
    proved = [find_identity(o.certificate) for o in living if o.certificate is not None]
    devices = {_find_device(case, owner) for owner in living}
    devices = devices.union(*(_find_devices(case, request) for request in requests))
    return Chain(
        links=tuple(links),
        is_ambiguous=len(living) > 1 or len(requests) > 1,
        devices=frozenset(devices),
        users=frozenset((*users, *(name for name in proved if name is not None))),
    )


def _find_living(
    asked: CallBackOf, listed: tuple[Owner, ...], requests: tuple[ServiceRequest, ...]
) -> tuple[Owner, ...]:
    """The owners of the port from when the sign-in was sent until the call-back was answered."""
    times = [r.exchange.request.first_ns for r in requests if r.exchange.request is not None]
    first_ns = min((*times, asked.asked_ns))
    response = asked.call_back.exchange.response
    last_ns = response.last_ns if response is not None else asked.asked_ns
    return tuple(
        o
        for o in listed
        if o.begun_ns <= last_ns and (o.ended_ns is None or o.ended_ns >= first_ns)
    )


def _find_outer(case: Case, owner: Owner) -> Connection:
    """The leg nearest to the device."""
    by_number = {c.number: proxied for c, proxied in case.journeys.proxied}
    proxied = by_number.get(owner.upstream.number)
    outer = proxied.outer if isinstance(proxied, Proxied) else None
    return outer or owner.proxy


def _find_device(case: Case, owner: Owner) -> Address:
    return _find_outer(case, owner).client.address


def _tell_owner(case: Case, owner: Owner) -> Iterator[Link]:
    machines, outer = case.machines, _find_outer(case, owner)
    text = f"{machines.tell_client(outer)} to {machines.tell_server(outer)}"
    if outer is not owner.proxy:
        text += f", passed on to {machines.tell_server(owner.proxy)} from {owner.proxy.client}"
    tls = owner.proxy.tls
    proof = seen(tls.client_certificate, tls.certificate_verify) if tls is not None else ()
    text += f"; {_tell_proved(owner.certificate)}"
    packets = gather(opening(outer), opening(owner.proxy), proof)
    yield Link(part="device", text=text, packets=packets)
    granted = next((e for e in owner.proxy.exchanges if _is_connect(e.request)), None)
    tunnel = owner.proxy.tunnel
    target = _text(tunnel.target) if tunnel is not None else "?"
    opened = tunnel.opened.packets if tunnel is not None else ()
    yield Link(
        part="tunnel",
        text=f"CONNECT {target}, granted by {machines.tell_server(owner.proxy)}",
        packets=gather(asking(granted) if granted is not None else (), opened),
    )
    yield Link(
        part="port",
        text=f"{machines.tell_client(owner.upstream)} to {machines.tell_server(owner.upstream)}",
        packets=opening(owner.upstream),
    )


def _is_connect(request: object) -> bool:
    return getattr(request, "method", b"") == b"CONNECT"


def _tell_proved(certificate: Certificate | None) -> str:
    if certificate is None:
        return "which certificate it proved was not seen"
    return f"proved {_tell_certificate(certificate)}"


def _tell_certificate(certificate: Certificate) -> str:
    name = find_identity(certificate) or certificate.subject or "nobody"
    return f"the certificate of {name} (sha256 {certificate.sha256[:16]})"


def _tell_nobody(
    case: Case,
    asked: CallBackOf,
    requests: tuple[ServiceRequest, ...],
    owners: Mapping[Key, tuple[Owner, ...]],
) -> Iterator[Link]:
    """Where no tunnel had the port: what is known of the connection behind the request."""
    by_upstream = {o.upstream.number: o for listed in owners.values() for o in listed}
    for request in requests:
        yield from _tell_behind(case, request, by_upstream)
    node, port = asked.key
    text = f"no tunnel of {case.machines.tell_address(node)} had port {port} at that time"
    yield Link(part="port", text=text)


def _tell_behind(
    case: Case, request: ServiceRequest, by_upstream: Mapping[int, Owner]
) -> Iterator[Link]:
    """The connection behind a request, and its tunnel where it has one."""
    match request.front:
        case Front(connection=connection) if connection.number in by_upstream:
            yield from _tell_owner(case, by_upstream[connection.number])
        case Front(connection=connection):
            told = f"{case.machines.tell_client(connection)} to {case.machines.tell_server(connection)}"
            yield Link(part="device", text=f"request from {told}", packets=opening(connection))
        case Ambiguous(reason=reason, packets=packets):
            yield Link(part="device", text=f"not known: {reason}", packets=packets)
        case None:
            yield Link(part="device", text="the connection behind the request was not found")


def _tell_header(case: Case, request: ServiceRequest) -> Iterator[Link]:
    message = request.exchange.request
    if message is None:
        return
    site = case.site
    told = (
        f"{case.machines.tell_client(request.connection)} to "
        f"{case.machines.tell_server(request.connection)}"
    )
    name = port_header(site)
    text = f"{told}: no {name}"
    if port_values(message, site):
        port = find_remote_port(message, site)
        text = f"{told}: {name} {port if port is not None else show(port_values(message, site))}"
    forwarded = site.header_names.forwarded_for
    if forwarded and forwarded != name and message.values(forwarded):
        text += f", {forwarded} {show(message.values(forwarded))}"
    yield Link(part="header", text=text, packets=asking(request.exchange))


def _tell_call_back(
    case: Case, asked: CallBackOf, living: tuple[Owner, ...], listed: tuple[Owner, ...]
) -> Iterator[Link]:
    call_back = asked.call_back
    server = case.machines.tell_server(asked.connection)
    caller = case.machines.tell_address(call_back.caller)
    yield Link(
        part="call-back",
        text=f"{caller} asked {server} for port {call_back.key}",
        packets=asking(call_back.exchange),
    )
    packets = answering(call_back.exchange)
    if not asked.is_answered:
        answer = "not answered" if call_back.status is None else f"refused ({call_back.status})"
        yield Link(part="certificate", text=answer, packets=packets)
        return
    given = find_fingerprint(call_back.exchange, case.site)
    if given is None:
        yield Link(part="certificate", text="an answer that holds none", packets=packets)
        return
    text = _tell_given(case, given, living, listed)
    yield Link(part="certificate", text=f"sha256 {given[:16]}, {text}", packets=packets)


def _tell_given(
    case: Case, given: str, living: tuple[Owner, ...], listed: tuple[Owner, ...]
) -> str:
    """Whose certificate was handed out."""
    for owners, when in ((living, ""), (listed, "earlier ")):
        for owner in owners:
            if owner.certificate is not None and owner.certificate.sha256 == given:
                device = case.machines.tell_client(_find_outer(case, owner))
                return f"that of the {when}tunnel of {device}"
    if any(owner.certificate is None for owner in living) or not living:
        return "and which tunnel proved it was not seen"
    return "which no tunnel of that port proved"


def _tell_user(case: Case, request: ServiceRequest) -> Link:
    response = request.exchange.response
    server = case.machines.tell_server(request.connection)
    if response is None:
        return Link(part="user", text=f"no answer of {server} was seen")
    user = find_user(request.exchange.response, case.site)
    if user:
        text = f"{server} signed in {user}"
    elif response.status < _REDIRECTION:
        # A service of others says in a form of its own whom it signed in.
        text = f"{server} answered {response.status}, in which no user is known"
    else:
        text = f"{server} signed in nobody ({response.status})"
    return Link(part="user", text=text, packets=answering(request.exchange))


def _text(data: bytes) -> str:
    return data[:80].decode("latin-1").encode("unicode_escape").decode("ascii")
