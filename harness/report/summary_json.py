"""What was read of a capture and what was not, as the last line of JSON; see connection_json.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Not below: what is told briefly ends with this line, and takes no longer than loading the words of all else.
    from harness.trace.trace import Damage


def summary_json(
    *,
    packet_count: int,
    connection_count: int,
    skipped: Mapping[str, int],
    damage: tuple[Damage, ...],
) -> str:
    """The last line: what was read, and what was not."""
    return json.dumps(
        {
            "summary": {
                "packets": packet_count,
                "connections": connection_count,
                "skipped": sum(skipped.values()),
                "skipped_by_reason": dict(sorted(skipped.items())),
                "damaged": len(damage),
                "damage": [
                    {"offset": d.offset, "packets_before": d.packets_before, "message": d.message}
                    for d in damage
                ],
            }
        },
        separators=(",", ":"),
    )
