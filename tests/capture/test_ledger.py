"""Tests of the ledger."""

from __future__ import annotations

import pytest

from harness.capture.ledger import (
    SentinelKind,
    build_freezes,
    build_sentinel,
    find_freezes,
    parse_sentinel,
)


@pytest.mark.parametrize("kind", ["start", "stop"])
@pytest.mark.parametrize("tap", ["dmz", "node1.lo", "x" * 100])
def test_a_sentinel_comes_back(kind: SentinelKind, tap: str) -> None:
    """Kind and tap survive, also behind the padding of a network card."""
    frame = build_sentinel(kind, tap, "run 7")

    assert parse_sentinel(frame + bytes(8)) == (kind, tap)
    assert len(frame) >= 60


def test_a_sentinel_is_an_ethernet_broadcast() -> None:
    """Every port of a bridge gets it, and no host takes it for IP."""
    frame = build_sentinel("start", "dmz", "r")

    assert frame[:6] == b"\xff" * 6
    assert frame[12:14] == b"\x88\xb5"


@pytest.mark.parametrize("size", range(14 + 29 + 10))
def test_a_cut_sentinel_is_none(size: int) -> None:
    """Without its three lines it proves nothing."""
    assert parse_sentinel(build_sentinel("start", "dmz", "r")[:size]) is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        build_sentinel("start", "dmz", "r").replace(b"start", b"pause"),
        build_sentinel("start", "dmz", "r").replace(b"\x88\xb5certproxy", b"\x08\x00certproxy"),
        build_sentinel("start", "dmz", "r").replace(b"sentinel/1", b"sentinel/2"),
        build_sentinel("start", "dmz", "r").replace(b"dmz", b"d\xffz"),
    ],
    ids=["empty", "kind", "ether type", "version", "no UTF-8"],
)
def test_other_frames_are_none(frame: bytes) -> None:
    """Only our own format counts."""
    assert parse_sentinel(frame) is None


@pytest.mark.parametrize(("tap", "run_id"), [("", "r"), ("a\nb", "r"), ("a", ""), ("a", "b\n")])
def test_a_sentinel_that_could_not_be_read_is_refused(tap: str, run_id: str) -> None:
    """Line breaks would shift its fields."""
    with pytest.raises(ValueError, match="sentinel"):
        build_sentinel("start", tap, run_id)


def test_freezes_come_back() -> None:
    """The count is found among other comments; no comment is not zero."""
    assert find_freezes(("other", build_freezes(3))) == 3
    assert find_freezes(("freezes", "freezes -1", "freezes 01")) is None
