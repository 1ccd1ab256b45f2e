"""Other Python readers beside us, damage, and large files: part of `make bench-replay`. Printed, never asserted.

    peers     scapy and pyshark do our job on a slice of the capture `short`, as far as they can: the connections; the
              names in the hellos; the requests and responses in the clear
    loss      0.2 % of the packets removed: what we recover, and what tshark recovers
    memory    `short` repeated into files of 1 and 4 GB, decoded by one process and by two

CPU seconds of whole processes, start-up included; memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from replay import Tshark, measure
from replay_captures import SERVICE_PORT, CaptureFile, build_short, repeat_capture, write_in_turn

HERE = Path(__file__).resolve()
_ENVIRONMENT = {"PYTHONPATH": str(HERE.parent.parent), "OPENBLAS_NUM_THREADS": "1"}
_PACKET_BLOCK = 6
_LEVELS = ("connections", "handshakes", "exchanges")
_GAVE_UP = "it gave up"
LOSS = 0.002
"""Share of the packets that is removed."""


# What the programs do, each in a process of its own: `python replay_peers.py --job WHO LEVEL FILE`.


def read_with_scapy(level: str, path: str) -> int:
    """scapy: packets dissected one by one; its TLS and HTTP layers where the job needs them."""
    import scapy.layers.http
    from scapy.config import conf
    from scapy.layers.http import HTTPRequest, HTTPResponse
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import PcapNgReader

    del scapy.layers.http
    if level == "connections":
        conf.layers.filter([Ether, IP, TCP])
        found: Counter[object] = Counter()
        with PcapNgReader(path) as reader:
            for packet in reader:
                if TCP in packet:
                    ip, tcp = packet[IP], packet[TCP]
                    ends = frozenset(((ip.src, tcp.sport), (ip.dst, tcp.dport)))
                    found[ends] += len(tcp.payload)
        return len(found)
    from scapy.layers.tls.handshake import TLSClientHello
    from scapy.layers.tls.record import TLS
    from scapy.sessions import TCPSession

    conf.tls_session_enable = level == "exchanges"
    TCP.payload_guess.insert(0, ({"dport": SERVICE_PORT}, TLS))
    TCP.payload_guess.insert(0, ({"sport": SERVICE_PORT}, TLS))
    told = 0
    if level == "exchanges":
        conf.tls_nss_filename = str(Path(path).with_suffix(".keys"))
    with PcapNgReader(path) as reader:
        session = TCPSession()
        for raw in reader:
            packet = session.process(raw)
            if packet is None:
                continue
            if level == "handshakes":
                told += TLSClientHello in packet
            else:
                told += HTTPRequest in packet or HTTPResponse in packet
    return told


def read_with_pyshark(level: str, path: str) -> int:
    """pyshark: tshark's words as Python objects, with what tshark need not look for filtered out."""
    import pyshark

    shown = {
        "connections": "tcp",
        "handshakes": "tls.handshake.type == 1 or tls.handshake.type == 11",
        "exchanges": "http.request or http.response",
    }[level]
    decode = {f"tcp.port=={SERVICE_PORT}": "tls"} if level != "connections" else {}
    capture = pyshark.FileCapture(
        path, keep_packets=False, display_filter=shown, decode_as=decode, use_json=False
    )
    streams = set()
    told = 0
    for packet in capture:
        if level == "connections":
            streams.add(packet.tcp.stream)
        else:
            told += 1
    capture.close()
    return len(streams) if level == "connections" else told


def read_with_us(level: str, path: str) -> int:
    """What the others count: connections, hellos of clients, requests and responses."""
    from harness.decode.connections import decode_connections

    told = 0
    with open(path, "rb") as stream:
        reader = decode_connections(stream, level=level, hashes=False, body_limit=0)  # type: ignore[arg-type]
        for connection in reader:
            if level == "connections":
                told += 1
            elif level == "handshakes":
                told += connection.tls is not None
            else:
                exchanges = connection.exchanges
                told += sum((e.request is not None) + (e.response is not None) for e in exchanges)
    return told


JOBS: dict[str, Callable[[str, str], int]] = {
    "ours": read_with_us,
    "scapy": read_with_scapy,
    "pyshark": read_with_pyshark,
}


def compare_peers(folder: Path, short: int, slices: dict[str, int]) -> None:
    """A table: packets a second of everybody; the slow ones on slices, so that they end."""
    made = write_in_turn(folder, "short", build_short(short), at_once=20)
    rates: dict[str, float] = {}
    for level in _LEVELS:
        rates[level] = _tell_peer("ours", level, made)
    for who, connections in slices.items():
        if importlib.util.find_spec(who) is None:
            print(f"{who:8} is not installed: its rows are left out", flush=True)
            continue
        made = write_in_turn(folder, f"slice-{who}", build_short(connections), at_once=20)
        _write_keys(made.keyed)
        for level in _LEVELS:
            if rate := _tell_peer(who, level, made):
                print(f"         ours is {rates[level] / rate:.0f} times as fast", flush=True)


def _tell_peer(who: str, level: str, made: CaptureFile) -> float:
    """One row; gives packets a second, 0 where the program gave up."""
    path = made.keyed if level == "exchanges" else made.bare
    with tempfile.NamedTemporaryFile("r") as found:
        command = [sys.executable, str(HERE), "--job", who, level, str(path)]
        cost = measure([*command, "--found", found.name], _ENVIRONMENT)
        told = found.read().strip()
    size = path.stat().st_size / 1e6
    print(
        f"{who:8} {level:12} {made.packet_count:7} packets {cost.cpu_s:7.2f} s "
        f"{made.packet_count / cost.cpu_s / 1000:7.1f} kpps {size / cost.cpu_s:6.1f} MB/s "
        f"{cost.memory_mb:5.0f} MB, found {told}",
        flush=True,
    )
    return 0.0 if _GAVE_UP in told else made.packet_count / cost.cpu_s


def work(who: str, level: str, path: str) -> str:
    """What a program found in a file, or why it gave up."""
    try:
        return str(JOBS[who](level, path))
    except Exception as error:  # noqa: BLE001 - another's program may fail in any way, and that is a result
        return f"nothing: {_GAVE_UP} ({type(error).__name__}: {error})"


def _write_keys(path: Path) -> None:
    """The secrets of a capture beside it, for readers that want them so."""
    from harness.capture.block import Keys
    from harness.capture.pcapng import read_keys

    with path.open("rb") as stream:
        found = [keys.data for keys in read_keys(stream) if isinstance(keys, Keys)]
    path.with_suffix(".keys").write_bytes(b"".join(found))


def measure_loss(folder: Path, connections: int) -> None:
    """Packets removed at random: requests and responses found, and holes told."""
    from harness.decode.connections import decode_connections

    made = write_in_turn(folder, "loss", build_short(connections), at_once=20)
    path = folder / "lossy.pcapng"
    removed = _remove_packets(made.keyed, path)
    with made.keyed.open("rb") as stream:
        sent = Counter[str]()
        for connection in decode_connections(stream):
            sent["requests"] += sum(e.request is not None for e in connection.exchanges)
            sent["responses"] += sum(e.response is not None for e in connection.exchanges)
    ours, holes = Counter[str](), 0
    with path.open("rb") as stream:
        for connection in decode_connections(stream):
            ours["requests"] += sum(e.request is not None for e in connection.exchanges)
            ours["responses"] += sum(e.response is not None for e in connection.exchanges)
            sides = (connection.client_stream, connection.server_stream)
            holes += any(side.gaps for side in sides) or not connection.from_start
    print(
        f"loss     {removed} of {made.packet_count} packets removed; {sent['requests']} requests and "
        f"{sent['responses']} responses were sent\n"
        f"  ours   {ours['requests']} requests, {ours['responses']} responses, holes told in {holes} connections",
        flush=True,
    )
    if shutil.which("tshark") is None:
        print("  tshark is not installed", flush=True)
        return
    tshark = Tshark(_fresh(folder / "profiles"))
    command, environment = tshark.build("exchanges", path, "http.request or http.response")
    lines = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    requests = sum(len(row[2].split(",")) for row in rows if len(row) > 2 and row[2])
    responses = sum(len(row[4].split(",")) for row in rows if len(row) > 4 and row[4])
    print(f"  tshark {requests} requests, {responses} responses, no word about holes", flush=True)


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _remove_packets(source: Path, target: Path) -> int:
    """Copy a capture without LOSS of its packets; gives how many."""
    chance, removed, data, at = random.Random(4), 0, source.read_bytes(), 0
    with target.open("wb") as out:
        while at < len(data):
            kind = int.from_bytes(data[at : at + 4], "little")
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            if kind == _PACKET_BLOCK and chance.random() < LOSS:
                removed += 1
            else:
                out.write(data[at : at + size])
            at += size
    return removed


def measure_memory(folder: Path, connections: int, sizes: list[float]) -> None:
    """Files of any size: processor time and memory, by one process and by two."""
    made = write_in_turn(folder, "seed", build_short(connections), at_once=20)
    begin = "import sys; from harness.cli.main import main; sys.exit(main(sys.argv[1:]))"
    for size in sizes:
        path = folder / "large.pcapng"
        repeat_capture(made.keyed, path, max(round(size * 1e9 / made.keyed.stat().st_size), 1))
        for jobs in ("1", "2"):
            command = [sys.executable, "-c", begin, "decode", str(path), "--json", "--jobs", jobs]
            cost = measure(command, _ENVIRONMENT)
            print(
                f"memory   {path.stat().st_size / 1e9:.2f} GB, --jobs {jobs}: {cost.memory_mb:.0f} MB, "
                f"{cost.cpu_s:.0f} s CPU, {cost.wall_s:.0f} s, {cost.output_lines - 1} connections",
                flush=True,
            )
        path.unlink()


def main() -> None:
    """Everything, or one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--job", nargs=3, metavar=("WHO", "LEVEL", "FILE"))
    parser.add_argument("--found", type=Path, help="where a job writes what it found")
    parser.add_argument("--part", choices=("peers", "loss", "memory"))
    parser.add_argument("--scapy", type=int, default=200, help="connections of scapy's slice")
    parser.add_argument("--pyshark", type=int, default=100, help="connections of pyshark's slice")
    parser.add_argument("--short", type=int, default=3000, help="connections of the other captures")
    parser.add_argument("--sizes", type=float, nargs="*", default=[1, 4], help="GB")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.job:
        options.found.write_text(work(*options.job))
        return
    sys.path.insert(0, str(HERE.parent.parent))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.part in (None, "peers"):
            compare_peers(
                folder, options.short, {"scapy": options.scapy, "pyshark": options.pyshark}
            )
        if options.part in (None, "loss"):
            measure_loss(folder, options.short)
        if options.part in (None, "memory"):
            measure_memory(folder, options.short, options.sizes)


if __name__ == "__main__":
    main()
