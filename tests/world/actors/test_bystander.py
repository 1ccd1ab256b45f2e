"""The bystander."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.scenario.scenario import Device, TunnelRule
from harness.world.actors.http1 import HttpClient, Request
from harness.world.tls.endpoint import ClientSettings, open_client
from tests.world.actors.stage import ATTACKER, BYSTANDER, cluster, stage

LONG_NS = 5_000_000_000


@pytest.mark.asyncio
@pytest.mark.parametrize("port", [443, 8443])
async def test_it_answers_everybody_that_it_is_the_wrong_one(port: int) -> None:
    """On each of its ports, with a certificate that is good for its name and address."""
    async with stage(cluster()) as running:
        host = running.wire.owner(ip_address(ATTACKER))
        assert host is not None
        for name in ("bystander", ip_address(BYSTANDER)):
            stream = await host.connect(Endpoint(ip_address(BYSTANDER), port), timeout_ns=LONG_NS)
            settings = ClientSettings(
                server_name="bystander",
                verify=running.setting.pki.server_verifier(name, roots="public"),
            )
            tls = await open_client(stream, settings, keys=running.keys, timeout_ns=LONG_NS)
            request = Request(method=b"GET", target=b"/", headers=((b"Host", b"bystander"),))
            answer = await HttpClient(tls, timeout_ns=LONG_NS).exchange(request)
            await tls.close()

            assert (answer.status, answer.body) == (200, b"not here\n")


@pytest.mark.asyncio
async def test_whoever_is_led_there_is_not_signed_in() -> None:
    """A 200 that names no user."""
    device = Device(user="alice@example.com", tunnel=(TunnelRule(host="*"),))
    async with stage(cluster(), device=device, defects=("F57",)) as running:
        answers = await running.sign_in(host="bystander")

        assert [answer.status for answer in answers] == [200]
        assert await running.user(host="bystander") is None
