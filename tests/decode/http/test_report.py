"""Reports: in order, each with the place of its exchange among those that are told."""

from __future__ import annotations

from harness.decode.http.lane import Span
from harness.decode.http.report import Report, tell_reports
from harness.trace.packet import PacketNumber


def test_reports_name_the_exchange_that_they_are_of() -> None:
    """By identity, since two exchanges may be alike; one that is not told has no place."""
    first, second, untold = [0], [0], [0]
    span = Span(1, 2, (PacketNumber(7),))
    reports = [
        Report("server", "late", span, second),
        Report("client", "early", span, first),
        Report("client", "lost", span, untold),
        Report("client", "nobody's", span, None),
    ]

    told = tell_reports(reports, [first, second])

    assert [(m.sender, m.message, m.exchange) for m in told] == [
        ("server", "late", 1),
        ("client", "early", 0),
        ("client", "lost", None),
        ("client", "nobody's", None),
    ]
    assert {(m.layer, m.packets) for m in told} == {("http", (7,))}
