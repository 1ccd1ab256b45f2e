"""Events: steps that no machine takes. Time passes, cables go bad, names move, clocks are wrong."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.site.model import Model
from harness.site.site import WrittenAddress

_DURATION = re.compile(r"(-?)([0-9]{1,9})(ms|s|m|h|d)", re.ASCII)
_UNITS_NS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}

Percent = Annotated[int, Field(ge=0, le=100)]


class Wait(Model):
    """Time passes. More than 30 seconds need the simulated wire, where nobody waits for them."""

    kind: ClassVar[str] = "wait"

    wait: str
    """How much: `500ms`, `90s`, `11m`, `24h`, `31d`."""


class Until(Model):
    """Time passes until so much of it is over since the run began; then none does."""

    kind: ClassVar[str] = "at"

    at: str
    """A duration, as in `wait`."""


class LinkChange(Model):
    """From now on a machine's cable is like this, both ways; simulated only. What is not given is good."""

    kind: ClassVar[str] = "link"

    link: str
    """The machine."""
    segment: Literal["outside", "dmz", "inside"] | None = None
    """Which of its cables. Not given: all."""
    delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    """Milliseconds more for each packet."""
    jitter_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    """Up to so many more for each packet anew: they overtake each other."""
    loss_percent: Percent = 0
    """Packets that vanish: what the machine sends before it is recorded, what it gets after that."""
    duplicate_percent: Percent = 0
    """Packets that come twice."""
    reorder_percent: Percent = 0
    """Packets that come 5 ms later than they should."""
    corrupt_percent: Percent = 0
    """Packets in which one bit turns over; the receiver sees it by the checksum."""
    mtu: Annotated[int, Field(ge=576, le=1500)] = 1500
    """Bytes of the largest packet."""
    cut: bool = False
    """Nothing passes any more."""


class NameChange(Model):
    """From now on a host name stands for other addresses."""

    kind: ClassVar[str] = "look_up"

    look_up: str
    """The name."""
    gives: tuple[WrittenAddress, ...] = ()
    """What a look-up gives, in order. None: the name is unknown."""


class ClockChange(Model):
    """From now on a machine's clock is wrong; simulated only."""

    kind: ClassVar[str] = "clock"

    clock: str
    """The machine."""
    ahead: str
    """By how much it is ahead, as in `wait`; behind with a minus sign, such as `-90s`."""


Event = Wait | Until | LinkChange | NameChange | ClockChange


def parse_duration(text: str) -> int:
    """Nanoseconds of `90s`, `11m` and so on; with a minus sign less than none.

    Raises:
        ValueError: it is written otherwise.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; expected one such as 500ms, 90s, 11m, 24h, 31d")
    sign, number, unit = match.groups()
    return (-1 if sign else 1) * int(number) * _UNITS_NS[unit]
