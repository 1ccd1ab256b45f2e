"""The responder serves two resources, and refuses what it does not understand."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint, parse_address
from harness.site.site import Revocation
from harness.world.actors.http1 import HttpClient, Request
from tests.world.actors.stage import ATTACKER, LONG_NS, cluster, stage

ADDRESS = parse_address("10.20.0.53")
SITE = cluster().model_copy(update={"revocation": Revocation(address=ADDRESS, port=8080)})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        (b"GET", b"/users.crl", b"", 200),
        (b"POST", b"/ocsp", b"no DER", 400),
        (b"GET", b"/ocsp", b"", 404),
        (b"GET", b"/", b"", 404),
    ],
)
async def test_what_it_answers(method: bytes, target: bytes, body: bytes, status: int) -> None:
    """On the port of the site."""
    async with stage(SITE) as running:
        host = running.wire.owner(ip_address(ATTACKER))
        assert host is not None
        stream = await host.connect(Endpoint(ADDRESS, 8080), timeout_ns=LONG_NS)
        request = Request(method=method, target=target, headers=((b"Host", b"r"),), body=body)
        answer = await HttpClient(stream, timeout_ns=LONG_NS).exchange(request)
        await stream.close()

        assert answer.status == status
