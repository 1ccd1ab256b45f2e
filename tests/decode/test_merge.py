"""The merge: a recorded run, split into the files of others, comes together again."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from harness.capture.block import Capture
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.decode import decode
from harness.decode.merge import Merged, Source, merge
from harness.replay import has_twins
from harness.trace.connection import Connection
from harness.trace.trace import Trace
from tests.split_capture import build_pcap, read_key_log, split

RUN = Path(__file__).parents[2] / "captures" / "terminating-cluster.pcapng"
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def whole() -> Trace:
    """The run as it was recorded."""
    return decode(BytesIO(RUN.read_bytes()))


def _merge(files: dict[str, BytesIO]) -> tuple[Merged, Trace]:
    sources = [Source(name=f"{tap}.pcap", stream=s, tap=tap) for tap, s in files.items()]
    merged = merge(sources)
    return merged, _decode(merged, key_log=read_key_log(RUN))


def _decode(merged: Merged, key_log: bytes = b"") -> Trace:
    (trace,) = merged.decode(key_log=key_log)
    return trace


def _facts(connections: tuple[Connection, ...]) -> list[tuple[object, ...]]:
    """What a connection carried, without the numbers of packets and connections."""
    return sorted(
        (
            c.tap,
            str(c.client),
            str(c.server),
            c.client_stream.sha256,
            c.server_stream.sha256,
            len(c.exchanges),
            c.tunnel is not None,
        )
        for c in connections
    )


def test_files_of_one_clock_come_together_again(whole: Trace) -> None:
    """Every connection on its tap, with its content; every packet with its origin."""
    merged, trace = _merge(split(RUN))

    assert _facts(trace.connections) == _facts(whole.connections)
    assert len(merged.origins) == len(trace.packets)
    assert [str(merged.origin(p.number)) for p in trace.packets[:2]] == [
        f"{p.tap}.pcap:{n}" for n, p in enumerate(trace.packets[:2], 1)
    ]


def test_clocks_are_set_by_handshakes_that_pass_through() -> None:
    """No packet is in two files; the balancer's pass-through tells the clocks, to less than its own delay."""
    files = split(RUN, clocks={"dmz": 90 * SECOND})
    merged, trace = _merge({tap: files[tap] for tap in ("outside", "dmz")})
    (moved,) = merged.notes

    assert "dmz.pcap: clock moved by -" in moved
    assert "handshakes that a machine between the files passed on" in moved
    assert trace.slack_ns > 0
    one, other = (
        next(c for c in trace.connections if c.tap == tap and c.server.port == 5262)
        for tap in ("outside", "dmz")
    )
    assert abs(one.opened_ns - other.opened_ns) < SECOND


def test_without_anything_in_common_no_order_is_believed() -> None:
    """The loopback of a node and the outside share neither packet nor handshake."""
    files = split(RUN)
    merged, trace = _merge({tap: files[tap] for tap in ("outside", "inside")})

    assert trace.slack_ns >= 3600 * SECOND
    assert any("nothing tells its clock" in note for note in merged.notes)


def test_two_views_of_one_tap_are_one_and_fill_each_others_gaps(whole: Trace) -> None:
    """Each file lost other packets, and the second clock is wrong by some hours."""
    one = split(RUN, keep=lambda tap, number: number % 7 != 3)["dmz"]
    two = split(RUN, keep=lambda tap, number: number % 7 != 5, clocks={"dmz": -7000 * SECOND})[
        "dmz"
    ]
    merged, trace = _merge({"one": one, "two": two})
    dmz = [c for c in whole.connections if c.tap == "dmz"]

    assert trace.slack_ns == 0
    got, wanted = (
        sorted(fact[1:] for fact in _facts(tuple(connections)))
        for connections in (trace.connections, dmz)
    )
    assert got == wanted
    assert not any(c.client_stream.gaps or c.server_stream.gaps for c in trace.connections)
    assert any("seen on" in note and "counted once" in note for note in merged.notes)
    assert {o.file for o in (merged.origin(n) for n in trace.connections[0].packets)} == {
        "one.pcap",
        "two.pcap",
    }


def test_views_on_links_of_other_kinds_are_left_out() -> None:
    """The same packets without Ethernet headers: one view stays."""
    files = split(RUN)
    empty = build_pcap((), link_type=101)
    ethernet = files["inside"]
    frames = _read(ethernet)
    bare = build_pcap(((t, d[14:]) for t, d in frames if d[12:14] == b"\x08\x00"), link_type=101)
    ethernet.seek(0)
    merged, trace = _merge({"empty": empty, "inside": ethernet, "raw": bare})

    assert {c.tap for c in trace.connections} == {"inside"}
    assert any("left out there" in note for note in merged.notes)


def _read(stream: BytesIO) -> list[tuple[int, bytes]]:
    return [(b.time_ns, b.data) for b in read_blocks(stream) if isinstance(b, Capture)]


def test_one_file_keeps_its_order_and_numbers(whole: Trace) -> None:
    """Nothing is moved that was not seen twice."""
    merged = merge((Source(name="run", stream=BytesIO(RUN.read_bytes())),))
    trace = _decode(merged)

    assert not has_twins(whole)
    assert [o.number for o in merged.origins] == [p.number for p in whole.packets]
    assert (merged.notes, trace.slack_ns) == ((), 0)
    assert _facts(trace.connections) == _facts(whole.connections)


def test_twins_are_noticed() -> None:
    """The same ends at the same time on two interfaces."""
    files = split(RUN)
    one, two = _read(files["dmz"]), _read(split(RUN)["dmz"])
    stream = BytesIO()
    writer = PcapngWriter(stream)
    taps = [writer.write_interface(name) for name in ("eth0", "eth1")]
    for (time_ns, data), (_, copy) in zip(one, two, strict=True):
        writer.write_packet(taps[0], time_ns, data)
        writer.write_packet(taps[1], time_ns + 1000, copy)
    stream.seek(0)

    assert has_twins(decode(stream))
    stream.seek(0)
    merged = merge((Source(name="run", stream=stream),))
    assert not has_twins(_decode(merged, read_key_log(RUN)))


@pytest.mark.parametrize("shift_s", [0, 3])
def test_files_of_one_direction_each_are_one_tap(whole: Trace, shift_s: int) -> None:
    """What one acknowledges the other has sent: that sets the clocks, and joins the connections."""
    frames = _read(split(RUN)["dmz"])
    up = build_pcap((t, d) for t, d in frames if d[26:30] < d[30:34])
    down = build_pcap((t + shift_s * SECOND, d) for t, d in frames if d[26:30] >= d[30:34])

    merged, trace = _merge({"up": up, "down": down})

    wanted = [fact[1:] for fact in _facts(whole.connections) if fact[0] == "dmz"]
    assert [fact[1:] for fact in _facts(trace.connections)] == wanted
    assert {connection.tap for connection in trace.connections} == {"up + down"}
    assert any("of one file that the other acknowledges" in note for note in merged.notes)
    assert [note[:18] for note in merged.tell_joined(trace)] == ["up + down: one tap"]
    assert trace.slack_ns < SECOND


def test_both_sides_of_a_machine_tapped_by_direction_are_merged() -> None:
    """Four interfaces: each copy goes to the one that saw the same direction, and the two that are left are joined."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    taps = [writer.write_interface(name) for name in ("a", "b", "c", "d")]
    for time_ns, data in _read(split(RUN)["dmz"]):
        up = data[26:30] < data[30:34]
        writer.write_packet(taps[0 if up else 1], time_ns, data)
        writer.write_packet(taps[2 if up else 3], time_ns + 1000, data)
    stream.seek(0)

    trace = _decode(merge((Source(name="run", stream=stream),)), read_key_log(RUN))

    assert {connection.tap for connection in trace.connections} == {"a + b"}
    assert not has_twins(trace)


def test_damage_names_its_file() -> None:
    """A cut file is used up to the cut."""
    files = split(RUN)
    cut = BytesIO(files["dmz"].getvalue()[:-5])
    _, trace = _merge({"outside": files["outside"], "dmz": cut})

    assert [d.message for d in trace.damage if d.message.startswith("dmz.pcap: ")]
