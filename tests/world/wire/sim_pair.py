"""Two ends of simulated TCP with a wire between them that a test can bend."""

from __future__ import annotations

from collections.abc import Callable

from harness.world.wire.sim_frame import Segment
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_tcp import TcpEnd

DELAY_NS = 1_000_000
MSS = 1000
Filter = Callable[[int, Segment], bool]
"""Number of the segment, from 0, and the segment: True lets it pass."""


class Pair:
    """A client that has sent its SYN, and a server that answers it."""

    def __init__(self, passes: Filter = lambda _number, _segment: True) -> None:
        """Args: `passes` decides which segments arrive."""
        self.agenda = Agenda()
        self.sent: list[tuple[str, Segment]] = []
        self.ended: list[str] = []
        self._passes = passes
        self.client = self._end((1, 1000, 2, 443), "client", first=0xFFFFFF00)
        self.server = self._end((2, 443, 1, 1000), "server", first=5)
        self.client.connect()

    def _end(self, key: tuple[int, int, int, int], name: str, *, first: int) -> TcpEnd:
        return TcpEnd(
            key,
            self.agenda,
            first=first,
            mss=MSS,
            send=lambda segment: self._carry(name, segment),
            changed=lambda: None,
            ended=lambda _: self.ended.append(name),
        )

    def _carry(self, name: str, segment: Segment) -> None:
        number = len(self.sent)
        self.sent.append((name, segment))
        if self._passes(number, segment):
            self.agenda.put(DELAY_NS, self._deliver, name, segment)

    def _deliver(self, name: str, segment: Segment) -> None:
        if name == "server":
            self.client.receive(segment)
        elif len(self.sent) and self.server.state.name == "CLOSED" and segment.flags == 2:
            self.server.accept(segment)
        else:
            self.server.receive(segment)

    def run(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        until_ns = self.agenda.now_ns + int(seconds * 1e9)
        while self.agenda.now_ns < until_ns:
            self.agenda.advance(until_ns)
