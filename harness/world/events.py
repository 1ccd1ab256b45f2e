"""What happens in a scenario without any machine doing it: time, bad cables, moved names, wrong clocks."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, assert_never, runtime_checkable

from harness.net.address import Address
from harness.scenario.event import (
    ClockChange,
    Event,
    LinkChange,
    NameChange,
    Until,
    Wait,
    parse_duration,
)
from harness.world.host import Wire
from harness.world.job import WorldError
from harness.world.wire.plan import Plan

_MILLISECOND = 1_000_000


@runtime_checkable
class Bendable(Protocol):
    """A wire that can be made worse while it stands."""

    def set_link(self, host: str, segment: str, **settings: Any) -> None:
        """Change the cable of a host; the settings are those of LinkSettings."""
        ...

    def set_skew(self, host: str, skew_ns: int) -> None:
        """Change how far ahead a host's clock is."""
        ...


@runtime_checkable
class Renamable(Protocol):
    """A wire whose names can be changed while it stands."""

    def set_name(self, name: str, *addresses: Address) -> None:
        """Change what a name stands for."""
        ...


class Events:
    """Lets events happen on a wire."""

    def __init__(self, wire: Wire, plan: Plan) -> None:
        """The run begins now."""
        self._wire = wire
        self._segments = {h.name: tuple(a.segment for a in h.attachments) for h in plan.hosts}
        self._began_s = asyncio.get_running_loop().time()

    async def play(self, event: Event) -> None:
        """Let one happen, to its end.

        Raises:
            WorldError: this wire cannot.
        """
        match event:
            case Wait():
                await asyncio.sleep(parse_duration(event.wait) / 1e9)
            case Until():
                until_s = self._began_s + parse_duration(event.at) / 1e9
                await asyncio.sleep(max(0, until_s - asyncio.get_running_loop().time()))
            case LinkChange():
                self._change_link(event)
            case NameChange():
                assert isinstance(self._wire, Renamable)
                self._wire.set_name(event.look_up, *event.gives)
            case ClockChange():
                self._bendable().set_skew(event.clock, parse_duration(event.ahead))
            case _:
                assert_never(event)

    def _change_link(self, change: LinkChange) -> None:
        wire = self._bendable()
        segments = (change.segment,) if change.segment else self._segments[change.link]
        for segment in segments:
            wire.set_link(
                change.link,
                segment,
                extra_ns=change.delay_ms * _MILLISECOND,
                jitter_ns=change.jitter_ms * _MILLISECOND,
                loss=change.loss_percent / 100,
                duplicate=change.duplicate_percent / 100,
                reorder=change.reorder_percent / 100,
                corrupt=change.corrupt_percent / 100,
                mtu=change.mtu,
                cut=change.cut,
            )

    def _bendable(self) -> Bendable:
        if not isinstance(self._wire, Bendable):
            raise WorldError("links and clocks change on the simulated wire only; use --wire sim")
        return self._wire
