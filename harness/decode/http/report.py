"""Report: something malformed in HTTP, as it is found, and as it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.decode.http.lane import Span
from harness.trace.http import Malformed
from harness.trace.tls import Side

T = TypeVar("T")
"""An exchange that is being put together."""


@dataclass(slots=True)
class Report(Generic[T]):
    """What is malformed, and in which exchange; a head is read before it is known whose it is."""

    side: Side
    message: str
    span: Span
    place: T | None
    """None: not in any, or not known yet."""


def tell_reports(reports: Iterable[Report[T]], told: Sequence[T]) -> tuple[Malformed, ...]:
    """All reports, in order; exchanges are named by their index in those that are told."""
    indexes = {id(place): index for index, place in enumerate(told)}
    return tuple(
        Malformed(
            sender=report.side,
            layer="http",
            message=report.message,
            packets=report.span.packets,
            exchange=indexes.get(id(report.place)),
        )
        for report in reports
    )
