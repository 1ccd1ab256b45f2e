"""Tests of harness/decode/tls/alert.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.alert import build_alert, is_alert
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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\2\x30", True),
        (b"\7\x30", True),
        (b"\1\0\2\x30", True),
        (b"", False),
        (b"\2", False),
        (b"\2\x30\1", False),
        (b"\1\0\0\x2b" + bytes(22), False),
    ],
    ids=["one", "of an odd level", "two", "nothing", "half", "one and a half", "protected"],
)
def test_what_can_be_alerts(content: bytes, *, expected: bool) -> None:
    """A protected alert in which nobody can look is not taken for many in the clear."""
    assert is_alert(content) is expected
