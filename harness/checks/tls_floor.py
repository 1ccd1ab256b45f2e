"""The floor: which TLS versions and suites the machines of a site may take, where the site states it (F80).

The vendor's documents state none, so that a site without such a rule breaks none.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Judgement
from harness.checks.evidence import opening, seen
from harness.trace.connection import Connection
from harness.trace.tls import TlsSession
from harness.verdict.finding import Finding

VERSIONS = {"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304}
"""RFC 8446 section 4.2.1."""
_SSL_3 = 0x0300


def judge_floor(case: Case) -> Iterator[Judgement]:
    """Every ServerHello of a machine of the site that picks something below what the site demands."""
    oldest, suites = case.site.oldest_tls, case.site.tls_suites
    if oldest is None and not suites:
        return
    legs = case.legs
    listed = {
        c.number: c for c in (*legs.outer, *legs.proxy, *legs.fronts, *legs.service, *legs.admin)
    }
    for connection in listed.values():
        tls = connection.tls
        if tls is None or tls.server_hello is None or tls.version is None:
            continue
        taken = []
        if oldest is not None and tls.version < VERSIONS[oldest]:
            taken.append(f"{_tell_version(tls.version)}, but the site demands TLS {oldest}")
        if suites and tls.cipher_suite_name not in suites:
            taken.append(f"{tls.cipher_suite_name}, which is not in the site's tls_suites")
        for what in taken:
            yield _finding(case, connection, tls, what)


def _tell_version(version: int) -> str:
    names = {code: f"TLS {name}" for name, code in VERSIONS.items()}
    return names.get(version) or ("SSL 3.0" if version == _SSL_3 else f"TLS version {version:#06x}")


def _finding(case: Case, connection: Connection, tls: TlsSession, what: str) -> Finding:
    server, client = case.machines.tell_server(connection), case.machines.tell_client(connection)
    return Finding(
        message=f"{server} took {client} with {what}",
        packets=seen(tls.client_hello, tls.server_hello) or opening(connection),
        endpoints=(connection.client, connection.server),
    )
