"""Talk: the payload of both ends of a connection, each as one run, and in the order in which it was captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.decode.tcp.run import Run, join_runs
from harness.trace.seen import Side


@dataclass(frozen=True, slots=True)
class Talk:
    """What both ends sent; a side that sent nothing has an empty run."""

    client: Run
    server: Run
    is_cut: bool = False
    """More was sent that is not here."""

    def keep(self) -> Talk:
        """The same, without the window."""
        return Talk(self.client.keep(), self.server.keep())

    def build_runs(self) -> list[tuple[Side, Run]]:
        """The same cut where the sender changes."""
        runs: list[tuple[Side, Run]] = []
        sides: tuple[tuple[Side, Run], ...] = (("client", self.client), ("server", self.server))
        at = [0, 0]
        while True:
            left = [
                (run.numbers[at[n]], n) for n, (_, run) in enumerate(sides) if at[n] < len(run.ends)
            ]
            if not left:
                return runs
            mine = min(left)[1]
            until = max(left)[0] if len(left) == 2 else None
            side, run = sides[mine]
            first = last = at[mine]
            while last < len(run.ends) and (until is None or run.numbers[last] < until):
                last += 1
            at[mine] = last
            runs.append((side, run.cut(first, last)))


def join_talks(talks: Sequence[Talk]) -> Talk:
    """One after the other."""
    if len(talks) == 1:
        return talks[0]
    return Talk(
        join_runs([talk.client for talk in talks]), join_runs([talk.server for talk in talks])
    )
