"""The simulated wire, measured beside the kernel's: `make bench-sim`. Numbers are printed, never asserted."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.cli.scenario_file import load_scenario_file
from harness.replay import replay
from harness.run import run
from harness.scenario.yaml import load_scenario
from harness.world.job import Job
from harness.world.wire.choice import find_refusal
from harness.world.world import simulate

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 21
FLEET = 2000
CLUSTER = ROOT / "scenarios" / "topologies" / "terminating-cluster.yaml"
TWENTY = ROOT / "scenarios" / "load" / "twenty-devices-terminating.yaml"


def main() -> None:
    """Measure and print; with `fleet`, only the fleet, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["fleet"]:
            _fleet(Path(folder) / "fleet.pcapng")
            return
        _cluster(Path(folder) / "cluster.pcapng")
        _all_scenarios(Path(folder))
    subprocess.run([sys.executable, __file__, "fleet"], check=True)


def _cluster(file: Path) -> None:
    scenario, text = load_scenario_file(CLUSTER)
    job = Job(scenario=scenario, text=text, file=file)
    simulated, judged = [], []
    for _ in range(ROUNDS + 1):
        started = time.process_time()
        simulate(job)
        between = time.process_time()
        with file.open("rb") as stream:
            replay(stream)
        simulated.append(between - started)
        judged.append(time.process_time() - between)
    median = statistics.median
    _row("cluster scenario, simulated: CPU, first", f"{simulated[0] * 1e3:.0f} ms")
    _row(f"  once warm, median of {ROUNDS}", f"{median(simulated[1:]) * 1e3:.0f} ms", "< 60 ms")
    _row("  fastest", f"{min(simulated) * 1e3:.0f} ms")
    _row("  its verdict: CPU, median", f"{median(judged[1:]) * 1e3:.0f} ms")
    if find_refusal() is None:
        walls = [_wall(file) for _ in range(6)][1:]
        _row("  the same on the kernel wire, with verdict: wall", f"{median(walls) * 1e3:.0f} ms")


def _wall(file: Path) -> float:
    scenario, text = load_scenario_file(CLUSTER)
    started = time.perf_counter()
    run(scenario, text=text, file=file, wire="kernel")
    return time.perf_counter() - started


def _all_scenarios(folder: Path) -> None:
    files = sorted((ROOT / "scenarios").rglob("*.yaml"))
    started = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "harness.cli", "run", ROOT / "scenarios"),
            *("--wire", "sim", "--output", folder / "all"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    seconds = time.perf_counter() - started
    _row(f"all {len(files)} scenarios with their verdicts: wall", f"{seconds:.1f} s", "< 30 s")
    _row("  how they ended", next(x for x in reversed(done.stdout.splitlines()) if "runs" in x))


def _fleet(file: Path) -> None:
    text = TWENTY.read_text("utf-8").replace("count: 20", f"count: {FLEET}")
    scenario = load_scenario(text, name="fleet.yaml")
    started, cpu = time.perf_counter(), time.process_time()
    simulate(Job(scenario=scenario, text=text, file=file))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _row(f"{FLEET} devices simulated: wall", f"{wall:.0f} s", "< 60 s")
    _row("  CPU for each", f"{cpu / FLEET * 1e3:.1f} ms")
    _row("  peak memory", f"{peak:.0f} MB", "< 1 GB")
    started = time.perf_counter()
    with file.open("rb") as stream:
        verdict = replay(stream)
    _row("  verdict: wall", f"{time.perf_counter() - started:.0f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _row(f"  {verdict.outcome}, {len(verdict.signed_in)} signed in; peak memory", f"{peak:.0f} MB")


def _row(what: str, value: str, target: str = "") -> None:
    print(f"{what:58} {value:>10}  {target}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
