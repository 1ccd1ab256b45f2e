"""Replay: stored runs with packets lost, repeated, moved and changed, through the whole judge to its report.

What may not happen: a run that is not what was recorded passes. Its kernel counters stay as they are, so a lost or
repeated packet always shows; a changed one may be harmless, but then the same people are signed in.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fuzz.capture_blocks import KEYS, PACKET, RawBlock, join_blocks, split_blocks, stored_runs
from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import mutate
from fuzz.target import Target
from harness.decode.decode import decode
from harness.replay import judge_trace
from harness.report.json import verdict_json
from harness.report.packet_lines import tell_packets
from harness.report.terminal import tell
from harness.verdict.outcome import Outcome


@dataclass(frozen=True, slots=True)
class _Run:
    """One stored run, and what it says unchanged."""

    blocks: tuple[RawBlock, ...]
    outcome: str
    signed_in: dict[str, str]


@cache
def _run(path: Path) -> _Run:
    data = path.read_bytes()
    verdict = judge_trace(decode(io.BytesIO(data)))
    return _Run(tuple(split_blocks(data)), verdict.outcome.value, dict(verdict.signed_in))


def grow_replay(choices: Choices) -> bytes:
    """A stored run with some packets, or some bytes of the file, not as they were."""
    run = _run(choices.pick(stored_runs()))
    blocks = list(run.blocks)
    for _ in range(choices.below(3) + 1):
        _change(blocks, choices)
    data = join_blocks(blocks)
    is_wild = choices.rarely()
    if is_wild:
        data = mutate(data, choices)
    is_short = _count(blocks) != _count(run.blocks)
    return pack([run.outcome, dict(run.signed_in), is_wild, is_short, data])


def _change(blocks: list[RawBlock], choices: Choices) -> None:
    """Lose, repeat, move or alter packets, or lose keys."""
    packets = [i for i, block in enumerate(blocks) if block.kind == PACKET]
    if not packets:
        return
    at, other = choices.pick(packets), choices.pick(packets)
    kind = choices.below(10)
    if kind == 0:
        del blocks[at]
    elif kind == 1:
        blocks.insert(other, blocks[at])
    elif kind == 2:
        blocks[at], blocks[other] = blocks[other], blocks[at]
    elif kind == 3:
        blocks[at] = blocks[other]
    elif kind == 4:
        keys = [i for i, block in enumerate(blocks) if block.kind == KEYS]
        if keys:
            del blocks[choices.pick(keys)]
    elif kind == 5:  # the capture ends early: packets, statistics, stop sentinels
        del blocks[at:]
    elif kind == 6:  # a run of packets never reached the file
        del blocks[at : at + choices.below(40) + 1]
    elif kind == 7:
        blocks[at] = _change_header(blocks[at], choices)
    else:
        blocks[at] = blocks[at].with_frame(mutate(blocks[at].frame, choices, most=4))


def _change_header(block: RawBlock, choices: Choices) -> RawBlock:
    """Another bit in the Ethernet, IP or TCP header: what decides who talked to whom."""
    frame = bytearray(block.frame)
    if frame:
        frame[choices.below(min(len(frame), 54))] ^= 1 << choices.below(8)
    return block.with_frame(bytes(frame))


def _count(blocks: list[RawBlock] | tuple[RawBlock, ...]) -> Counter[int]:
    """Packets of each tap: what the kernel's counters are compared with."""
    return Counter(block.tap for block in blocks if block.kind == PACKET)


def check_replay(material: bytes) -> None:
    """No broken run passes that did not pass before, none with other people, and every report can be printed."""
    outcome, signed_in, is_wild, is_short, data = unpack(material)
    trace = decode(io.BytesIO(data))
    verdict = judge_trace(trace)
    assert not any(r.traceback for r in verdict.results), next(
        r.traceback for r in verdict.results if r.traceback
    )
    shown = tell(verdict, name="fuzz", file="fuzz.pcapng")
    shown += tell_packets(trace, [packet.number for packet in trace.packets[:400]])
    assert all(c.isprintable() or c == "\n" for c in shown), "a report with control characters"
    json.loads(verdict_json(verdict))
    # Bytes changed anywhere in the file may change the site or the run note: then it is another deployment.
    if verdict.outcome is Outcome.PASS and not is_wild:
        assert outcome == "pass", f"it was {outcome}, and passes with packets changed"
        assert dict(verdict.signed_in) == signed_in, "other people are signed in, and it passes"
        assert not is_short, "packets are missing or too many, and it passes"


REPLAY = Target(
    name="replay",
    promise="A recorded run with packets lost, repeated, moved or changed never passes as something it was not.",
    grow=grow_replay,
    check=check_replay,
    max_size=512,
    is_guided=False,
)
