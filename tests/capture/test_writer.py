"""Tests of the writer: what it writes comes back, from our own reader and from independent ones."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from harness.capture.annotation import build_annotations
from harness.capture.block import Block, Capture, Interface, Keys, Names, Section, Statistics
from harness.capture.keylog import build_keylog_line
from harness.capture.ledger import build_freezes, build_sentinel
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter

TIME_NS = 1_790_000_000_123_456_789
SITE = build_annotations("site/1", "ü" * 40_000)
SECRET = build_keylog_line("CLIENT_RANDOM", bytes(32), b"s" * 48)
FRAME = build_sentinel("start", "dmz", "r")


def build_file() -> bytes:
    """Two taps, names, secrets between packets, comments, counters."""
    stream = BytesIO()
    writer = PcapngWriter(stream, comments=SITE, os="Linux", application="harness")
    dmz = writer.write_interface("dmz", description="bridge")
    loop = writer.write_interface("node1.lo", snap_length=96)
    writer.write_names(
        {ip_address("10.0.0.1"): ["node1", "a"], ip_address("2001:db8::1"): ["node2"]}
    )
    writer.write_packet(dmz, TIME_NS, FRAME, comments=["first", "second"])
    writer.write_secrets(SECRET)
    writer.write_packet(loop, TIME_NS + 1, FRAME[:61], size=900)
    writer.write_statistics(
        dmz,
        TIME_NS + 2,
        received=5,
        dropped=1,
        delivered=4,
        start_ns=TIME_NS,
        end_ns=TIME_NS + 2,
        comments=[build_freezes(0)],
    )
    writer.write_statistics(loop, TIME_NS + 2, received=0)
    return stream.getvalue()


def test_every_block_comes_back() -> None:
    """All that is written is read again, to the nanosecond."""
    names = ((ip_address("10.0.0.1"), ("node1", "a")), (ip_address("2001:db8::1"), ("node2",)))
    expected: list[Block] = [
        Section(comments=SITE, os="Linux", application="harness"),
        Interface(
            index=0,
            section=0,
            link_type=1,
            name="dmz",
            description="bridge",
            ticks_per_second=10**9,
        ),
        Interface(
            index=1, section=0, link_type=1, name="node1.lo", snap_length=96, ticks_per_second=10**9
        ),
        Names(names=names),
        Capture(
            number=1,
            interface=0,
            time_ns=TIME_NS,
            size=len(FRAME),
            data=FRAME,
            comments=("first", "second"),
        ),
        Keys(kind=0x544C534B, data=SECRET),
        Capture(number=2, interface=1, time_ns=TIME_NS + 1, size=900, data=FRAME[:61]),
        Statistics(
            interface=0,
            received=5,
            dropped=1,
            delivered=4,
            start_ns=TIME_NS,
            end_ns=TIME_NS + 2,
            comments=("freezes 0",),
        ),
        Statistics(interface=1, received=0),
    ]

    assert list(read_blocks(BytesIO(build_file()))) == expected


@given(st.lists(st.tuples(st.binary(max_size=70), st.integers(0, 2**63)), max_size=5))
def test_any_packets_come_back(packets: list[tuple[bytes, int]]) -> None:
    """Every size modulo 4 and every time that the format can hold."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    index = writer.write_interface("x")
    for data, time_ns in packets:
        writer.write_packet(index, time_ns, data)
    stream.seek(0)

    found = [(b.data, b.time_ns) for b in read_blocks(stream) if isinstance(b, Capture)]

    assert found == packets


def test_scapy_reads_the_packets(tmp_path: Path) -> None:
    """A reader that shares no code with ours sees the same bytes, sizes and times."""
    path = tmp_path / "a.pcapng"
    path.write_bytes(build_file())

    with RawPcapNgReader(str(path)) as reader:
        found = list(reader)

    assert [data for data, _ in found] == [FRAME, FRAME[:61]]
    assert [meta.wirelen for _, meta in found] == [len(FRAME), 900]
    assert [(meta.tshigh << 32) | meta.tslow for _, meta in found] == [TIME_NS, TIME_NS + 1]


def _run(program: str, *arguments: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [found, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_capinfos_reads_the_file(tmp_path: Path) -> None:
    """Comment, interfaces, names and secrets are all there for it."""
    path = tmp_path / "a.pcapng"
    path.write_bytes(build_file())

    text = _run("capinfos", str(path))

    assert "Capture application: harness" in text
    assert "certproxy-harness site/1 1/2" in text
    assert "Number of interfaces in file: 2" in text
    assert "Number of decryption secrets in file: 1" in text
    assert "Number of resolved IPv4 addresses in file: 2" in text


def test_editcap_copies_the_file_and_tshark_reads_the_copy(tmp_path: Path) -> None:
    """The order of blocks is one that Wireshark can also write."""
    path, copy = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    path.write_bytes(build_file())

    _run("editcap", str(path), str(copy))
    fields = (
        "-e",
        "frame.interface_name",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.len",
        "-e",
        "frame.comment",
    )
    text = _run("tshark", "-r", str(copy), "-T", "fields", *fields)

    assert text.splitlines() == [
        f"dmz\t1790000000.123456789\t{len(FRAME)}\tfirst,second",
        "node1.lo\t1790000000.123456790\t900\t",
    ]


def test_the_order_is_kept() -> None:
    """An interface after a packet would make a file that editcap refuses."""
    writer = PcapngWriter(BytesIO())
    index = writer.write_interface("a")
    writer.write_packet(index, 0, b"")

    with pytest.raises(ValueError, match="interface 'b' after packets"):
        writer.write_interface("b")
    with pytest.raises(ValueError, match="names after packets"):
        writer.write_names({})
    writer.write_statistics(index, 0)
    with pytest.raises(ValueError, match="secrets after statistics"):
        writer.write_secrets(b"")


def test_an_unknown_interface_is_refused() -> None:
    """Wireshark stops reading at such a packet."""
    writer = PcapngWriter(BytesIO())

    with pytest.raises(ValueError, match="interface 0: got 0 interfaces"):
        writer.write_packet(0, 0, b"")
