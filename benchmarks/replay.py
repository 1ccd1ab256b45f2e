"""The judge, measured beside tshark: `make bench-replay`. Numbers are printed, never asserted.

All figures are CPU seconds of whole processes on one core, start-up included, the least of some rounds in which all
programs take turns; only ratios of one run mean something. tshark gets what makes it fast: no name resolution, no
sequence analysis, no dissectors that the job does not need, the TLS port given. Both write their facts to nowhere:

    connections    per connection: ends, first and last time, packets, bytes, how it closed (tshark: conv, or fields
                   of each packet, since its conversations have no flags)
    handshakes     and SNI, client certificates (TLS 1.2; no keys)
    exchanges      and every decrypted request and response: method, target, status, time
"""

from __future__ import annotations

import argparse
import compileall
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replay_captures import (
    ADMIN_PORT,
    SERVICE_PORT,
    build_long,
    build_short,
    repeat_capture,
    write_in_turn,
)

HERE = Path(__file__).resolve()
_OURS = {"PYTHONPATH": str(HERE.parent.parent)}
_HARNESS = (
    sys.executable,
    "-c",
    "import sys; from harness.cli.main import main; sys.exit(main(sys.argv[1:]))",
)
_DECODE = (*_HARNESS, "decode")
_SITE = f"""
fqdn: access.example.com
nodes: {{node1: 10.20.0.10}}
seen_as: {{"10.20.0.10:{SERVICE_PORT}": node1:443}}
cert_proxy: {{destination_forced: false}}
"""
"""To it all connections of `short` go."""
_UNKNOWN = 3
"""Exit code of a verdict on a capture of others in which nothing was wrong."""
_NEEDED = {
    "connections": {"eth", "ip", "ipv6", "tcp", "frame", "pkt_comment"},
    "handshakes": {
        "tls",
        "x509af",
        "x509ce",
        "x509if",
        "x509sat",
        "ber",
        "pkcs1",
        "pkcs-1",
        "data",
    },
    "exchanges": {"http", "data-text-lines", "media"},
}
_TCP = (
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.calculate_timestamps:FALSE",
    "tcp.check_checksum:FALSE",
    "ip.check_checksum:FALSE",
    "ip.use_geoip:FALSE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took."""

    cpu_s: float
    wall_s: float
    memory_mb: float
    output_lines: int


def measure(command: Sequence[str], environment: dict[str, str], *, code: int = 0) -> Cost:
    """Run one program to its end, which has to have this exit code, and count its lines."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        if process.returncode != code:
            raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
        out.seek(0)
        lines = sum(1 for _ in out)
    return Cost(
        cpu_s=usage.ru_utime + usage.ru_stime,
        wall_s=wall,
        memory_mb=usage.ru_maxrss / 1024,
        output_lines=lines,
    )


class Tshark:
    """The commands of tshark, with a profile for each job."""

    def __init__(self, folder: Path) -> None:
        """Write the profiles."""
        listed = subprocess.run(
            ["tshark", "-G", "protocols"], capture_output=True, text=True, check=True
        ).stdout
        names = [line.split("\t")[2] for line in listed.splitlines()]
        self._folder = folder
        needed: set[str] = set()
        for level, more in _NEEDED.items():
            needed |= more
            place = folder / level
            place.mkdir()
            (place / "disabled_protos").write_text(
                "".join(f"{name}\n" for name in names if name not in needed)
            )

    def build(self, level: str, path: Path, kind: str) -> tuple[list[str], dict[str, str]]:
        """The command and its environment; kind is `fields`, `conv`, or a display filter."""
        command = ["tshark", "-n", "-r", str(path)]
        for setting in _TCP:
            command += ["-o", setting]
        if level == "connections":
            command += ["-o", "tcp.desegment_tcp_streams:FALSE"]
        else:
            for port in (SERVICE_PORT, ADMIN_PORT):
                command += ["-d", f"tcp.port=={port},tls"]
                command += ["-d", f"tls.port=={port},http"] if level == "exchanges" else []
        if kind == "conv":
            command += ["-q", "-z", "conv,tcp"]
        else:
            command += ["-T", "fields"] + (["-Y", kind] if kind != "fields" else [])
            for name in _FIELDS[level]:
                command += ["-e", name]
        return command, {"WIRESHARK_CONFIG_DIR": str(self._folder / level)}


_FIELDS = {
    "connections": (
        "frame.time_epoch",
        "ip.src",
        "tcp.srcport",
        "ip.dst",
        "tcp.dstport",
        "tcp.flags",
        "tcp.len",
        "tcp.stream",
    ),
    "handshakes": (
        "tcp.stream",
        "frame.time_epoch",
        "tls.handshake.extensions_server_name",
        "x509sat.uTF8String",
    ),
    "exchanges": (
        "tcp.stream",
        "frame.time_epoch",
        "http.request.method",
        "http.request.uri",
        "http.response.code",
    ),
}


def compare(
    name: str, path: Path, level: str, kind: str, tshark: Tshark | None, options: argparse.Namespace
) -> None:
    """One row: both programs in turn."""
    port = ADMIN_PORT if "5263" in kind else None
    ours = [*_DECODE, str(path), "--brief", level, *(["--port", str(port)] if port else [])]
    theirs, environment = tshark.build(level, path, kind) if tshark is not None else ([], {})
    best: dict[str, Cost] = {}
    for _ in range(options.rounds):
        for who, command, extra in (
            ("ours", ours, _OURS),
            ("tshark", theirs, environment),
        ):
            if not command:
                continue
            cost = measure(command, extra)
            if who not in best or cost.cpu_s < best[who].cpu_s:
                best[who] = cost
    mine, other = best["ours"], best.get("tshark")
    size_mb, packets = path.stat().st_size / 1e6, options.packets[name]
    row = [
        f"{name:6} {level:12}",
        f"{mine.cpu_s:7.2f} s {packets / mine.cpu_s / 1000:6.0f} kpps {size_mb / mine.cpu_s:6.0f} MB/s",
        f"{mine.memory_mb:5.0f} MB {mine.output_lines:8} lines",
    ]
    if other is not None:
        row += [
            f"| tshark {kind[:24]:24} {other.cpu_s:7.2f} s {other.memory_mb:6.0f} MB",
            f"{other.output_lines:8} lines | {other.cpu_s / mine.cpu_s:5.1f} x",
        ]
    print(*row, flush=True)


def measure_jobs(path: Path) -> None:
    """One process and two, on all cores, by the wall clock."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    command = [*_DECODE, str(path), "--json", "--jobs"]
    one, two = (measure([*command, jobs], _OURS) for jobs in ("1", "2"))
    os.sched_setaffinity(0, cores)
    print(f"short  harness decode --json: {one.wall_s:.1f} s; --jobs 2: {two.wall_s:.1f} s", end="")
    print(f", {one.wall_s / two.wall_s:.2f} times as fast", flush=True)


def measure_repeated(folder: Path, times: int) -> None:
    """A file of any size: its exchanges, and the verdict on all of it."""
    path = folder / "repeated.pcapng"
    repeat_capture(folder / "short.pcapng", path, times)
    site = folder / "site.yaml"
    site.write_text(_SITE)
    size = path.stat().st_size / 1e9
    for job, command, code in (
        ("exchanges", [*_DECODE, str(path), "--brief", "exchanges"], 0),
        ("verdict", [*_HARNESS, "replay", str(path), "--site", str(site)], _UNKNOWN),
    ):
        cost = measure(command, _OURS, code=code)
        told = f"{size:.1f} GB, {cost.cpu_s:.0f} s, {cost.memory_mb:.0f} MB"
        print(f"short repeated, {job}: {told}", flush=True)
    path.unlink()


def main() -> None:
    """Make captures, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--short", type=int, default=20_000, help="connections of the capture `short`"
    )
    parser.add_argument("--long", type=int, default=500, help="connections of the capture `long`")
    parser.add_argument(
        "--mixed", type=int, default=1_000, help="connections of the capture `mixed`"
    )
    parser.add_argument(
        "--scale", type=int, default=1, help="`short` and `long` so many times in their files"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="keep the captures here, and use those that are there"
    )
    parser.add_argument("--rows", default="", help="only rows whose `capture level` contains this")
    parser.add_argument("--no-tshark", action="store_true")
    parser.add_argument(
        "--repeat", type=int, default=0, help="`short` so many times in one file: memory and time"
    )
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as scratch:
        measure_all(options, Path(scratch))


def make_captures(options: argparse.Namespace, folder: Path) -> None:
    """Those that are not in the folder yet."""
    for name, build, at_once in (
        ("short", build_short, 20),
        ("long", build_long, 20),
        ("mixed", build_long, 1000),
    ):
        note = folder / f"{name}.packets"
        if note.exists():
            continue
        made = write_in_turn(folder, name, build(getattr(options, name)), at_once=at_once)
        scale = 1 if name == "mixed" else options.scale
        for path in (made.keyed, made.bare):
            whole = path.with_suffix(".whole")
            repeat_capture(path, whole, scale)
            whole.replace(path)
        note.write_text(str(made.packet_count * scale))


def measure_all(options: argparse.Namespace, scratch: Path) -> None:
    """All rows."""
    # As after anybody's first command: Python finds our modules compiled.
    compileall.compile_dir(HERE.parent.parent / "harness", quiet=1)
    folder = options.folder or scratch
    has_tshark = shutil.which("tshark") is not None and not options.no_tshark
    tshark = Tshark(scratch) if has_tshark else None
    # In a process of its own: a child's peak memory counts from what its parent had.
    maker = multiprocessing.Process(target=make_captures, args=(options, folder))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit("the captures could not be made")
    options.packets = {
        name: int((folder / f"{name}.packets").read_text()) for name in ("short", "long", "mixed")
    }
    both = "http.request or http.response"
    rows = [
        (name, level, kind)
        for name in ("short", "long", "mixed")
        for level, kind in (
            ("connections", "fields"),
            ("connections", "conv"),
            ("handshakes", "fields"),
            ("exchanges", both),
        )
    ]
    rows.append(("long", "exchanges", f"tcp.port == {ADMIN_PORT} and ({both})"))
    for name, level, kind in rows:
        if options.rows in f"{name} {level}":
            path = folder / (f"{name}.pcapng" if level == "exchanges" else f"{name}.bare.pcapng")
            compare(name, path, level, kind, tshark, options)
    measure_jobs(folder / "short.pcapng")
    if options.repeat:
        measure_repeated(folder, options.repeat)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of any process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
