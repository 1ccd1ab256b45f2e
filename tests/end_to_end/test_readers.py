"""The capture in the hands of others: tshark, capinfos and editcap read it, decrypted, with no argument."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.decode.decode import decode
from harness.replay import replay
from harness.run import Run
from harness.trace.trace import Trace
from tests.end_to_end.scenario_files import PASSTHROUGH, ROOT, TERMINATING, WITH_PROGRAMS, record

REAL = tuple(sorted(WITH_PROGRAMS.glob("*-terminating-cluster.yaml")))
TLS_1_2 = ROOT / "scenarios" / "settings" / "terminating-tls-1.2.yaml"


def tool(name: str) -> str:
    """The path of a program of Wireshark's."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (apt-get install tshark)")
    return path


def output(name: str, *arguments: str | Path) -> list[str]:
    """The lines that a program prints; a settings folder that does not exist keeps this user's out of it."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)],
        env={"WIRESHARK_CONFIG_DIR": "/nonexistent", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def requests(trace: Trace) -> Iterator[str]:
    """Method and target of every request outside tunnels: tshark 4.0 does not look for TLS in a tunnel in TLS.

    What runs through a tunnel runs again on leg L3, where it sees it.
    """
    for connection in trace.connections:
        for exchange in connection.exchanges:
            if exchange.request is not None:
                yield f"{exchange.request.method.decode()} {exchange.request.target.decode()}"


@pytest.fixture(
    scope="module", params=[TERMINATING, PASSTHROUGH, TLS_1_2, *REAL], ids=lambda file: file.stem
)
def run(request: pytest.FixtureRequest, live: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One live run of each kind of site, of TLS 1.2, and of each real balancer."""
    del live
    return record(request.param, tmp_path_factory.mktemp("readers"))


@pytest.fixture(scope="module")
def trace(run: Run) -> Trace:
    """What our own decoder makes of it."""
    return decode(io.BytesIO(run.file.read_bytes()))


def test_tshark_finds_the_same_requests(run: Run, trace: Trace) -> None:
    """Decrypted with no argument: as many requests as our decoder sees, with the same methods and targets."""
    told = output(
        "tshark",
        "-r",
        run.file,
        "-Y",
        "http.request",
        "-T",
        "fields",
        "-E",
        "separator=/s",
        "-E",
        "occurrence=a",
        "-e",
        "http.request.method",
        "-e",
        "http.request.uri",
    )

    assert "CONNECT access.example.com:443" in told
    assert sorted(told) == sorted(requests(trace))


def test_tshark_counts_the_same_packets(run: Run, trace: Trace) -> None:
    """Frame numbers of a report are those of Wireshark: nothing but packets is counted as a frame."""
    told = output(
        "tshark", "-r", run.file, "-T", "fields", "-e", "frame.number", "-e", "frame.interface_name"
    )

    assert told == [f"{packet.number}\t{packet.tap}" for packet in trace.packets]


def test_tshark_knows_the_host_names(run: Run) -> None:
    """`-N n` shows the names of the machines, taken from the file."""
    told = output("tshark", "-r", run.file, "-N", "n", "-T", "fields", "-e", "ip.src_host")

    assert {"pixel", "node1", "vip", "canary-node"} <= set(told)


def test_tshark_finds_nothing_wrong(run: Run) -> None:
    """No bad checksum, no lost segment, no retransmission, nothing malformed."""
    wrong = (
        # Checksums on a loopback are left to hardware that does not exist; no setting changes that. Linux writes a sum
        # of 0 as 0xffff (CSUM_MANGLED_0), which is the same number in ones' complement.
        "tcp.analysis.lost_segment or tcp.analysis.ack_lost_segment or tcp.analysis.retransmission"
        " or _ws.malformed"
        r' or (!(frame.interface_name matches "[.]lo$")'
        " and (ip.checksum.status == 0 or tcp.checksum.status == 0)"
        " and !(tcp.checksum == 0xffff))"
    )
    told = output(
        "tshark",
        "-r",
        run.file,
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
        "-Y",
        wrong,
    )

    assert told == []


def test_capinfos_counts_the_same(run: Run, trace: Trace) -> None:
    """What capinfos reads: every interface with its name, and the packets of all of them."""
    told = "\n".join(output("capinfos", "-M", run.file))
    names = [
        line.split("=")[1].strip()
        for line in told.splitlines()
        if line.strip().startswith("Name =")
    ]

    assert f"Number of packets:   {len(trace.packets)}" in told
    assert names == [tap.name for tap in trace.taps]


def test_editcap_keeps_what_was_seen(run: Run, trace: Trace, tmp_path: Path) -> None:
    """Written anew by editcap the file shows the same; the kernel's counters are gone, and that is said."""
    copy = tmp_path / "copy.pcapng"
    output("editcap", run.file, copy)
    data = copy.read_bytes()
    verdict = replay(io.BytesIO(data))

    assert decode(io.BytesIO(data)).connections == trace.connections
    assert verdict.signed_in == run.verdict.signed_in
    assert {str(result.outcome) for result in verdict.results} == {"pass", "unknown"}
    assert "kernel counters" in (verdict.results[0].reason or "")


def test_lost_packet_is_unknown(run: Run, trace: Trace, tmp_path: Path) -> None:
    """Without one packet of the middle the run proves nothing: the ledger sees that it is gone."""
    cut = tmp_path / "cut.pcapng"
    output("editcap", run.file, cut, str(len(trace.packets) // 2))

    with cut.open("rb") as stream:
        assert replay(stream).outcome == "unknown"
