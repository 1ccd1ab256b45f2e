"""Tests of the last line of JSON."""

from __future__ import annotations

import json

from harness.report.summary_json import summary_json
from harness.trace.trace import Damage


def test_the_summary() -> None:
    """Counts, and the reasons behind them."""
    line = summary_json(
        packet_count=5,
        connection_count=1,
        skipped={"fragment": 2, "IP protocol 1": 1},
        damage=(Damage(offset=9, message="cut", packets_before=5),),
    )

    assert json.loads(line) == {
        "summary": {
            "packets": 5,
            "connections": 1,
            "skipped": 3,
            "skipped_by_reason": {"IP protocol 1": 1, "fragment": 2},
            "damaged": 1,
            "damage": [{"offset": 9, "packets_before": 5, "message": "cut"}],
        }
    }
