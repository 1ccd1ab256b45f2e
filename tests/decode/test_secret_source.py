"""Tests of where secrets come from: beside the file, before the packets, behind them."""

from __future__ import annotations

from io import BytesIO

import pytest

from harness.capture.keylog import build_keylog_line
from harness.capture.writer import PcapngWriter
from harness.decode.brief import decode_briefly
from harness.decode.secret_source import SecretSource
from harness.decode.tls.rsa import RsaKeys
from harness.trace.brief import BriefExchange
from tests.decode.tcp.test_intake import GET, OK
from tests.packet_builder import START_NS, STEP_NS, Talk
from tests.tls_wire import Peers, converse

SPOKEN = [converse(Peers(), [("client", GET), ("server", OK)]) for _ in range(3)]
RANDOMS = [bytes([n]) * 32 for n in range(4)]


def line(n: int, secret: int = 7) -> bytes:
    """A secret of one client random."""
    return build_keylog_line("CLIENT_RANDOM", RANDOMS[n], bytes([secret]) * 48)


def write(keys_before: list[list[bytes]]) -> BytesIO:
    """Three connections, before each of them some secrets, and some at the end."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    tap = writer.write_interface("dmz")
    count = 0
    for number, keys in enumerate(keys_before):
        for data in keys:
            writer.write_secrets(data)
        if number == len(SPOKEN):
            break
        made = Talk(client=("203.0.113.5", 50_000 + number)).open()
        for side, data in SPOKEN[number].chunks:
            made.send(side, data, size=700)
        for frame in made.close().frames:
            count += 1
            writer.write_packet(tap, START_NS + count * STEP_NS, frame)
    stream.seek(0)
    return stream


def read(stream: BytesIO, window: int, key_log: bytes = b"") -> list[tuple[BriefExchange, ...]]:
    """The exchanges of each connection."""
    stream.seek(0)
    found = sorted(decode_briefly(stream, "exchanges", key_log=key_log, window=window))
    return [brief.exchanges for brief in found]


KEYS = [spoken.keylog for spoken in SPOKEN]
OTHERS = [key.replace(b"_0 ", b"_1 ") for key in KEYS]
"""With labels that open nothing."""
HALVES = [b"\n".join(key.splitlines()[half::2]) for key in KEYS[:1] for half in (0, 1)]
PLACES = {
    "first": [[b"".join(KEYS)], [], [], []],
    "each before its packets": [[KEYS[0]], [KEYS[1]], [KEYS[2]], []],
    "each behind them": [[], [KEYS[0]], [KEYS[1]], [KEYS[2]]],
    "last": [[], [], [], KEYS],
    "half before and half behind": [[HALVES[0]], [KEYS[1]], [KEYS[2]], [HALVES[1]]],
    "twice": [[KEYS[0]], [KEYS[1], KEYS[1]], [KEYS[2]], KEYS],
    "one is missing": [[KEYS[0]], [], [KEYS[2]], []],
    "of others": [OTHERS, [KEYS[1]], [], [KEYS[0], KEYS[2]]],
    "none": [[], [], [], []],
}


@pytest.mark.parametrize("window", [1, 9000, 1 << 20])
@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_it_does_not_matter_where_they_stand(places: list[list[bytes]], window: int) -> None:
    """A large file is read as a small one, which is searched first."""
    stream = write(places)
    opened = sum(bool(each) for each in read(stream, 0))

    assert read(stream, window) == read(stream, 0)
    assert opened == (
        0 if places == PLACES["none"] else 2 if places == PLACES["one is missing"] else 3
    )


def test_the_file_is_right() -> None:
    """Where both say something, by window or not."""
    wrong = b"\n".join(line.rsplit(b" ", 1)[0] + b" " + b"00" * 32 for line in KEYS[0].splitlines())
    stream = write(PLACES["last"])

    for window in (0, 1 << 20):
        assert len(read(stream, window, wrong)[0]) == 1


def test_a_file_is_searched_only_when_some_are_missing() -> None:
    """It stays at its place."""
    stream = write([[line(0)], [line(1)], [], [line(2)]])
    source = SecretSource(key_log=b"", rsa_keys=None)
    source.search(stream, 1 << 20, is_late=True)
    stream.seek(99)
    source.take(line(0))
    known = [bool(source.secrets.find(RANDOMS[0])), len(source.secrets), source.takes_keys]

    found = bool(source.secrets.find(RANDOMS[2]))

    assert known == [True, 1, True]
    assert (found, len(source.secrets), source.takes_keys) == (True, 3, False)
    assert stream.tell() == 99


def test_what_is_known_beside_the_file_is_not_late() -> None:
    """Only all of the file tells what counts."""
    stream = write([[line(0)], [], [], [line(1)]])
    sources = [
        SecretSource(key_log=line(0, 9), rsa_keys=None),
        SecretSource(key_log=b"", rsa_keys=RsaKeys([])),
    ]

    for source in sources:
        source.search(stream, 1 << 20, is_late=True)

    assert [(len(source.secrets), source.takes_keys) for source in sources] == [(2, False)] * 2
    assert sources[0].secrets.find(RANDOMS[0])["CLIENT_RANDOM"] == bytes([7]) * 48


@pytest.mark.parametrize("is_late", [True, False])
def test_very_many_are_taken_where_they_stand(*, is_late: bool) -> None:
    """And the oldest go."""
    stream = write([[line(0)], [line(1)], [line(2)], [line(3)]])
    source = SecretSource(key_log=b"", rsa_keys=None, size_limit=2 * len(line(0)), kept=2)
    source.search(stream, 1 << 20, is_late=is_late)

    for number in range(4):
        source.take(line(number))

    assert source.takes_keys
    assert [bool(source.secrets.find(random)) for random in RANDOMS] == [False, False, True, True]
