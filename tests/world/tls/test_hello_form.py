"""Forms of hellos: another hello of a form is what tlslite-ng would have made, and as new as any."""

from __future__ import annotations

from typing import Any

import pytest
from tlslite.messages import ClientHello
from tlslite.utils.codec import Parser

from harness.world.tls import acceleration
from harness.world.tls.android import profile_of
from harness.world.tls.connection import Connection
from harness.world.tls.endpoint import _load, _shaper
from harness.world.tls.hello_form import _FORMS, HelloForm, find_form, keep_form
from harness.world.tls.offer import make_settings
from tests.world.handshake import FQDN, client_settings, device, server_settings, shake

RANDOM, SESSION_ID = slice(11, 43), slice(44, 76)
"""Behind the head of the record."""


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Install acceleration, and forget the forms."""
    acceleration.install()
    make_settings.cache_clear()


def say_hello(
    android: int | None, version: Any = "1.3", *, name: str = FQDN, is_known: bool = True
) -> tuple[bytearray, Connection]:
    """The first record of a client, and the client."""
    shaper = None if android is None else _shaper(profile_of(android))
    client = Connection(
        verify=None, is_certificate_required=False, shape_hello=shaper, sink=lambda *_: None
    )
    settings = make_settings(version, pads_hello=shaper is None)
    pair = _load(device()) if is_known else (None, None)
    steps = client.handshakeClientCert(
        *pair, settings=settings, serverName=name, alpn=[bytearray(b"http/1.1")], async_=True
    )
    assert next(steps) == 0
    return client.memory.outgoing, client


def read(record: bytearray) -> Any:
    """The hello as a server reads it."""
    parser = Parser(record[5:])
    parser.get(1)
    return ClientHello().parse(parser)


@pytest.mark.parametrize(
    ("android", "version"),
    [(None, "1.2"), (None, "1.3"), (7, "1.2"), (9, "1.2"), (10, "1.2"), (10, "1.3"), (13, "1.3")],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_same_but_for_what_is_new(android: int | None, version: Any, *, is_known: bool) -> None:
    """The second hello has another random, session id and key share, and is the first one else."""
    first, _ = say_hello(android, version, is_known=is_known)
    second, client = say_hello(android, version, is_known=is_known)
    shares = [hello.getExtension(51) for hello in map(read, (first, second))]

    assert first[RANDOM] != second[RANDOM] == client.client_random
    if version == "1.3":
        keys = [share.client_shares[0].key_exchange for share in shares]
        assert first[SESSION_ID] != second[SESSION_ID]
        assert keys[0] != keys[1]
        second[SESSION_ID] = first[SESSION_ID]
        at = second.index(keys[1])
        second[at : at + len(keys[1])] = keys[0]
    second[RANDOM] = first[RANDOM]
    assert first == second


def test_what_makes_another_form() -> None:
    """Another name, or no certificate, is no hello of the form that is known."""
    hellos = [
        read(say_hello(13, name=name, is_known=is_known)[0])
        for name in (FQDN, "vip.example.com")
        for is_known in (True, False)
        for _ in range(2)
    ]

    assert [bytes(hello.server_name) for hello in hellos] == [FQDN.encode()] * 4 + [
        b"vip.example.com"
    ] * 4
    assert len(make_settings("1.3", pads_hello=False).forms) == 4


@pytest.mark.asyncio
@pytest.mark.parametrize("groups", [("x25519",), ("secp256r1",), ("secp384r1", "x25519")])
async def test_asked_again(groups: Any) -> None:
    """A server that wants another group is given it, by the first client and by those that follow."""
    for _ in range(3):
        pair = await shake(client_settings(), server_settings(groups=groups))
        await pair.client.write(b"hello")
        assert await pair.server.read() == b"hello"
        await pair.close()


def test_no_form() -> None:
    """A hello of TLS 1.2 has no key share; and few are remembered."""
    _, client = say_hello(None, "1.2")
    forms: dict[tuple[Any, ...], HelloForm] = {}
    hello = read(say_hello(13)[0])
    for number in range(_FORMS + 5):
        keep_form(forms, (number,), hello)

    assert find_form(read(client.memory.outgoing)) is None
    assert len(forms) == 5
