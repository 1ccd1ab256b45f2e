"""Who is signed in: device to user, as the service answered, from packets alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.checks.case import Case
from harness.checks.sign_in import find_user
from harness.net.address import Endpoint
from harness.trace.connection import Connection
from harness.trace.journey import Proxied


def find_signed_in(case: Case) -> Mapping[str, str]:
    """The user of each device's last successful answer, by device name, sorted."""
    behind = {connection.number: proxied for connection, proxied in case.journeys.proxied}
    answers: list[tuple[int, str, str]] = []
    for connection in filter(case.trace.owns, case.legs.fronts):
        device = _find_device(case, connection, behind.get(connection.number))
        if device is None:
            continue
        for exchange in connection.exchanges:
            response = exchange.response
            user = find_user(response, case.site)
            if response is not None and user is not None:
                answers.append((response.last_ns, _name(case, device), user))
    last = {name: user for _, name, user in sorted(answers)}
    return MappingProxyType(dict(sorted(last.items())))


def _find_device(case: Case, front: Connection, proxied: object) -> Endpoint | None:
    """The device behind a connection to the service; None: it was not found."""
    client = case.machines.client(front)
    if client in case.machines.balancers:
        return None  # It hands on what a device has sent.
    if client not in case.machines.nodes:
        return front.client
    return proxied.device if isinstance(proxied, Proxied) else None


def _name(case: Case, device: Endpoint) -> str:
    named = case.note.device(device) if case.note is not None else None
    return named or case.machines.name(device.address) or str(device.address)
