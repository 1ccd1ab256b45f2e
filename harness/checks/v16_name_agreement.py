"""V16 name agreement: CONNECT, SNI and Host name the service by its one name wherever the service answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather, opening, seen
from harness.checks.joining import inner_random, outer_random
from harness.checks.need import COMPLETE, PROXY_CONTENT, SERVICE_CONTENT
from harness.net.address import parse_address
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

_AUTHORITY = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([0-9]{1,5})", re.ASCII
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)


def _judge(case: Case) -> Iterator[Judgement]:
    # What else may be reached through a proxy has names of its own.
    fronts = {random: c for c in case.legs.fronts if (random := outer_random(c)) is not None}
    for proxy in case.legs.proxy:
        for exchange in proxy.exchanges:
            if exchange.request is not None and _is_success(exchange):
                yield from _judge_opening(case, proxy, exchange, exchange.request)
        random = inner_random(proxy)
        if proxy.tunnel is not None and random is not None and random in fronts:
            yield from _judge_inside(case, proxy, fronts[random])


def _judge_opening(
    case: Case, proxy: Connection, exchange: Exchange, request: Request
) -> Iterator[Judgement]:
    told = (
        f"{case.machines.tell_server(proxy)} answered {case.machines.tell_client(proxy)} "
        f"with success to {_show(request.method)} {_show(request.target)}"
    )
    packets = gather(asking(exchange), answering(exchange))
    if request.method != b"CONNECT":
        # What is asked of which port is V09's, when it is a certificate.
        if find_key(request, case.site) is None:
            yield _finding(f"{told}; expected CONNECT alone", proxy, packets)
        return
    if find_host(request.target) is None:
        yield _finding(f"{told}; expected a plain name or address, and a port", proxy, packets)
        return
    hosts = request.values("Host")
    odd = [h for h in hosts if find_host(h, default=True) != find_host(request.target)]
    if len(hosts) > 1 or odd:
        named = " and ".join(_show(h) for h in hosts)
        yield _finding(f"{told}, whose Host is {named}", proxy, packets)


def _judge_inside(case: Case, proxy: Connection, front: Connection) -> Iterator[Judgement]:
    """What the service answered inside a tunnel, and under which names."""
    assert proxy.tunnel is not None
    sni = front.tls.sni if front.tls is not None else None
    exchanges = front.exchanges or proxy.tunnel.exchanges
    for exchange in exchanges:
        if exchange.request is None or not _is_success(exchange):
            continue
        names = {"CONNECT": find_host(proxy.tunnel.target), "SNI": sni}
        hosts = exchange.request.values("Host")
        names |= {"Host": find_host(hosts[0], default=True) if len(hosts) == 1 else None}
        wrong = [
            f"{what} names {name or 'nothing'}"
            for what, name in names.items()
            if not _is_service(case, name)
        ]
        if not wrong:
            continue
        packets = gather(
            asking(proxy.exchanges[0]) if proxy.exchanges else opening(proxy),
            seen(front.tls.client_hello if front.tls is not None else None),
            asking(exchange),
            answering(exchange),
        )
        told = (
            f"{case.machines.tell_server(front)} answered a request with success through the "
            f"tunnel of {case.machines.tell_client(proxy)}, although {' and '.join(wrong)}; expected {case.site.fqdn}"
        )
        if (
            sni is None
            and "SNI names nothing" in wrong
            and front.tls is not None
            and front.tls.client_hello is None
        ):
            yield Unjudged(reason=f"{told}, or was not seen", packets=packets)
        else:
            yield _finding(told, proxy, packets)


def _is_service(case: Case, name: str | None) -> bool:
    """Whether a name, or an address in its place, is the service's."""
    if name is None:
        return False
    if name.lower() == case.site.fqdn.lower():
        return True
    try:
        return parse_address(name) in case.site.resolve(case.site.fqdn)
    except ValueError:
        return False


def find_host(authority: bytes, *, default: bool = False) -> str | None:
    """The host of `HOST:PORT`, lower case; None for any other form. With `default` the port may be left out."""
    if default and not re.search(rb":[0-9]+\Z", authority):
        authority += b":443"
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    host = (match[1] or match[2]).decode("ascii").lower()
    try:
        return str(parse_address(host))
    except ValueError:
        labels = host.split(".")
        # RFC 3986 section 3.2.2: what looks like an address and is not a plain one is read differently by each.
        return None if match[1] or not all(labels) or _NUMBER.fullmatch(labels[-1]) else host


def _is_success(exchange: Exchange) -> bool:
    return exchange.response is not None and 200 <= exchange.response.status < 300


def _show(text: bytes) -> str:
    return text[:80].decode("latin-1").encode("unicode_escape").decode("ascii")


def _finding(message: str, connection: Connection, packets: tuple[PacketNumber, ...]) -> Finding:
    return Finding(
        message=message, packets=packets, endpoints=(connection.client, connection.server)
    )


V16 = Check(
    id="V16",
    promise="Whatever the service answers through a tunnel was asked under its own name: CONNECT, SNI and Host agree.",
    source="V16; F62 F63 F86",
    needs=(COMPLETE, PROXY_CONTENT, SERVICE_CONTENT),
    judge=_judge,
)
