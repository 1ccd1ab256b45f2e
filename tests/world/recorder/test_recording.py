"""The recording's defaults."""

from __future__ import annotations

from harness.world.recorder.recording import Recording


def test_a_recording_is_whole_unless_told() -> None:
    """The limit counts as not reached when nobody says otherwise."""
    assert not Recording(taps=(), frames=()).limit_reached
