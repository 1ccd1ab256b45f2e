"""Tests of brief facts: whole connections and careful ones are told alike, each level only what it is asked for."""

from __future__ import annotations

from io import BytesIO

import pytest

from harness.decode.brief import decode_briefly
from harness.decode.connections import decode_connections
from harness.decode.detail import Level
from harness.decode.packet.only import Only
from harness.trace.packet import PacketNumber
from tests.decode.tcp.test_intake import GET, OK, write
from tests.packet_builder import Talk
from tests.tls_wire import Peers, converse

SPOKEN = converse(Peers(), [("client", GET), ("server", OK)])


def tls_talk(port: int) -> Talk:
    """A handshake and one exchange."""
    made = Talk(client=("203.0.113.5", port)).open()
    for side, data in SPOKEN.chunks:
        made.send(side, data, size=500)
    return made.close()


FRAMES = [*tls_talk(50001).frames, *tls_talk(50002).frames[:-3]]


def capture() -> BytesIO:
    """Both."""
    stream = write(FRAMES)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("level", ["connections", "handshakes", "exchanges"])
def test_both_ways_tell_the_same(level: Level) -> None:
    """The second connection is still open at the end."""
    one, many = (
        sorted(decode_briefly(capture(), level, key_log=SPOKEN.keylog, window=window))
        for window in (0, 1 << 20)
    )

    assert one == many
    assert [brief.closed for brief in many] == ["fin", "open"]


def test_each_level_gives_what_is_asked_for() -> None:
    """And nothing else."""
    levels: tuple[Level, ...] = ("connections", "handshakes", "exchanges")
    told = [
        next(decode_briefly(capture(), level, key_log=SPOKEN.keylog, window=1 << 20))
        for level in levels
    ]

    assert [brief.tls is not None for brief in told] == [False, True, False]
    assert [len(brief.exchanges) for brief in told] == [0, 0, 1]
    assert told[0][:11] == told[1][:11] == told[2][:11]


def test_it_is_what_the_whole_observation_says() -> None:
    """Ends, times, packets and bytes."""
    brief = next(decode_briefly(capture(), "exchanges", key_log=SPOKEN.keylog, window=1 << 20))
    whole = next(decode_connections(capture(), key_log=SPOKEN.keylog))

    assert (brief.client, brief.server) == (str(whole.client), str(whole.server))
    assert (brief.opened_ns, brief.closed_ns) == (whole.opened_ns, whole.closed_ns)
    assert brief.client_packets + brief.server_packets == len(whole.packets)
    assert (brief.client_bytes, brief.server_bytes) == (
        whole.client_stream.size,
        whole.server_stream.size,
    )
    (exchange,) = whole.exchanges
    assert exchange.request is not None
    assert exchange.response is not None
    assert brief.exchanges[0] == (
        exchange.request.last_ns,
        exchange.request.method,
        exchange.request.target,
        exchange.response.last_ns,
        exchange.response.status,
    )
    assert whole.packets[0] == PacketNumber(1)


def test_a_filter_follows_nothing_else() -> None:
    """Ports of either end."""
    only = Only(ports=frozenset({50002}))

    found = list(decode_briefly(capture(), "connections", only=only, window=1 << 20))

    assert [(brief.number, brief.client) for brief in found] == [(1, "203.0.113.5:50002")]
