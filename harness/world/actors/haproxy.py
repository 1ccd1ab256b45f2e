"""HAProxy as a balancer: its configuration, as an administrator writes it for a cert-proxy cluster.

Every mistake in it that scenarios can ask for (scenario/engine.py) is one that administrators make: a line too few,
another word, or `add` for `set`.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.net.address import Endpoint
from harness.net.forwarding import FORWARDED_FOR, REAL_IP, REMOTE_PORT
from harness.site.site import SERVICE_PORT, BalancerMode, ForwardedFor
from harness.world.actors.duty import IDENTITY, ROOTS, Duty, Server, tell_openssl

CONFIGURATION = "haproxy.cfg"
_STICKY = "NODE"
"""Name of the cookie by which a client stays with its node."""

_IMPATIENCE = 4
"""Part of the time for an answer after which F41 asks another node."""


def build_command(path: str) -> tuple[str, ...]:
    """How it is started: in the foreground, as one process."""
    return (path, "-db", "-f", CONFIGURATION)


def build_configuration(duty: Duty) -> str:
    """The whole file."""
    lines = list(_general(duty))
    for port in duty.ended_ports:
        lines += _end_proxy_port(duty, port)
    for port in duty.passed_ports:
        lines += _pass(duty, port)
    if duty.service.ends_tls:
        lines += _end_service(duty)
    return "\n".join(lines) + "\n"


def _general(duty: Duty) -> Iterator[str]:
    yield "global"
    yield "    log stdout format raw local0 warning"
    yield "    maxconn 4096"
    yield "    nbthread 1"
    yield ""
    yield "defaults"
    yield "    log global"
    yield "    retries 2"
    yield "    option redispatch"
    yield f"    timeout connect {duty.answer_ms // len(duty.servers)}ms"
    yield f"    timeout client {duty.idle_ms}ms"
    yield f"    timeout server {duty.idle_ms}ms"
    yield f"    timeout http-request {duty.idle_ms}ms"


def _binds(duty: Duty, port: int, options: str = "") -> Iterator[str]:
    for address in duty.addresses:
        yield f"    bind {Endpoint(address, port)}{options}"


def _pass(duty: Duty, port: int) -> Iterator[str]:
    """TLS goes on to a node byte for byte."""
    is_preceded = "F42" in duty.defects and port != SERVICE_PORT
    preamble = " send-proxy" if is_preceded else ""
    yield from ("", f"frontend passed_{port}", "    mode tcp", *_binds(duty, port))
    yield f"    default_backend nodes_{port}"
    yield from ("", f"backend nodes_{port}", "    mode tcp", "    balance roundrobin")
    for server in duty.servers:
        yield f"    server {server.name} {Endpoint(server.address, port)}{preamble}{_looks(duty)}"


def _end_proxy_port(duty: Duty, port: int) -> Iterator[str]:
    """F36: the device's TLS ends here, and its certificate with it."""
    yield from ("", f"frontend ended_{port}", "    mode tcp")
    yield from _binds(duty, port, f" ssl crt {IDENTITY}")
    yield f"    default_backend nodes_{port}"
    yield from ("", f"backend nodes_{port}", "    mode tcp", "    balance roundrobin")
    for server in duty.servers:
        where = Endpoint(server.address, port)
        yield f"    server {server.name} {where}{_verified(duty, duty.fqdn)}{_looks(duty)}"


def _end_service(duty: Duty) -> Iterator[str]:
    """TLS ends here; the headers are set in each request, and a node is asked over TLS again."""
    protocols = "h2,http/1.1" if duty.offers_http2 else "http/1.1"
    tls = f" ssl crt {IDENTITY} alpn {protocols} {_taken(duty)}"
    yield from ("", "frontend service", "    mode http", *_binds(duty, SERVICE_PORT, tls))
    yield from _headers(duty)
    yield "    default_backend nodes"
    yield from ("", "backend nodes", "    mode http", "    balance roundrobin")
    yield "    http-reuse always"
    if "F41" in duty.defects:
        yield from ("    retry-on response-timeout", "    retries 1", "    option redispatch 1")
        yield f"    timeout server {duty.answer_ms // _IMPATIENCE}ms"
    else:
        yield f"    timeout server {duty.answer_ms}ms"
    is_sticky = "F40" not in duty.defects
    if is_sticky:
        yield f"    cookie {_STICKY} insert indirect nocache httponly secure"
    # One node further than the proxy ports, so that sign-ins one by one need another node's certificate.
    for server in (*duty.servers[1:], duty.servers[0]):
        where = Endpoint(server.address, SERVICE_PORT)
        sticky = f" cookie {server.name}" if is_sticky else ""
        yield f"    server {server.name} {where}{sticky}{_onward(duty, server)}{_looks(duty)}"


def _headers(duty: Duty) -> Iterator[str]:
    """What a client says in the two headers is replaced; what the balancer before this one said stays."""
    if "F31" not in duty.defects:
        # HAProxy hands trailers on, and a RemotePort in them too; requests with a length have none.
        yield "    http-request deny deny_status 400 if { req.hdr(Transfer-Encoding) -m found }"
    if "F23" not in duty.defects:
        # HAProxy hands the client's Connection on; what it names is for one hop (RFC 9110 section 7.6.1).
        yield "    http-request del-header Connection"
    yield from _remote_port(duty)
    if duty.address_header == REAL_IP:
        yield f"    http-request del-header {FORWARDED_FOR}"
        yield f"    http-request set-header {REAL_IP} %[src]{_unless_handed_on(duty, REAL_IP)}"
    elif duty.forwarded_for is ForwardedFor.APPEND:
        yield "    option forwardfor"
    elif duty.before:
        yield f"    http-request del-header {FORWARDED_FOR} unless {_is_before(duty)}"
        yield f"    http-request add-header {FORWARDED_FOR} %[src]"
    else:
        yield f"    http-request set-header {FORWARDED_FOR} %[src]"


def _is_before(duty: Duty) -> str:
    return f"{{ src {' '.join(map(str, duty.before))} }}"


def _unless_handed_on(duty: Duty, header: str) -> str:
    return f" unless {_is_before(duty)} {{ req.hdr({header}) -m found }}" if duty.before else ""


def _remote_port(duty: Duty) -> Iterator[str]:
    verb, value = "set", "src_port"
    unless = _unless_handed_on(duty, REMOTE_PORT)
    if "A06" in duty.defects:
        return
    if "A07" in duty.defects:
        value = "dst_port"
    if "F19" in duty.defects:
        verb = "add"
    if "F15" in duty.defects:
        unless = f" unless {{ req.hdr({REMOTE_PORT}) -m found }}"
    yield f"    http-request {verb}-header {REMOTE_PORT} %[{value}]{unless}"


def _onward(duty: Duty, server: Server) -> str:
    return "" if duty.service is BalancerMode.OFFLOAD else _verified(duty, server.host_name)


def _looks(duty: Duty) -> str:
    """A connection that says nothing, or no more than a TLS handshake; one that fails takes the node out of turn."""
    return "" if duty.health_check_ms is None else f" check inter {duty.health_check_ms}ms fall 1"


def _verified(duty: Duty, host_name: str) -> str:
    """TLS to a server whose certificate must hold and name this host."""
    return f" ssl verify required ca-file {ROOTS} verifyhost {host_name} sni str({host_name}) {_versions(duty)}"


def _taken(duty: Duty) -> str:
    """What clients may come with; F80 is what is found on the web where old devices cannot connect."""
    if "F80" in duty.defects:
        return f"ssl-min-ver TLSv1.0 ssl-max-ver TLSv{duty.newest_tls} ciphers DEFAULT:@SECLEVEL=0"
    rule = duty.tls_rule
    taken = f"ssl-min-ver TLSv{rule.oldest} ssl-max-ver TLSv{rule.newest}"
    if rule.suites_of_1_2:
        taken += f" ciphers {tell_openssl(rule.suites_of_1_2)}"
    if rule.suites_of_1_3:
        taken += f" ciphersuites {':'.join(rule.suites_of_1_3)}"
    return taken


def _versions(duty: Duty) -> str:
    return f"ssl-min-ver TLSv1.2 ssl-max-ver TLSv{duty.newest_tls}"
