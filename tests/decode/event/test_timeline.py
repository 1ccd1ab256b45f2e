"""The timeline: any files in any order give what sorting all packets would give, however little is held."""

from __future__ import annotations

import random
from io import BytesIO

import pytest

from harness.capture import block as blocks
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.event.sighting import SightingSpool
from harness.decode.event.survey import survey_file
from harness.decode.event.timeline import MAX_HELD, FileQueue, write_in_order
from harness.decode.event.twin import Twins
from tests.split_capture import build_pcap

Packets = list[tuple[int, bytes]]
"""Times and frames."""


def _merge(
    files: list[Packets], *, offsets: list[int], max_held: int, window: int = 1 << 12
) -> tuple[Packets, int]:
    """What is written, and how many bytes had to wait in a file."""
    spool, stream, waiting = SightingSpool(BytesIO()), BytesIO(), BytesIO()
    writer = PcapngWriter(stream)
    queues: list[FileQueue] = []
    for index, (packets, offset_ns) in enumerate(zip(files, offsets, strict=True)):
        file = build_pcap(packets)
        survey = survey_file(file, file=index, first_tap=index, window=window, spool=spool)
        writer.write_interface(f"file{index}")
        queues.append(
            FileQueue(
                index,
                file,
                survey,
                offset_ns=offset_ns,
                window=window,
                twins=Twins([], []),
                take_keys=writer.write_secrets,
            )
        )
    write_in_order(queues, writer, BytesIO(), waiting, max_held=max_held)
    stream.seek(0)
    found = [(b.time_ns, b.data) for b in read_blocks(stream) if isinstance(b, blocks.Capture)]
    return found, len(waiting.getvalue())


def _draw(chance: random.Random, count: int, *, jitter: int) -> Packets:
    """Packets in order but for some jitter; many at the same time."""
    times = sorted(chance.randrange(10**6) for _ in range(count))
    return [
        (time + chance.randrange(jitter + 1), chance.randbytes(chance.randrange(600, 1500)))
        for time in times
    ]


@pytest.mark.parametrize("max_held", [0, 1 << 20, MAX_HELD])
@pytest.mark.parametrize("jitter", [0, 10_000, 10**6], ids=["ordered", "nearly", "any order"])
@pytest.mark.parametrize("seed", range(2))
def test_packets_come_as_if_all_were_sorted(seed: int, jitter: int, max_held: int) -> None:
    """By time on the first clock; at the same time by file, and then as they stand in it."""
    chance = random.Random(f"{seed} {jitter}")
    files = [_draw(chance, chance.randrange(4000), jitter=jitter) for _ in range(3)]
    offsets = [0, 5000, 77]
    wanted = sorted(
        (
            (time_ns + offset, data)
            for packets, offset in zip(files, offsets, strict=True)
            for time_ns, data in packets
        ),
        key=lambda packet: packet[0],
    )

    assert _merge(files, offsets=offsets, max_held=max_held)[0] == wanted


def test_what_is_in_order_never_waits_in_a_file() -> None:
    """Of each file no more than a window is held."""
    chance = random.Random(7)
    files = [_draw(chance, 3000, jitter=0) for _ in range(2)]

    found, waited = _merge(files, offsets=[0, 0], max_held=8 << 20)
    assert (len(found), waited) == (6000, 0)


def test_what_is_far_from_order_waits_in_a_file() -> None:
    """What came in the middle of the file may go to and fro once, not again and again."""
    files = [_draw(random.Random(8), 3000, jitter=10**6), _draw(random.Random(9), 9, jitter=0)]
    size = sum(len(data) for packets in files for _, data in packets)

    found, waited = _merge(files, offsets=[0, 0], max_held=0)
    assert len(found) == 3009
    assert size // 2 < waited < 3 * size


def test_a_single_file_keeps_its_order() -> None:
    """Nobody asked for another one."""
    packets = _draw(random.Random(3), 500, jitter=10**6)

    assert _merge([packets], offsets=[0], max_held=0)[0] == packets


def test_times_that_no_clock_shows_fit() -> None:
    """Before the epoch, and beyond all."""
    files = [[(5, b"a" * 60)], [(9, b"b" * 60)]]
    early, _ = _merge(files, offsets=[0, -(1 << 70)], max_held=0)
    late, _ = _merge(files, offsets=[0, 1 << 70], max_held=0)

    assert early == [(0, b"b" * 60), (5, b"a" * 60)]
    assert [data[:1] for _, data in late] == [b"a", b"b"]
