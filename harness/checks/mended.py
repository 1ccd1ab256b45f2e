"""Mended: requests that could be read in two ways, and that a balancer passed on in one.

Whoever receives a request may put some of what is odd about it right instead of refusing it: join a folded line
(RFC 9112 section 5.2), take a bare LF for the end of a line (2.2), read equal lengths as one (6.3 item 5), or the
chunks where there is a length as well (6.3 item 3), and replace control characters in a value (RFC 9110 section 5.5).
What counts then is what it made of it: one request, with nothing odd left, and no line that stood inside a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from harness.trace.connection import Connection
from harness.trace.http import HTTP_2, Header, Malformed, Request
from harness.trace.journey import Front, Journeys, ServiceRequest

Mended = Mapping[tuple[int, int], bool]
"""Number of a connection to a balancer and which of its exchanges, of odd requests that were seen behind it; True: put
right."""

_BLANKS = b" \t"


def find_mended(journeys: Journeys) -> Mended:
    """Every odd request that a balancer passed on, and whether all that it made of it is right."""
    made: dict[tuple[int, int], bool] = {}
    for request, front, odd in _find_odd(journeys):
        index = next(i for i, e in enumerate(front.connection.exchanges) if e is front.exchange)
        if any(malformed.exchange == index for malformed in odd):
            key = front.connection.number, index
            made[key] = made.get(key, True) and _is_whole(request, front)
    return MappingProxyType(made)


def find_torn(journeys: Journeys) -> Iterator[tuple[ServiceRequest, Front, Header]]:
    """Lines of requests to a node that stood inside a value when the balancer got them (F83)."""
    for request, front, _ in _find_odd(journeys):
        for line in _torn_lines(request, front):
            yield request, front, line


def _find_odd(
    journeys: Journeys,
) -> Iterator[tuple[ServiceRequest, Front, tuple[Malformed, ...]]]:
    """Requests behind a balancer on whose connection to the balancer something was odd."""
    for request in journeys.requests:
        front = request.front
        # They are rare, and requests are not.
        if isinstance(front, Front) and front.exchange is not None and front.connection.malformed:
            odd = find_odd_requests(front.connection)
            if odd and front.connection is not request.connection:
                yield request, front, odd


def find_odd_requests(connection: Connection) -> tuple[Malformed, ...]:
    """What a client sent that two readers of HTTP could see differently."""
    return tuple(m for m in connection.malformed if m.layer == "http" and m.sender == "client")


def is_length_doubtful(request: Request) -> bool:
    """Whether what follows a request may be a part of it: then it must be the last one, even where it was put right.

    RFC 9112 sections 6.1 and 6.3: Transfer-Encoding beside Content-Length, or in HTTP/1.0. HTTP/2 has frames for that.
    """
    if request.version == HTTP_2:
        return False
    is_beside = bool(request.values("Content-Length")) or request.version == b"HTTP/1.0"
    return is_beside and bool(request.values("Transfer-Encoding"))


def _is_whole(request: ServiceRequest, front: Front) -> bool:
    """Whether a request to a node is its front's, put right."""
    if front.exchange is None or front.exchange.request is None:
        return False
    own = next(i for i, e in enumerate(request.connection.exchanges) if e is request.exchange)
    left = (m.exchange for m in find_odd_requests(request.connection))
    return (
        not must_be_refused(front.exchange.request)
        and not any(exchange in (own, None) for exchange in left)
        and not any(_torn_lines(request, front))
    )


def must_be_refused(request: Request) -> bool:
    """What nobody may put right: a blank before the colon (RFC 9112 section 5.1), or several Hosts (3.2).

    The same Host twice has to be refused too, but whoever takes it for one reads what everybody reads. Nothing that is
    malformed in HTTP/2 may be passed on (RFC 9113 section 8.1.1).
    """
    if request.version == HTTP_2:
        return True
    is_blurred = any(header.name != header.name.strip() for header in request.headers)
    return is_blurred or len({host.lower() for host in request.values("Host")}) > 1


def _torn_lines(request: ServiceRequest, front: Front) -> Iterator[Header]:
    got, sent = request.exchange.request, front.exchange.request if front.exchange else None
    if got is None or sent is None:
        return
    inside = {_line(part) for header in sent.headers for part in _after_breaks(header.value)}
    inside -= {_line(header.name + b":" + header.value) for header in sent.headers}
    for header in got.headers:
        if inside and _line(header.name + b":" + header.value) in inside:
            yield header


def _after_breaks(value: bytes) -> list[bytes]:
    """What stands behind the line breaks of a value."""
    return value.replace(b"\r", b"\n").split(b"\n")[1:]


def _line(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.partition(b":")
    return name.strip(_BLANKS).lower(), value.strip(_BLANKS)
