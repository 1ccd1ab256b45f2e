"""Attribution: which request caused which call-back, sweeping over time.

A call-back belongs to a request that was open at the caller when it was sent. Of several: the one whose headers or
peer name the node and the port it asks for; else the one that names the port, in a header, as its peer's, or as the
true one. What is still several stays several: the checks ask whether it is right or wrong for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from harness.checks.headers import find_claimed_ports, find_pick, find_remote_port
from harness.checks.legs import Machines
from harness.net.address import Address
from harness.trace.journey import (
    CallBack,
    Caused,
    Front,
    Journeys,
    ServiceRequest,
    UnclearCallBack,
)

UNNOTICED_NS = 30_000_000_000
"""So long may a node go on with a request whose client broke off."""


def start(observation: ServiceRequest | CallBack) -> int:
    """When the request was sent."""
    assert observation.exchange.request is not None
    return observation.exchange.request.first_ns


def end(request: ServiceRequest) -> int:
    """When the answer was complete; without one, some time after the connection ended: the node may not notice."""
    response = request.exchange.response
    return response.last_ns if response is not None else request.connection.closed_ns + UNNOTICED_NS


def attribute(
    requests: list[ServiceRequest],
    call_backs: tuple[CallBack, ...],
    machines: Machines,
    *,
    slack_ns: int = 0,
) -> Journeys:
    """Find the cause of each call-back.

    Args:
        requests: in order of time.
        call_backs: in order of time.
        machines: the site's.
        slack_ns: by how much times of several files may be apart.
    """
    caused: dict[int, tuple[Caused, ...]] = defaultdict(tuple)
    perhaps: dict[int, tuple[CallBack, ...]] = defaultdict(tuple)
    unclear: list[tuple[CallBack, tuple[int, ...]]] = []
    uncaused: list[CallBack] = []
    running: dict[Address, list[int]] = defaultdict(list)
    following = 0
    for call_back in call_backs:
        now = start(call_back)
        while following < len(requests) and start(requests[following]) <= now + slack_ns:
            running[requests[following].node].append(following)
            following += 1
        running[call_back.caller] = [
            i for i in running[call_back.caller] if end(requests[i]) >= now - slack_ns
        ]
        possible = running[call_back.caller]
        matching = [i for i in possible if _matches(requests[i], call_back, machines)]
        chosen = matching or [i for i in possible if names_port(requests[i], call_back, machines)]
        chosen = chosen or possible
        if len(chosen) == 1:
            caused[chosen[0]] += (Caused(call_back=call_back, matches=bool(matching)),)
        elif chosen:
            unclear.append((call_back, tuple(chosen)))
            for index in chosen:
                perhaps[index] += (call_back,)
        else:
            uncaused.append(call_back)
    attributed = tuple(
        replace(r, call_backs=caused[i], perhaps=perhaps[i]) if i in caused or i in perhaps else r
        for i, r in enumerate(requests)
    )
    return Journeys(
        requests=attributed,
        ambiguous=tuple(call_back for call_back, _ in unclear),
        unclear=tuple(
            UnclearCallBack(call_back=call_back, requests=tuple(attributed[i] for i in chosen))
            for call_back, chosen in unclear
        ),
        uncaused=tuple(uncaused),
    )


def _matches(request: ServiceRequest, call_back: CallBack, machines: Machines) -> bool:
    """Whether the call-back asks the node and port that the request's headers or its peer name."""
    assert request.exchange.request is not None
    asked = (call_back.target, call_back.key)
    if asked == (machines.client(request.connection), request.connection.client.port):
        return True
    site = machines.site
    remote_port = find_remote_port(request.exchange.request, site)
    if not site.headers.forwarded_for:
        return call_back.key == remote_port
    pick = find_pick(request.exchange.request, site)
    return pick is not None and asked == (machines.first(pick), remote_port)


def names_port(request: ServiceRequest, call_back: CallBack, machines: Machines) -> bool:
    """Whether the call-back's port can come from this request: a header's, its peer's, or the true one."""
    assert request.exchange.request is not None
    return (
        call_back.key == request.connection.client.port
        or call_back.key in find_claimed_ports(request.exchange.request, machines.site)
        or (
            isinstance(request.front, Front)
            and call_back.key == request.front.connection.client.port
        )
    )
