"""The canary commits what it promises, among its own machines only."""

from __future__ import annotations

import pytest

from harness.site import canary
from harness.world.actors.canary import Canary
from tests.world.actors.stage import MemoryKeys, cluster, make_setting
from tests.world.memory_wire import MemoryWire
from tests.world.wiretap import decrypt, requests

NODE, OTHER_NODE, BALANCER = "198.18.99.1", "198.18.99.2", "198.18.99.10"


async def commit(tls: str = "1.3") -> tuple[MemoryWire, MemoryKeys]:
    """A wire on which a canary has committed everything, and its keys."""
    wire, keys = MemoryWire(), MemoryKeys()
    setting = make_setting(cluster(tls=tls), keys=keys)
    await Canary(
        wire.host("canary-node", canary.NODE),
        wire.host("canary-other-node", canary.OTHER_NODE),
        wire.host("canary-balancer", canary.BALANCER),
        wire.host("canary-device", canary.DEVICE),
        setting,
    ).commit()
    await wire.close()
    return wire, keys


@pytest.mark.asyncio
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
async def test_each_machine_talks_to_whom_it_must_not(tls: str) -> None:
    """One SYN to nobody, and five connections, all of them served."""
    wire, _ = await commit(tls)

    seen = sorted((a.host, str(a.server), a.outcome) for a in wire.attempts)
    assert seen == [
        ("canary-balancer", f"{NODE}:443", "connected"),
        ("canary-device", f"{NODE}:5262", "connected"),
        ("canary-device", f"{NODE}:5263", "connected"),
        ("canary-node", f"{BALANCER}:443", "connected"),
        ("canary-node", f"{OTHER_NODE}:5263", "connected"),
        ("canary-node", "198.18.99.99:443", "silence"),
    ]


@pytest.mark.asyncio
async def test_it_stays_in_its_network_and_ends_in_order() -> None:
    """No packet to a machine of the site; no listener, no reset is left."""
    wire, _ = await commit()

    addresses = {end.address for a in wire.attempts for end in (a.client, a.server)}
    assert all(address in canary.NETWORK for address in addresses if address.version == 4)
    assert [s.peer for s in wire.served if s.is_aborted or s._is_reset] == []
    for address in (canary.NODE, canary.OTHER_NODE, canary.BALANCER):
        owner = wire.owner(address)
        assert owner is not None
        assert owner.listeners == {}


@pytest.mark.asyncio
async def test_its_requests_are_the_violations() -> None:
    """An untrue pair of headers, a call-back that follows it, two RemotePort lines, a CONNECT without certificate."""
    wire, keys = await commit()

    astray, twice = requests(wire, keys.sessions, f"{NODE}:443")
    front = next(a for a in wire.attempts if str(a.server) == f"{BALANCER}:443")
    untrue = front.client.port ^ 1
    assert astray[2:] == (f"X-Forwarded-For: {OTHER_NODE}", f"RemotePort: {untrue}")
    assert twice[2:] == (f"X-Forwarded-For: {NODE}", "RemotePort: 40000", "RemotePort: 40000")
    (asked,) = requests(wire, keys.sessions, f"{OTHER_NODE}:5263")
    assert asked[0] == f"GET /certificate/{untrue} HTTP/1.1"


@pytest.mark.asyncio
async def test_a_tunnel_is_opened_without_a_certificate() -> None:
    """The server asks for none, and answers the CONNECT with 200."""
    wire, keys = await commit()
    (stream,) = [s for s in wire.served if str(s.local) == f"{NODE}:5262"]

    session, asked, answered = decrypt(stream, keys.sessions)

    assert session.certificate_request is None
    assert asked.startswith(b"CONNECT 198.18.99.10:443 HTTP/1.1\r\n")
    assert answered.startswith(b"HTTP/1.1 200 ")


@pytest.mark.asyncio
async def test_what_is_joined_is_equal() -> None:
    """Target and answer of the request before and behind the balancer, so that the judge can join them."""
    wire, keys = await commit()
    before, behind = (
        next(s for s in wire.served if str(s.local) == server)
        for server in (f"{BALANCER}:443", f"{NODE}:443")
    )

    _, asked, answered = decrypt(before, keys.sessions)
    _, asked_behind, answered_behind = decrypt(behind, keys.sessions)

    assert asked.split(b"\r\n")[0] == asked_behind.split(b"\r\n")[0]
    # Behind the balancer, one more request follows, and its answer.
    assert answered_behind == answered * 2
