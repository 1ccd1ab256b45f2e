"""nginx as a balancer: its configuration, as an administrator writes it for a cert-proxy cluster.

A client connection stays with one node, and the node's certificate must have its name. The open-source nginx cannot
demand another name of each server of one upstream group: every node is a group of its own, and a hash chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.net.address import Endpoint
from harness.net.forwarding import FORWARDED_FOR, REAL_IP, REMOTE_PORT
from harness.site.site import SERVICE_PORT, BalancerMode, ForwardedFor
from harness.world.actors.duty import IDENTITY, ROOTS, Duty, tell_openssl

CONFIGURATION = "nginx.conf"
_IDLE_CONNECTIONS = 16
"""To one node, kept for the next request."""
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""Folders that nginx makes, wanted or not."""


def build_command(path: str) -> tuple[str, ...]:
    """How it is started: everything it writes stands in its folder, and what it says goes to stderr."""
    return (path, "-p", ".", "-e", "stderr", "-c", CONFIGURATION)


def build_configuration(duty: Duty, *, modules: Sequence[str] = ()) -> str:
    """The whole file; `modules` are those to load first."""
    lines = [f"load_module {module};" for module in modules]
    # One process in the foreground. Its user counts for root alone, which must not try to become another one.
    lines += ["daemon off;", "master_process off;", "user root root;", "pid nginx.pid;"]
    lines += ["error_log stderr warn;", "events { worker_connections 8192; }", ""]
    lines += ["stream {", *_indented(_stream(duty)), "}"]
    if duty.service.ends_tls:
        lines += ["", "http {", *_indented(_http(duty)), "}"]
    return "\n".join(lines) + "\n"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" if line else "" for line in lines)


def _listens(duty: Duty, port: int, options: str = "") -> Iterator[str]:
    for address in duty.addresses:
        yield f"listen {Endpoint(address, port)}{options};"


def _stream(duty: Duty) -> Iterator[str]:
    """The ports whose bytes go on as they are; with F36 those whose TLS ends here."""
    yield f"proxy_connect_timeout {duty.answer_ms // len(duty.servers)}ms;"
    yield f"proxy_timeout {duty.idle_ms}ms;"
    for port in (*duty.ended_ports, *duty.passed_ports):
        yield f"upstream nodes_{port} {{"
        yield from (f"    server {Endpoint(one.address, port)};" for one in duty.servers)
        yield "}"
        yield "server {"
        yield from _indented(_stream_server(duty, port))
        yield "}"


def _stream_server(duty: Duty, port: int) -> Iterator[str]:
    is_ended = port in duty.ended_ports
    yield from _listens(duty, port, " ssl" if is_ended else "")
    if is_ended:
        yield from _identity(duty)
        yield from ("proxy_ssl on;", *_verified(duty, duty.fqdn))
    elif "F42" in duty.defects and port != SERVICE_PORT:
        yield "proxy_protocol on;"
    yield f"proxy_pass nodes_{port};"


def _http(duty: Duty) -> Iterator[str]:
    """The service port: TLS ends here, and the headers are set in each request."""
    yield "access_log off;"
    yield from (f"{name}_temp_path {name};" for name in _TEMPORARY)
    yield from _choice(duty)
    for server in duty.servers:
        yield f"upstream {server.host_name} {{"
        yield f"    server {Endpoint(server.address, SERVICE_PORT)};"
        yield f"    keepalive {_IDLE_CONNECTIONS};"
        yield "}"
    yield from _maps(duty)
    yield "server {"
    yield from _indented(_http_server(duty))
    yield "}"


def _choice(duty: Duty) -> Iterator[str]:
    """The node of a request: that of its connection; with F40 any, each time."""
    of = "$request_id" if "F40" in duty.defects else "$remote_addr:$remote_port"
    share = 10_000 // len(duty.servers)
    yield f'split_clients "{of}" $node {{'
    for server in duty.servers[1:]:
        yield f"    {share // 100}.{share % 100:02}% {server.host_name};"
    yield f"    * {duty.servers[0].host_name};"
    yield "}"


def _maps(duty: Duty) -> Iterator[str]:
    """Values that depend on the request."""
    if duty.before:
        yield "geo $is_handed_on {"
        yield "    default no;"
        yield from (f"    {address} yes;" for address in duty.before)
        yield "}"
        yield _unless_handed_on("$told_port", "$http_remoteport", "$remote_port")
        if duty.address_header == REAL_IP:
            yield _unless_handed_on("$told_address", "$http_x_real_ip", "$remote_addr")
        else:
            yield "map $is_handed_on $told_address { yes $proxy_add_x_forwarded_for; no $remote_addr; }"
    elif "F15" in duty.defects:
        yield 'map $http_remoteport $told_port { "" $remote_port; default $http_remoteport; }'
    elif "F20" in duty.defects:
        yield 'map $http_remoteport $told_port { "" $remote_port; default "$http_remoteport, $remote_port"; }'


def _unless_handed_on(name: str, told: str, own: str) -> str:
    return f'map "$is_handed_on {told}" {name} {{ default {own}; "~^yes ." {told}; }}'


def _http_server(duty: Duty) -> Iterator[str]:
    yield from _listens(duty, SERVICE_PORT, " ssl http2" if duty.offers_http2 else " ssl")
    yield from _identity(duty)
    yield f"client_header_timeout {duty.idle_ms}ms;"
    yield f"client_body_timeout {duty.idle_ms}ms;"
    yield f"keepalive_timeout {duty.idle_ms}ms;"
    yield "location / {"
    yield from _indented(_location(duty))
    yield "}"


def _location(duty: Duty) -> Iterator[str]:
    is_clear = duty.service is BalancerMode.OFFLOAD
    yield f"proxy_pass {'http' if is_clear else 'https'}://$node;"
    yield "proxy_http_version 1.1;"
    connection = "$http_connection" if "F23" in duty.defects else '""'
    yield f"proxy_set_header Connection {connection};"
    yield "proxy_set_header Host $http_host;"
    yield from _headers(duty)
    yield f"proxy_connect_timeout {duty.answer_ms}ms;"
    yield f"proxy_read_timeout {duty.answer_ms}ms;"
    if not is_clear:
        yield from _verified(duty, "$node")


def _headers(duty: Duty) -> Iterator[str]:
    """What a client says in the two headers is replaced; what the balancer before this one said stays."""
    if "A06" not in duty.defects:
        is_mapped = bool(duty.before) or bool({"F15", "F20"} & duty.defects)
        port = "$told_port" if is_mapped else "$remote_port"
        port = "$server_port" if "A07" in duty.defects else port
        yield f"proxy_set_header {REMOTE_PORT} {port};"
    address = "$told_address" if duty.before else "$remote_addr"
    if duty.address_header == REAL_IP:
        yield f'proxy_set_header {FORWARDED_FOR} "";'
        yield f"proxy_set_header {REAL_IP} {address};"
    elif duty.forwarded_for is ForwardedFor.APPEND:
        yield f"proxy_set_header {FORWARDED_FOR} $proxy_add_x_forwarded_for;"
    else:
        yield f"proxy_set_header {FORWARDED_FOR} {address};"


def _identity(duty: Duty) -> Iterator[str]:
    yield f"ssl_certificate {IDENTITY};"
    yield f"ssl_certificate_key {IDENTITY};"
    if "F80" in duty.defects:
        # What is found on the web where old devices cannot connect.
        yield f"ssl_protocols TLSv1 TLSv1.1 {_versions(duty)};"
        yield "ssl_ciphers DEFAULT:@SECLEVEL=0;"
        return
    rule = duty.tls_rule
    versions = dict.fromkeys((rule.oldest, rule.newest))
    yield f"ssl_protocols {' '.join(f'TLSv{version}' for version in versions)};"
    if rule.suites_of_1_2:
        yield f"ssl_ciphers {tell_openssl(rule.suites_of_1_2)};"
    if rule.suites_of_1_3:
        yield f"ssl_conf_command Ciphersuites {':'.join(rule.suites_of_1_3)};"


def _verified(duty: Duty, host_name: str) -> Iterator[str]:
    """TLS to a server whose certificate must hold and name this host."""
    yield f"proxy_ssl_trusted_certificate {ROOTS};"
    yield "proxy_ssl_verify on;"
    yield "proxy_ssl_verify_depth 3;"
    yield "proxy_ssl_server_name on;"
    yield f"proxy_ssl_name {host_name};"
    yield f"proxy_ssl_protocols {_versions(duty)};"


def _versions(duty: Duty) -> str:
    return "TLSv1.2" if duty.newest_tls == "1.2" else "TLSv1.2 TLSv1.3"
