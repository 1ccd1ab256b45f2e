"""Attribution: which request caused which call-back, sweeping over time.

A call-back belongs to a request that was open at the caller when it was sent. Of several: the one whose headers or
peer name the node and the port it asks for; else the one that names the port, in a header, as its peer's, or as the
true one. What is still several stays several: the checks ask whether it is right or wrong for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from heapq import heappop, heappush

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

_Asked = tuple[Address | None, int]

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
    running: dict[Address, _Running] = defaultdict(_Running)
    following = 0
    for call_back in call_backs:
        now = start(call_back)
        while following < len(requests) and start(requests[following]) <= now + slack_ns:
            request = requests[following]
            running[request.node].add(following, request, machines)
            following += 1
        chosen, matching = running[call_back.caller].find(call_back, now - slack_ns)
        if len(chosen) == 1:
            caused[chosen[0]] += (Caused(call_back=call_back, matches=matching),)
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


class _Running:
    """The requests that are open at one node, by what a call-back of theirs would ask for."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[tuple[_Asked, ...], tuple[int, ...]]] = {}
        """By index, in order of time."""
        self._ends: list[tuple[int, int]] = []
        """A heap: when each ends."""
        self._by_asked: dict[_Asked, dict[int, None]] = defaultdict(dict)
        self._by_port: dict[int, dict[int, None]] = defaultdict(dict)

    def add(self, index: int, request: ServiceRequest, machines: Machines) -> None:
        """Take in the next request."""
        asked, ports = _find_asked(request, machines), _find_ports(request, machines)
        self._open[index] = (asked, ports)
        heappush(self._ends, (end(request), index))
        for key in asked:
            self._by_asked[key][index] = None
        for port in ports:
            self._by_port[port][index] = None

    def find(self, call_back: CallBack, now: int) -> tuple[list[int], bool]:
        """The requests that can have caused a call-back, by index, and whether they name its node and port."""
        while self._ends and self._ends[0][0] < now:
            self._remove(heappop(self._ends)[1])
        matching = {
            **self._by_asked.get((call_back.target, call_back.key), {}),
            **self._by_asked.get((None, call_back.key), {}),
        }
        if matching:
            return sorted(matching), True
        return list(self._by_port.get(call_back.key) or self._open), False

    def _remove(self, index: int) -> None:
        asked, ports = self._open.pop(index)
        for key in asked:
            self._by_asked[key].pop(index)
            if not self._by_asked[key]:
                del self._by_asked[key]
        for port in ports:
            self._by_port[port].pop(index)
            if not self._by_port[port]:
                del self._by_port[port]


def _find_asked(request: ServiceRequest, machines: Machines) -> tuple[_Asked, ...]:
    """The nodes and ports that the request's headers or its peer name; a node None: any."""
    assert request.exchange.request is not None
    named: list[_Asked] = [(machines.client(request.connection), request.connection.client.port)]
    site = machines.site
    port = find_remote_port(request.exchange.request, site)
    if port is not None:
        pick = find_pick(request.exchange.request, site)
        if pick is not None or not site.header_names.forwarded_for:
            named.append((machines.first(pick) if pick is not None else None, port))
    return tuple(dict.fromkeys(named))


def _find_ports(request: ServiceRequest, machines: Machines) -> tuple[int, ...]:
    """The ports that can come from this request: a header's, its peer's, and the true one."""
    assert request.exchange.request is not None
    named = [request.connection.client.port]
    named += find_claimed_ports(request.exchange.request, machines.site)
    if isinstance(request.front, Front):
        named.append(request.front.connection.client.port)
    return tuple(dict.fromkeys(named))


def names_port(request: ServiceRequest, call_back: CallBack, machines: Machines) -> bool:
    """Whether the call-back's port can come from this request."""
    return call_back.key in _find_ports(request, machines)
