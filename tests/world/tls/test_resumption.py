"""Resumption: a session that is taken up again has the client's chain, and the store decides whether it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.world.tls.resumption import LIFETIME_S, TICKET_KEY_BYTES, SavedSession, SessionStore
from tests.world.handshake import (
    NOW_NS,
    Pair,
    client_settings,
    der_of,
    device,
    echo,
    server_settings,
    shake,
)

pytestmark = pytest.mark.asyncio
WAYS = pytest.mark.parametrize(
    ("version", "kind", "android"),
    [
        ("1.2", "session_ids", None),
        ("1.2", "session_ids", 9),
        ("1.2", "tickets", None),
        ("1.2", "tickets", 13),
        ("1.3", "tickets", None),
        ("1.3", "tickets", 13),
    ],
)


class Clock:
    """A clock that tests set."""

    now_ns = NOW_NS


def make_store(kind: Any = "tickets", **given: Any) -> SessionStore:
    """A store that admits every chain, with the key 0."""
    named = {"key": bytes(TICKET_KEY_BYTES), "admit": lambda chain: True, **given}
    return SessionStore(kind, **{"now_ns": lambda: NOW_NS, **named})


async def visit(
    store: SessionStore, *, version: Any, android: int | None, saved: SavedSession | None = None
) -> tuple[Pair, SavedSession | None]:
    """One connection with data both ways, and the session that the client keeps of it."""
    pair = await shake(
        client_settings(version=version, android=android, session=saved),
        server_settings(store=store),
    )
    echoing = asyncio.create_task(echo(pair.server))
    await pair.client.write(b"hello")
    assert await pair.client.read() == b"hello"
    kept = pair.client.session
    await pair.client.close()
    await echoing
    return pair, kept


@WAYS
async def test_resumed(version: Any, kind: Any, android: int | None) -> None:
    """The second connection is resumed at both ends, and the server knows the chain of the first."""
    store = make_store(kind)
    first, saved = await visit(store, version=version, android=android)
    second, _ = await visit(store, version=version, android=android, saved=saved)

    assert (first.client.resumed, first.server.resumed) == (False, False)
    assert (second.client.resumed, second.server.resumed) == (True, True)
    assert second.server.peer_chain == der_of(device())


@WAYS
async def test_not_admitted(version: Any, kind: Any, android: int | None) -> None:
    """A session whose certificate does not hold any more gives way to a full handshake."""
    asked: list[tuple[bytes, ...]] = []
    store = make_store(kind, admit=lambda chain: bool(asked.append(chain)))
    _, saved = await visit(store, version=version, android=android)
    second, _ = await visit(store, version=version, android=android, saved=saved)

    assert asked == [der_of(device())]
    assert (second.client.resumed, second.server.resumed) == (False, False)
    assert second.server.peer_chain == der_of(device())


@WAYS
async def test_too_old(version: Any, kind: Any, android: int | None) -> None:
    """Nothing is resumed after its lifetime."""
    clock = Clock()
    store = make_store(kind, now_ns=lambda: clock.now_ns)
    _, saved = await visit(store, version=version, android=android)
    clock.now_ns += (LIFETIME_S + 1) * 1_000_000_000
    second, _ = await visit(store, version=version, android=android, saved=saved)

    assert not second.server.resumed


@WAYS
async def test_other_server(version: Any, kind: Any, android: int | None) -> None:
    """A server with a key of its own knows nothing of another one's sessions."""
    _, saved = await visit(make_store(kind), version=version, android=android)
    other = make_store(kind, key=bytes((1,)) * TICKET_KEY_BYTES)
    second, _ = await visit(other, version=version, android=android, saved=saved)

    assert not second.server.resumed
