"""Tests of harness/decode/tls/flow.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.epoch import Epoch, build_tls13_epoch
from harness.decode.tls.flow import Flow
from harness.decode.tls.message import parse_server_hello
from harness.decode.tls.record import Record
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from tests.tls_script import DATA, SECRETS, Sealer, server_hello

SERVER = parse_server_hello(server_hello()[4:])
SPANS = ((1, Seen(time_ns=1, packets=(PacketNumber(1),))),)


def sealed(count: int) -> list[Record]:
    """So many records of the client."""
    sealer = Sealer("client", "traffic")
    made = [sealer.seal(DATA, b"%d" % index) for index in range(count)]
    return [Record(header=data[:5], fragment=data[5:], spans=SPANS) for data in made]


def flow() -> Flow:
    """The client's direction with its application keys."""
    made = Flow("client")
    made.epoch = build_tls13_epoch(SECRETS, SERVER, "client", "application")
    return made


def no_successor() -> Epoch | None:
    """Nothing follows."""
    return None


def test_number_is_searched_only_after_a_hole() -> None:
    """The fourth record opens as the first one only where three may be missing."""
    strict, tolerant = flow(), flow()
    tolerant.lost_limit = 3
    record = sealed(4)[3]

    with pytest.raises(BadRecordError):
        strict.open(record, no_successor)
    assert tolerant.open(record, no_successor) == (DATA, b"3")
    assert tolerant.lost_limit == 0
    assert tolerant.epoch is not None
    assert tolerant.epoch.seq == 4


def test_search_ends_at_the_limit() -> None:
    """One record more than may be missing is not found."""
    searching = flow()
    searching.lost_limit = 2

    with pytest.raises(BadRecordError):
        searching.open(sealed(4)[3], no_successor)


def test_next_keys_are_tried_after_a_hole() -> None:
    """A KeyUpdate fell into it."""
    sealer = Sealer("client", "traffic")
    sealer.update()
    data = sealer.seal(DATA, b"new keys")
    searching = flow()
    searching.lost_limit = 1
    epoch = searching.epoch
    assert epoch is not None

    opened = searching.open(
        Record(header=data[:5], fragment=data[5:], spans=SPANS), epoch.build_updated
    )

    assert opened == (DATA, b"new keys")
    assert searching.epoch is not epoch


def test_queue_counts_its_bytes() -> None:
    """What waits is limited by its size."""
    waiting = flow()
    record = sealed(1)[0]
    waiting.push(record)
    full = waiting.queued_bytes
    waiting.pop()

    assert (full, waiting.queued_bytes) == (len(record.fragment), 0)
