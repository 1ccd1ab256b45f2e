"""Tests of harness/decode/tls/plaintext.py."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from harness.decode.tls.plaintext import Plaintext
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen


def test_piece_is_whole_unless_it_says_otherwise() -> None:
    """Nobody marks a gap by accident, and nobody changes a piece afterwards."""
    piece = Plaintext(side="client", data=b"data", seen=Seen(time_ns=1, packets=(PacketNumber(1),)))

    assert not piece.follows_gap
    with pytest.raises(FrozenInstanceError):
        piece.data = b"other"  # type: ignore[misc]
