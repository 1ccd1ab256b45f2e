"""Tests of the swift way through TLS: the same session and plaintext as the careful decoder, or none at all."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets
from harness.decode.detail import EVERYTHING, Detail
from harness.decode.swift.odd import OddError
from harness.decode.swift.tls import SwiftTls
from harness.decode.tcp.run import Run
from harness.decode.tls.session import TlsDecoder
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side, TlsSession
from tests.tls_wire import Peers, Talk, converse, converse_resumable

SENDS: list[tuple[Side, bytes]] = [("client", b"q" * 700), ("server", b"a" * 40_000)]


def runs_of(talk: Talk, size: int = 1448) -> list[tuple[Side, Run]]:
    """Each flight as one run of packets."""
    number = 0
    runs: list[tuple[Side, Run]] = []
    for side, data in talk.chunks:
        ends = [*range(size, len(data), size), len(data)]
        numbers = [PacketNumber(number + n + 1) for n in range(len(ends))]
        number += len(ends)
        run = Run(data, ends, numbers, [10 * n for n in numbers])
        if runs and runs[-1][0] == side:
            before = runs.pop()[1]
            shift = len(before.data)
            run = Run(
                before.data + data,
                before.ends + [end + shift for end in ends],
                before.numbers + numbers,
                before.times + run.times,
            )
        runs.append((side, run))
    return runs


def read(talk: Talk) -> TlsSession:
    """All of it."""
    swift = SwiftTls(talk.secrets, EVERYTHING)
    swift.read(runs_of(talk))
    return swift.build(runs_of(talk))[0]


def check_alike(runs: list[tuple[Side, Run]], secrets: Secrets, detail: Detail) -> None:
    """The careful decoder sees the same in these bytes."""
    swift = SwiftTls(secrets, detail)
    swift.read(runs)
    careful = TlsDecoder(secrets, detail)
    pieces = [piece for side, run in runs for piece in careful.feed_run(side, run)]
    session, malformed = careful.finish()

    assert malformed == ()
    got, opened = swift.build(runs)
    assert got == session
    if detail.level == "exchanges":
        assert opened == [(p.side, p.data, p.seen) for p in pieces if not p.follows_gap]


PEERS = {
    "1.3": Peers(),
    "1.3 without client": Peers(with_client_certificate=False, client_certificate_required=False),
    "1.3 ALPN": Peers(alpn=("http/1.1", "h2")),
    "1.2 GCM": Peers(version=ssl.TLSVersion.TLSv1_2),
    "1.2 CBC": Peers(
        version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
    ),
    "1.1": Peers(version=ssl.TLSVersion.TLSv1_1),
}


@pytest.mark.parametrize("keys", [True, False], ids=["keys", "no keys"])
@pytest.mark.parametrize(
    "detail",
    [EVERYTHING, Detail(hashes=False), Detail(level="handshakes")],
    ids=["all", "no hashes", "handshakes"],
)
@pytest.mark.parametrize("peers", PEERS.values(), ids=PEERS)
def test_ordinary_sessions(peers: Peers, detail: Detail, *, keys: bool) -> None:
    """Versions and suites, with and without secrets."""
    talk = converse(peers, SENDS)

    check_alike(runs_of(talk), talk.secrets if keys else Secrets(), detail)


def _resumed() -> Talk:
    peers = Peers()
    _, session = converse_resumable(peers, SENDS)
    return converse_resumable(peers, SENDS, session=session)[0]


@pytest.mark.parametrize(
    "talk",
    [
        _resumed(),
        converse(
            Peers(
                version=ssl.TLSVersion.TLSv1, ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
            ),
            SENDS,
        ),
        Talk(
            chunks=(("server", b"\x16\x03\x03\x00\x01\x02"),),
            keylog=b"",
            client_der=b"",
            server_der=b"",
        ),
        Talk(chunks=(("client", b"\x16\x03\x03"),), keylog=b"", client_der=b"", server_der=b""),
    ],
    ids=["resumed", "1.0", "server first", "cut"],
)
def test_everything_else_is_left_to_care(talk: Talk) -> None:
    """It says so instead of guessing."""
    with pytest.raises(OddError):
        read(talk)


TALKS = [converse(peers, SENDS) for peers in (PEERS["1.3"], PEERS["1.2 GCM"])]


@settings(max_examples=150, deadline=None)
@given(
    which=st.integers(0, 1),
    place=st.integers(0, 9000),
    mask=st.integers(1, 255),
    size=st.integers(50, 3000),
    level=st.sampled_from(["handshakes", "exchanges"]),
)
def test_damage_is_seen_alike_or_left(
    which: int, place: int, mask: int, size: int, level: str
) -> None:
    """One changed byte anywhere: never another answer than that of the careful decoder."""
    talk = TALKS[which]
    chunks = []
    for side, data in talk.chunks:
        if 0 <= place < len(data):
            data = data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :]
        place -= len(data)
        chunks.append((side, data))
    changed = Talk(chunks=tuple(chunks), keylog=talk.keylog, client_der=b"", server_der=b"")
    runs = runs_of(changed, size)
    detail = Detail(level=level)  # type: ignore[arg-type]
    try:
        swift = SwiftTls(changed.secrets, detail)
        swift.read(runs)
        swift.build(runs)
    except OddError:
        return

    check_alike(runs, changed.secrets, detail)
