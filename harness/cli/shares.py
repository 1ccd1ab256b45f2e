"""Shares: one capture decoded by several processes, each its share of the connections, told in one order.

Every process reads the whole file and follows only its share; lines come in order of first packet from each, so that
merging them needs no more than the next line of each.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from harness.cli.turn import Turn

if TYPE_CHECKING:
    from harness.decode.connections import ConnectionReader
    from harness.decode.packet.only import Only
    from harness.trace.connection import Connection
    from harness.trace.trace import Damage

Read = Callable[[BinaryIO, "Only"], "ConnectionReader[Connection]"]
Tell = Callable[["Connection", "Sequence[Damage]"], str]

_BATCH: Final = 256
"""Lines sent together."""


@dataclass(slots=True)
class Summary:
    """What the readers counted."""

    packet_count: int = 0
    connection_count: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    damage: tuple[Damage, ...] = ()


@dataclass(slots=True)
class _Line:
    """One connection, told."""

    first_packet: int
    number: int
    """In the share."""
    text: str


def tell_shares(
    stream: BinaryIO,
    read: Read,
    tell: Tell,
    *,
    count: int,
    ports: frozenset[int] = frozenset(),
    summary: Summary,
) -> Iterator[str]:
    """Tell all connections, each text beginning with its number; the summary is whole afterwards."""
    from harness.decode.packet.only import Only

    # Each process needs a place in the file of its own, also where the file has no name.
    path = Path(f"/proc/{os.getpid()}/fd/{stream.fileno()}")
    context = multiprocessing.get_context("fork")
    workers: list[BaseProcess] = []
    pipes: list[Pipe] = []
    try:
        for share in range(count):
            mine, theirs = context.Pipe(duplex=False)
            only = Only(ports=ports, share=share, share_count=count)
            worker: BaseProcess = context.Process(
                target=_work, args=(theirs, path, read, tell, only), daemon=True
            )
            worker.start()
            theirs.close()
            workers.append(worker)
            pipes.append(mine)
        lines = (_receive(pipe, summary, is_first=not n) for n, pipe in enumerate(pipes))
        for number, line in enumerate(heapq.merge(*lines, key=lambda line: line.first_packet), 1):
            yield line.text.replace(str(line.number), str(number), 1)
            summary.connection_count = number
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _receive(pipe: Pipe, summary: Summary, *, is_first: bool) -> Iterator[_Line]:
    """The lines of one process, then its counts."""
    while True:
        try:
            got = pipe.recv()
        except EOFError:
            raise RuntimeError("a process that decodes a share has ended early") from None
        if isinstance(got, Summary):
            break
        yield from got
    late = "TCP after the end of its connection"
    if is_first:
        # What is no TCP is the same for all; each has its own late packets.
        own = summary.skipped[late]
        summary.packet_count, summary.damage = got.packet_count, got.damage
        summary.skipped = got.skipped
        summary.skipped[late] += own
    else:
        summary.skipped[late] += got.skipped[late]


def _work(pipe: Pipe, path: Path, read: Read, tell: Tell, only: Only) -> None:
    """Decode one share and send what is told; nobody listens any more when the pipe breaks."""
    # The parent is told of Ctrl-C as well, and ends this process with a plain SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(BrokenPipeError), path.open("rb") as stream, tempfile.TemporaryFile() as spool:
        reader = read(stream, only)
        turn = Turn(spool)
        lines: list[_Line] = []
        for connection in reader:
            text = f"{connection.packets[0]} {connection.number} {tell(connection, reader.damage)}"
            for ready in turn.put(connection.number, text):
                first, number, rest = ready.split(" ", 2)
                lines.append(_Line(int(first), int(number), rest))
            if len(lines) >= _BATCH:
                pipe.send(lines)
                lines = []
        pipe.send(lines)
        pipe.send(
            Summary(
                packet_count=reader.packet_count,
                skipped=reader.skipped,
                damage=tuple(reader.damage),
            )
        )
