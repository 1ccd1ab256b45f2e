"""Tests of the express way through TLS: whatever the packets, the same session, plaintext and reports."""

from __future__ import annotations

import ssl
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decode.tcp.run import Run
from harness.decode.tls.plaintext import Plaintext
from harness.decode.tls.session import TlsDecoder
from harness.trace.http import Malformed
from harness.trace.packet import PacketNumber
from harness.trace.tls import TlsSession
from tests.tls_wire import Peers, Talk, converse

SENDS = [("client", b"q" * 700), ("server", b"a" * 40_000), ("client", b"r" * 10), ("server", b"b")]
Result = tuple[TlsSession, tuple[Malformed, ...], list[Plaintext]]


def cut(talk: Talk, size: int) -> list[tuple[str, list[bytes]]]:
    """Each flight in packets."""
    return [
        (side, [data[at : at + size] for at in range(0, len(data), size)])
        for side, data in talk.chunks
    ]


def decode(talk: Talk, flights: list[tuple[str, list[bytes]]], *, at_once: bool) -> Result:
    """Fed run by run, or packet by packet."""
    decoder = TlsDecoder(talk.secrets)
    number = 0
    plaintexts: list[Plaintext] = []
    for side, packets in flights:
        numbers = [PacketNumber(number + n + 1) for n in range(len(packets))]
        number += len(packets)
        if at_once:
            ends = list(accumulate(map(len, packets)))
            run = Run(b"".join(packets), ends, numbers, [10 * n for n in numbers])
            plaintexts += decoder.feed_run(side, run)  # type: ignore[arg-type]
        else:
            for n, data in zip(numbers, packets, strict=True):
                plaintexts += decoder.feed(side, data, n, 10 * n)  # type: ignore[arg-type]
    session, malformed = decoder.finish()
    return session, malformed, plaintexts


@pytest.mark.parametrize("size", [5, 300, 1448, 1 << 20])
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_3, None),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1, "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA"),
    ],
    ids=["1.3", "1.2 GCM", "1.2 CBC", "1.0 CBC"],
)
def test_runs_are_read_like_packets(
    version: ssl.TLSVersion, ciphers: str | None, size: int
) -> None:
    """Each version, in tiny packets and in whole flights."""
    talk = converse(Peers(version=version, ciphers=ciphers), SENDS)
    flights = cut(talk, size)

    got = decode(talk, flights, at_once=True)

    assert got == decode(talk, flights, at_once=False)
    assert got[0].decrypted == "yes"
    assert b"".join(p.data for p in got[2] if p.side == "server") == b"a" * 40_000 + b"b"


TALK = converse(Peers(), SENDS)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(100, 3000),
    changes=st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 255)), max_size=3),
    keys=st.booleans(),
    swap=st.integers(0, 12),
)
def test_damage_is_read_alike(
    size: int, changes: list[tuple[int, int]], swap: int, *, keys: bool
) -> None:
    """Changed bytes, flights in another order, no keys: nothing is opened that should not be."""
    flights = cut(TALK, size)
    if swap < len(flights) - 1:
        flights[swap], flights[swap + 1] = flights[swap + 1], flights[swap]
    for place, mask in changes:
        at = place
        for _, packets in flights:
            for index, data in enumerate(packets):
                if 0 <= at < len(data):
                    packets[index] = data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]
                at -= len(data)
    talk = TALK if keys else Talk(chunks=TALK.chunks, keylog=b"", client_der=b"", server_der=b"")

    assert decode(talk, flights, at_once=True) == decode(talk, flights, at_once=False)
