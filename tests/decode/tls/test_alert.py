"""Tests of harness/decode/tls/alert.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.alert import build_alert
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen


@pytest.mark.parametrize(
    ("description", "name"),
    [(0, "close_notify"), (48, "unknown_ca"), (116, "certificate_required"), (213, "alert 213")],
)
def test_alert_has_its_registry_name(description: int, name: str) -> None:
    """Known descriptions have the name of the registry, others their number."""
    alert = build_alert("server", 2, description, Seen(time_ns=1, packets=(PacketNumber(1),)))

    assert (alert.name, alert.description, alert.level, alert.sender) == (
        name,
        description,
        2,
        "server",
    )
