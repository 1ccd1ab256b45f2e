"""The main job, measured: `make bench`. Numbers are printed, never asserted; machines are shared and noisy.

Each figure says what it counts. Times come from the wall clock of this machine, or from the packets' own time stamps.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.decode.decode import decode
from harness.replay import replay
from harness.run import run
from harness.scenario.scenario import Scenario
from harness.scenario.yaml import load_scenario
from harness.site.sign_in import find_app, find_user
from harness.trace.trace import Trace
from harness.world.job import Job
from harness.world.wire.namespace import Mode
from harness.world.wire.process import PRELOAD, run_private

# The benchmarks are no package that is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.peer_floor import measure

ROUNDS = 15
FLEET = 200
LOAD = 2000
FLOOR_TRANSACTIONS = 100
PROXY_PORT = 5262
TIMEOUT_NS = 900_000_000_000
CLUSTER = """
scenario: {name}
site:
  fqdn: access.example.com
  nodes: {{node1: 10.20.1.1, node2: 10.20.1.2, node3: 10.20.1.3}}
  balancers:
    vip: {{address: 10.20.0.10, "5262": passthrough, "443": terminate}}
  cert_proxy:
    destination_forced: true
    destination: access.example.com
    allow_remote_port_header: true
    accept_remote_port_from: "10.20.0.10"
devices:
  phone: {{user: "user-{{n}}@example.com", count: {count}}}
steps:
  - {{device: phone, sign_in: salesforce}}
"""


NARROW = """
port_ranges:
  node1: {first: 40000, last: 40199}
  node2: {first: 40000, last: 40199}
  node3: {first: 40000, last: 40199}
time_out_ms: 20000
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        _one_scenario(Path(folder) / "one.pcapng")
        _burst(Path(folder) / "many.pcapng")
        _load(Path(folder) / "load.pcapng")
        helps = [_help() for _ in range(7)]
        _row("harness --help, median of 7", f"{statistics.median(helps) * 1000:.0f} ms", "< 300 ms")


def _one_scenario(file: Path) -> None:
    walls = [_wall(1, file) for _ in range(ROUNDS + 1)]
    started = time.perf_counter()
    with file.open("rb") as stream:
        replay(stream)
    judged = time.perf_counter() - started
    first_ns = _sign_in_times(_trace(file))[0]
    _row("one cluster scenario, capture and verdict, first (cold)", f"{walls[0] * 1000:.0f} ms")
    _row(
        f"the same once warm, median of {ROUNDS}",
        f"{statistics.median(walls[1:]) * 1000:.0f} ms",
        "< 500 ms",
    )
    _row("  of which the verdict", f"{judged * 1000:.0f} ms")
    _row("  first device signed in, SYN to answer", f"{first_ns / 1e6:.0f} ms", "< 150 ms")


def _burst(file: Path) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    # A new process, so that its fork server and its worlds inherit the one core.
    script = "import sys; from benchmarks.main_job import burst; burst(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parent.parent,
    )
    cost = json.loads(done.stdout)
    trace = _trace(file)
    times = _sign_in_times(trace)
    fronts = [c for c in trace.connections if c.server.port == PROXY_PORT]
    span_ns = max(c.closed_ns for c in fronts) - min(c.opened_ns for c in fronts)
    dropped = sum(tap.dropped or 0 for tap in trace.taps)
    _row(f"burst of {FLEET} devices on one core: signed in", str(len(times)), str(FLEET))
    _row("  packets recorded / lost", f"{len(trace.packets)} / {dropped}", "0 lost")
    _row("  transactions a second", f"{len(times) / (span_ns / 1e9):.0f}", ">= 60")
    _row("  CPU of the world for each transaction", f"{cost['cpu_ms']:.1f} ms")
    floor = cost["floor_ms"]
    _row("  the same TLS sessions by OpenSSL alone (the floor)", f"{floor:.1f} ms")
    _row("  ratio to the floor", f"{cost['cpu_ms'] / floor:.1f}")
    _row("  peak memory of the world", f"{cost['memory_mb']:.0f} MB")
    started = time.perf_counter()
    with file.open("rb") as stream:
        verdict = replay(stream)
    seconds = time.perf_counter() - started
    _row("  verdict of that file", f"{verdict.outcome.value} in {seconds:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _row("  peak memory of the judging process", f"{peak:.0f} MB")


def _load(file: Path) -> None:
    """Everybody of a company, fifty at a time, through nodes that have two hundred ports each; on all cores."""
    # In a process of its own: the peak of memory is of the whole process, and the burst was here before.
    script = "import sys; from benchmarks.main_job import load; load(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parent.parent,
        preexec_fn=lambda: os.sched_setaffinity(0, range(os.cpu_count() or 1)),
    )
    cost = json.loads(done.stdout)
    _row(f"load of {LOAD} devices, 200 ports a node: signed in", str(cost["right"]), str(LOAD))
    _row("  signed in as somebody else", str(cost["wrong"]), "0")
    _row("  packets recorded / lost", f"{cost['packets']} / {cost['dropped']}", "0 lost")
    _row("  verdict", cost["verdict"], "pass")
    _row("  recorded and judged in, wall", f"{cost['wall_s']:.0f} s")
    _row("  of which judged in", f"{cost['judged_s']:.0f} s")
    _row("  peak memory of the world", f"{cost['world_mb']:.0f} MB")
    _row("  peak memory of the judging process", f"{cost['judge_mb']:.0f} MB")


def load(name: str) -> None:
    """Record and judge all devices of the load; print what that cost, as JSON."""
    text = CLUSTER.format(name="benchmark under load", count=LOAD) + NARROW
    scenario = load_scenario(text, name="benchmark.yaml")
    file = Path(name)
    started = time.perf_counter()
    _, world_mb = _record(text, scenario, file)
    recorded = time.perf_counter()
    with file.open("rb") as stream:
        verdict = replay(stream)
    judged = time.perf_counter()
    judge_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    users = {f"phone-{n}": f"user-{n}@example.com" for n in range(1, LOAD + 1)}
    signed_in = dict(verdict.signed_in)
    right = sum(users.get(device) == user for device, user in signed_in.items())
    completeness = dict(verdict.completeness)
    taps = completeness["taps"]
    assert isinstance(taps, list)
    cost = {
        "right": right,
        "wrong": len(signed_in) - right,
        "packets": completeness["packets"],
        "dropped": sum(tap["dropped"] or 0 for tap in taps),
        "verdict": verdict.outcome.value,
        "wall_s": judged - started,
        "judged_s": judged - recorded,
        "world_mb": world_mb,
        "judge_mb": judge_mb,
    }
    print(json.dumps(cost))


def burst(file: str) -> None:
    """Record one device, then all of them into `file`; print what that cost, as JSON.

    The floor is measured before and after: what else runs on this core slows both down.
    """
    before = measure(FLOOR_TRANSACTIONS)
    alone, _ = _record(*_scenario(1), Path(file))
    cpu_ms, memory_mb = _record(*_scenario(FLEET), Path(file))
    after = measure(FLOOR_TRANSACTIONS)
    cost = {
        "cpu_ms": (cpu_ms - alone) / (FLEET - 1),
        "floor_ms": (before + after) / 2,
        "memory_mb": memory_mb,
    }
    print(json.dumps(cost))


def _record(text: str, scenario: Scenario, file: Path) -> tuple[float, float]:
    job = Job(scenario=scenario, text=text, file=file)
    preload = (*PRELOAD, "harness.world.world")
    cost: tuple[float, float] = run_private(
        record_measured, job, timeout_ns=TIMEOUT_NS, preload=preload
    )
    return cost


async def record_measured(mode: Mode, job: Job) -> tuple[float, float]:
    """In the world's process: record, and say what it took (CPU milliseconds, megabytes at the most)."""
    from harness.world.world import record

    await record(mode, job)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() * 1000, memory_mb


def _scenario(count: int) -> tuple[str, Scenario]:
    text = CLUSTER.format(name=f"benchmark with {count} device(s)", count=count)
    return text, load_scenario(text, name="benchmark.yaml")


def _wall(count: int, file: Path) -> float:
    text, scenario = _scenario(count)
    started = time.perf_counter()
    result = run(scenario, text=text, file=file)
    wall = time.perf_counter() - started
    if not result.verdict.as_expected:
        print(
            json.dumps([(r.check, r.outcome, r.reason) for r in result.verdict.results]),
            file=sys.stderr,
        )
        raise SystemExit(f"{file}: verdict {result.verdict.outcome.value}")
    return wall


def _help() -> float:
    started = time.perf_counter()
    command = [str(Path(sys.executable).parent / "harness"), "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _trace(file: Path) -> Trace:
    with file.open("rb") as stream:
        return decode(stream)


def _sign_in_times(trace: Trace) -> list[int]:
    """Nanoseconds from each device's SYN to the answer that signs it in."""
    return [
        exchange.response.last_ns - connection.opened_ns
        for connection in trace.connections
        if connection.tap == "outside" and connection.tunnel is not None
        for exchange in connection.tunnel.exchanges
        if exchange.request is not None
        and exchange.response is not None
        and find_app(exchange.request.target)
        and find_user(exchange.response.status, exchange.response.body)
    ]


def _row(what: str, value: str, target: str = "") -> None:
    print(f"{what:<58} {value:>16}   {target}", flush=True)


if __name__ == "__main__":
    main()
