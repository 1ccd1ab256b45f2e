"""The attacker."""

from __future__ import annotations

import pytest

from harness.scenario.step import ForgedCallback, ForgedRequest
from tests.world.actors.stage import NODES, VIP, cluster, stage


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("target", "server"),
    [
        ("node1:443", f"{NODES['node1']}:443"),
        ("node1", f"{NODES['node1']}:443"),
        (f"{NODES['node3']}:443", f"{NODES['node3']}:443"),
        ("vip:443", f"{VIP}:443"),
        ("access.example.com:443", f"{VIP}:443"),
    ],
)
async def test_a_request_goes_where_it_is_sent(target: str, server: str) -> None:
    """By the name of a machine, the FQDN, or an address; without the headers' help it signs in nobody."""
    async with stage(cluster()) as running:
        step = ForgedRequest(attacker="mallory", request=target)
        answer = await running.attacker.send_request(step)

        assert answer is not None
        assert answer.status == 403
        assert running.wire.servers("mallory") == (server,)


@pytest.mark.asyncio
async def test_its_headers_go_out_as_written() -> None:
    """Even those that no decent client could send."""
    headers = {"RemotePort": "40000", "x-forwarded-for": "a, b", "X": "1\r\n folded"}
    async with stage(cluster()) as running:
        step = ForgedRequest(attacker="mallory", request="node1:443", headers=headers)
        await running.attacker.forged_request(step)

        (head,) = running.requests(f"{NODES['node1']}:443")
        assert head[2:] == ("RemotePort: 40000", "x-forwarded-for: a, b", "X: 1", " folded")


@pytest.mark.asyncio
@pytest.mark.parametrize(("key", "lines"), [("none", 3), ("wrong", 6), ("shared", 6)])
async def test_a_call_back_is_made_with_a_key_or_without(key: str, lines: int) -> None:
    """Host and Connection, and three lines of proof where it has a key."""
    async with stage(cluster(), defects=("F47",)) as running:
        step = ForgedCallback.model_validate(
            {"attacker": "mallory", "call_back": "node1:5263", "port": 41000, "key": key}
        )
        await running.attacker.forged_callback(step)

        (head,) = running.requests(f"{NODES['node1']}:5263")
        assert head[0] == "GET /certificate/41000 HTTP/1.1"
        assert len(head) == lines


@pytest.mark.asyncio
@pytest.mark.parametrize("target", ["nobody:443", "10.20.0.99:443", "node1:22", "node1:5263"])
async def test_a_closed_door_is_a_normal_end(target: str) -> None:
    """Unknown, unowned, refused, filtered: no exception reaches the scenario."""
    async with stage(cluster()) as running:
        step = ForgedRequest(attacker="mallory", request=target)

        assert await running.attacker.send_request(step) is None


@pytest.mark.asyncio
async def test_keys_are_tried_while_somebody_answers() -> None:
    """One connection for each key, up to the last."""
    async with stage(cluster(), defects=("F47",)) as running:
        step = ForgedCallback(attacker="mallory", call_back="node1:5263", port=40000, up_to=40002)
        await running.attacker.forged_callback(step)

        heads = running.requests(f"{NODES['node1']}:5263")
        assert [head[0].split()[1] for head in heads] == [
            f"/certificate/{port}" for port in (40000, 40001, 40002)
        ]


@pytest.mark.asyncio
async def test_a_silent_port_is_given_up() -> None:
    """The first key that nobody answers is the last."""
    async with stage(cluster()) as running:
        step = ForgedCallback(attacker="mallory", call_back="node1:5263", port=40000, up_to=40002)
        await running.attacker.forged_callback(step)

        assert running.wire.servers("mallory") == (f"{NODES['node1']}:5263",)


@pytest.mark.asyncio
async def test_a_call_back_can_be_sent_again() -> None:
    """The same bytes each time: the same nonce."""
    async with stage(cluster(), defects=("F47",)) as running:
        step = ForgedCallback(attacker="mallory", call_back="node1:5263", key="shared", times=3)
        await running.attacker.forged_callback(step)

        heads = running.requests(f"{NODES['node1']}:5263")
        assert len(heads) == 3
        assert len(set(heads)) == 1


@pytest.mark.asyncio
async def test_raw_bytes_go_out_as_written() -> None:
    """All at once, or one after the other."""
    async with stage(cluster()) as running:
        raw = "GET /x HTTP/1.1\r\nHost: access.example.com\r\nConnection: close\r\n\r\n"
        for pause in (None, 1):
            step = ForgedRequest(
                attacker="mallory", request="node1:443", raw=raw, byte_every_ms=pause
            )
            await running.attacker.forged_request(step)

        heads = running.requests(f"{NODES['node1']}:443")
        assert [head[0] for head in heads] == ["GET /x HTTP/1.1"] * 2
