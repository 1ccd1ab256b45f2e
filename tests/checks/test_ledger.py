"""The ledger: everything that keeps a capture from being proven complete."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.checks.ledger import read_ledger, tell_packets
from harness.checks.run_note import RunNote
from harness.net.address import Endpoint
from harness.trace.connection import ByteStream, Gap
from harness.trace.packet import PacketNumber
from harness.trace.trace import Damage, Tap, Trace
from tests.checks.examining import NOTE
from tests.trace_builder import CLUSTER, N1, N2, PIXEL, VIP, TraceBuilder


def _trace() -> Trace:
    builder = TraceBuilder()
    builder.sign_in()
    return builder.build()


def _tap(trace: Trace, **changes: Any) -> Trace:
    """The dmz tap changed."""
    changed: tuple[Tap, ...] = tuple(
        replace(t, **changes) if t.name == "dmz" else t for t in trace.taps
    )
    return replace(trace, taps=changed)


def _gap(trace: Trace) -> Trace:
    stream = ByteStream(size=100, gaps=(Gap(offset=10, size=20), Gap(offset=40, size=5)))
    first = replace(trace.connections[0], client_stream=stream)
    return replace(trace, connections=(first, *trace.connections[1:]))


def _note(trace: Trace) -> Trace:
    cut = replace(trace.packets[20], note="cut by snaplen")
    return replace(trace, packets=(*trace.packets[:20], cut, *trace.packets[21:]))


def _late_start(trace: Trace) -> Trace:
    return _tap(trace, started=PacketNumber(12))


LOSSES: dict[str, tuple[Callable[[Trace], Trace], str]] = {
    "no start": (lambda t: _tap(t, started=None), "tap dmz: its start sentinel is not in the file"),
    "no stop": (lambda t: _tap(t, stopped=None), "tap dmz: its stop sentinel is not in the file"),
    "dropped": (lambda t: _tap(t, dropped=3), "tap dmz: the kernel dropped 3 packets"),
    "frozen": (lambda t: _tap(t, freezes=1), "its ring was full and frozen 1 times"),
    "fewer written": (
        lambda t: _tap(t, received=999),
        "the kernel saw 999 packets, the file holds",
    ),
    "no counters": (lambda t: _tap(t, received=None), "the file holds no kernel counters of it"),
    "no freezes": (lambda t: _tap(t, freezes=None), "the file holds no kernel counters of it"),
    "no tap": (lambda t: replace(t, taps=t.taps[1:]), "tap outside is not in the file"),
    "no loopback": (lambda t: replace(t, taps=t.taps[:-1]), "tap node3.lo is not in the file"),
    "early packet": (_late_start, "outside its sentinels"),
    "gap": (_gap, "25 bytes of 203.0.113.10:41001 to 10.20.0.10:5262, from 203.0.113.10:41001"),
    "damage": (
        lambda t: replace(t, damage=(Damage(offset=7, message="bad length"),)),
        "damaged at byte 7",
    ),
    "unread": (_note, "packet 21 could not be followed: cut by snaplen"),
    "middle": (
        lambda t: replace(
            t, connections=(replace(t.connections[0], from_start=False), *t.connections[1:])
        ),
        "the start of 203.0.113.10:41001 to 10.20.0.10:5262 is not in the file (packet 7)",
    ),
    "nothing": (lambda t: replace(t, packets=()), "the capture holds no packets"),
}


def test_a_whole_capture_is_complete() -> None:
    """Sentinels, counters, streams: nothing is missing."""
    ledger = read_ledger(_trace(), site=CLUSTER, note=NOTE)

    assert ledger.problems == ()
    assert ledger.is_complete


@pytest.mark.parametrize("name", LOSSES, ids=str)
def test_each_loss_is_told(name: str) -> None:
    """With the tap or the packets."""
    lose, expected = LOSSES[name]
    problems = read_ledger(lose(_trace()), site=CLUSTER, note=NOTE).problems

    assert any(expected in problem for problem in problems), problems


def test_an_interrupted_run_is_not_complete() -> None:
    """The file itself says so."""
    note = RunNote(mode="namespaces", canary=True, complete=False)

    assert "interrupted" in read_ledger(_trace(), site=CLUSTER, note=note).problems[0]


def test_frames_that_are_no_ip_may_lie_outside_the_sentinels() -> None:
    """ARP while the links come up."""
    builder = TraceBuilder()
    trace = builder.build()
    arp = replace(trace.packets[1], ether_type=0x0806)

    assert read_ledger(
        replace(trace, packets=(arp, *trace.packets[1:])), site=CLUSTER, note=NOTE
    ).is_complete


def test_an_unanswered_syn_is_complete() -> None:
    """Nothing was sent that was not seen."""
    builder = TraceBuilder()
    builder.open("dmz", PIXEL, VIP, 443, answered=False)
    builder.packet("dmz", Endpoint(N1, 0), Endpoint(N2, 0), protocol=1)

    assert read_ledger(builder.build(), site=CLUSTER, note=NOTE).is_complete


def test_json_holds_plain_values_only() -> None:
    """Counters of each tap, and the problems."""
    data = json.loads(json.dumps(read_ledger(_gap(_trace()), site=CLUSTER, note=NOTE).to_json()))

    assert (data["complete"], data["gaps"], data["connections"]) == (False, 2, 5)
    assert data["taps"][1]["name"] == "dmz"
    assert data["taps"][1]["received"] == data["taps"][1]["packets"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([4], "packet 4"),
        ([5, 4], "packets 4, 5"),
        (range(1, 13), "packets 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"),
    ],
)
def test_packets_are_told_in_order_and_not_all(numbers: list[int], expected: str) -> None:
    """At most ten."""
    assert tell_packets(PacketNumber(n) for n in numbers) == expected


def test_a_capture_of_others_has_one_reason_for_all_that_it_cannot_prove() -> None:
    """Their interfaces are not our taps; what their program admits to have lost is told."""
    trace = replace(
        _trace(),
        taps=(
            Tap(name="eth0", link_type=1, packet_count=9, received=12, dropped=3),
            Tap(name="eth1", link_type=1, packet_count=9),
        ),
    )

    assert read_ledger(trace, site=CLUSTER, note=None).problems == (
        "another program recorded it, and nothing proves that it saw every packet",
        "tap eth0: the recording program dropped 3 packets",
    )
