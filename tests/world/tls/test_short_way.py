"""The short way: taken by all that is usual, and with the same end as the long one for all that is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tlslite.constants import ContentType
from tlslite.errors import TLSAbruptCloseError, TLSError, TLSLocalAlert, TLSRemoteAlert
from tlslite.messages import Alert, ApplicationData, ChangeCipherSpec, Message
from tlslite.tlsrecordlayer import TLSRecordLayer

from harness.world.tls import acceleration
from harness.world.tls.connection import Connection
from harness.world.tls.endpoint import _load
from harness.world.tls.offer import make_settings
from tests.world.handshake import FQDN, device, node

ALPN = [bytearray(b"http/1.1")]


class LongWay(Connection):
    """A connection that leaves everything to tlslite-ng."""

    _TAKES_RECORDS = False

    def _send_at_once(self, msg: Any, *, is_hashed: bool) -> bool:
        return False


KINDS = pytest.mark.parametrize("kind", [Connection, LongWay])


@pytest.fixture(autouse=True)
def installed() -> None:
    """Install acceleration, as every endpoint does."""
    acceleration.install()


def make_pair(kind: type[Connection]) -> tuple[Connection, Connection]:
    """A client and a server; nothing is sent yet."""
    client, server = (
        kind(verify=None, is_certificate_required=is_server, shape_hello=None, sink=lambda *_: None)
        for is_server in (False, True)
    )
    return client, server


def start(
    client: Connection, server: Connection, version: Any = "1.3"
) -> tuple[Iterator[Any], Iterator[Any]]:
    """Both handshakes, mutual."""
    settings = make_settings(version)
    chain, key = _load(device())
    near = client.handshakeClientCert(
        chain, key, settings=settings, serverName=FQDN, alpn=ALPN, async_=True
    )
    chain, key = _load(node())
    far = server.handshakeServerAsync(
        certChain=chain, privateKey=key, reqCert=True, settings=settings, alpn=ALPN
    )
    return near, far


def run(connection: Connection, steps: Iterator[Any]) -> Any:
    """Go on until it needs more bytes (None), has a result, or has ended ("done")."""
    for step in steps:
        if not isinstance(step, int):
            return step
        if step == 0 and not connection.memory.incoming and not connection.memory.is_at_eof:
            return None
    return "done"


def carry(sender: Connection, receiver: Connection, steps: Iterator[Any], piece: int) -> Any:
    """Hand over what was sent, a piece at a time, and let the receiver go on after each."""
    data = bytes(sender.memory.outgoing)
    sender.memory.outgoing.clear()
    result = None
    for at in range(0, len(data), piece):
        receiver.memory.incoming += data[at : at + piece]
        result = run(receiver, steps)
    return result


def shake(client: Connection, server: Connection, version: Any = "1.3", piece: int = 65536) -> None:
    """Do the handshake."""
    near, far = start(client, server, version)
    results = [run(client, near), run(server, far)]
    for _ in range(4):
        results[1] = carry(client, server, far, piece) or results[1]
        results[0] = carry(server, client, near, piece) or results[0]
    assert results == ["done", "done"]


def say(sender: Connection, text: bytes) -> None:
    """Send application data."""
    assert run(sender, sender.writeAsync(text)) == "done"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 60, 1000, 65536])
@KINDS
def test_pieces(kind: type[Connection], version: Any, piece: int) -> None:
    """However the bytes come, the handshake is done, and data arrive."""
    client, server = make_pair(kind)
    shake(client, server, version, piece)
    say(client, b"a request")

    assert carry(client, server, server.receive(), piece) == b"a request"
    assert len(server.peer_chain) == len(device().chain_pem)
    assert client.client_random == server.client_random


def test_usual_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake, data both ways and the end go through tlslite-ng's layers only where they wait or end."""
    taken: Counter[str] = Counter()

    def note(name: str) -> Callable[..., Any]:
        original = getattr(TLSRecordLayer, name)

        def long_way(self: Any, *details: Any, **named: Any) -> Any:
            taken[name] += 1
            return original(self, *details, **named)

        return long_way

    for name in ("_sendMsg", "_getMsg", "_getNextRecordFromSocket"):
        monkeypatch.setattr(TLSRecordLayer, name, note(name))
    client, server = make_pair(Connection)
    shake(client, server)
    for sender, receiver in ((client, server), (server, client)):
        say(sender, b"text")
        assert carry(sender, receiver, receiver.receive(), 65536) == b"text"
    assert not taken

    for sender, receiver in ((client, server), (server, client)):
        assert run(sender, sender.send_close_notify()) == "done"
        assert carry(sender, receiver, receiver.receive(), 65536) == b""
    assert taken == {"_getMsg": 2}


def flip(data: bytearray) -> None:
    """Break the seal."""
    data[-1] ^= 1


def rename(data: bytearray) -> None:
    """Another content type outside."""
    data[0] = ContentType.handshake


def age(data: bytearray) -> None:
    """Another version outside."""
    data[2] = 1


def inflate(data: bytearray) -> None:
    """More than a record may hold."""
    data[3:5] = (0x41, 0x02)
    data += bytes(0x4102)


def cut(data: bytearray) -> None:
    """Less than a seal."""
    data[3:5] = (0, 5)
    del data[10:]


def nothing(data: bytearray) -> None:
    """As it was."""


def double(data: bytearray) -> None:
    """The same record again, with a sequence number that is over."""
    data += data


UNUSUAL = [
    pytest.param(lambda end: say(end, b"text"), nothing, b"text", id="usual"),
    pytest.param(lambda end: say(end, b"text"), flip, "alert 20", id="broken seal"),
    pytest.param(lambda end: say(end, b"text"), rename, "alert 10", id="wrong type"),
    pytest.param(lambda end: say(end, b"text"), age, "alert 47", id="wrong version"),
    pytest.param(lambda end: say(end, b"text"), inflate, "alert 22", id="too long"),
    pytest.param(lambda end: say(end, b"text"), cut, "alert 20", id="too short"),
    pytest.param(lambda end: send(end, Message(99, bytearray(1))), nothing, "alert 10", id="99"),
    pytest.param(lambda end: send(end, ChangeCipherSpec()), nothing, "alert 10", id="ccs"),
    pytest.param(lambda end: send(end, ApplicationData()), nothing, None, id="empty"),
    pytest.param(lambda end: send(end, Message(22, bytearray())), nothing, "alert 10", id="void"),
    pytest.param(
        lambda end: send(end, Message(22, bytearray((14, 0, 0, 0)))), nothing, "alert 10", id="14"
    ),
    pytest.param(lambda end: send(end, Message(22, bytearray(2))), nothing, None, id="part"),
    pytest.param(lambda end: send(end, Alert().create(0, 1)), nothing, b"", id="close_notify"),
    pytest.param(lambda end: send(end, Alert().create(90, 2)), nothing, "peer's 90", id="fatal"),
    pytest.param(lambda end: say_padded(end, b"text"), nothing, b"text", id="padded"),
    pytest.param(lambda end: interleave(end), nothing, "alert 10", id="interleaved"),
]


def send(end: Connection, message: Any) -> None:
    """Send any message, whatever the sender's state says to it."""
    for _ in end._sendMsg(message, update_hashes=False):
        pass


def say_padded(end: Connection, text: bytes) -> None:
    """Hide its length (RFC 8446 section 5.4)."""
    end._recordLayer.padding_cb = lambda *_: 7
    say(end, text)


def interleave(end: Connection) -> None:
    """Application data in the midst of a handshake message."""
    send(end, Message(ContentType.handshake, bytearray((4, 0, 0))))
    say(end, b"text")


@pytest.mark.parametrize(("act", "change", "outcome"), UNUSUAL)
@pytest.mark.parametrize("piece", [1, 65536])
@KINDS
def test_unusual(
    kind: type[Connection],
    act: Callable[[Connection], None],
    change: Callable[[bytearray], None],
    outcome: Any,
    piece: int,
) -> None:
    """What is received, and the alert that goes back, are tlslite-ng's."""
    client, server = make_pair(kind)
    shake(client, server)
    act(client)
    change(client.memory.outgoing)
    try:
        got = carry(client, server, server.receive(), piece)
    except TLSLocalAlert as error:
        got = f"alert {error.description}"
    except TLSRemoteAlert as error:
        got = f"peer's {error.description}"

    assert got == outcome
    assert bool(server.memory.outgoing) == str(got).startswith("alert")


@pytest.mark.parametrize("is_after", [False, True], ids=["in the handshake", "after it"])
@KINDS
def test_abrupt_end(kind: type[Connection], is_after: bool) -> None:
    """An end without close_notify is told, also to who waits for the first message."""
    client, server = make_pair(kind)
    if is_after:
        shake(client, server)
    steps = server.receive() if is_after else start(client, server)[1]
    assert run(server, steps) is None
    server.memory.is_at_eof = True

    with pytest.raises(TLSAbruptCloseError):
        run(server, steps)


@pytest.mark.parametrize("room", [50, 300])
@KINDS
def test_small_records(kind: type[Connection], room: int) -> None:
    """Messages that take several records, and several in one, are put together."""
    client, server = make_pair(kind)
    server.recordSize = client.recordSize = room
    shake(client, server)
    say(client, b"x" * 1000)
    received = carry(client, server, server.receive(), 65536)

    assert received == b"x" * room


@pytest.mark.parametrize("place", range(5, 517, 8))
@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_broken_hello(place: int, mask: int) -> None:
    """A ClientHello with another byte in it is answered alike, with the same alert if with any."""
    client, _ = make_pair(Connection)
    run(client, start(client, client)[0])
    hello = bytearray(client.memory.outgoing)
    hello[place] ^= mask

    assert answer(Connection, hello) == answer(LongWay, hello)


def answer(kind: type[Connection], hello: bytes) -> tuple[str, bytes | None, list[int]]:
    """How a server takes it: its failure, the alert or None, and the types of the records that it sends."""
    _, server = make_pair(kind)
    steps = start(server, server)[1]
    server.memory.incoming += hello
    failure = ""
    try:
        run(server, steps)
    except TLSError as error:
        failure = type(error).__name__
    sent, types, alert = bytes(server.memory.outgoing), [], None
    while sent:
        types.append(sent[0])
        end = 5 + int.from_bytes(sent[3:5], "big")
        alert = sent[5:end] if sent[0] == ContentType.alert else alert
        sent = sent[end:]
    return failure, alert, types
