"""Commands that judge: run a scenario, replay a capture."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.complaint import Complaint, unreadable
from harness.cli.decode import process_count
from harness.cli.exit_code import ExitCode, code_of, worst
from harness.cli.explain import explain_captures
from harness.cli.file_list import CAPTURE_ENDINGS, SCENARIO_ENDINGS, expand, name_apart
from harness.cli.keys import Keys, add_keys, read_keys
from harness.cli.scenario_file import load_scenario_files, load_site_file
from harness.report.terminal import Row, build_table, tell, tell_briefly

if TYPE_CHECKING:
    from harness.scenario.scenario import Scenario
    from harness.site.site import Site
    from harness.verdict.verdict import Verdict
    from harness.world.wire.choice import Wanted


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `run` and `replay`."""
    _add_run(commands)
    replay = commands.add_parser(
        "replay",
        allow_abbrev=False,
        help="judge captures that exist already",
        description="Judge each capture from its packets alone; the same code as after a run.",
    )
    replay.add_argument(
        "captures", nargs="+", metavar="FILE", help="pcapng or pcap (gzip too), or a folder"
    )
    replay.add_argument(
        "--site", metavar="FILE", help="site or scenario file, for captures without one inside"
    )
    add_keys(replay)
    replay.add_argument(
        "--merge", action="store_true", help="the files show one event, each from another place"
    )
    replay.add_argument(
        "--second-opinion",
        choices=("tshark",),
        metavar="PROGRAM",
        help="compare what we read with what tshark reads; a disagreement is UNKNOWN",
    )
    replay.add_argument(
        "--explain",
        metavar="DEVICE",
        help="tell how each call-back of a device came about: its name or address, or a user",
    )
    replay.add_argument("--json", action="store_true", help="print one JSON verdict a line")
    replay.set_defaults(command=replay_captures)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        allow_abbrev=False,
        help="run scenarios and judge what they record",
        description="Run each scenario in a network of its own, record it, and judge the capture.",
    )
    run.add_argument(
        "scenarios", nargs="+", metavar="SCENARIO", help="a YAML file, or a folder of them"
    )
    run.add_argument(
        "--output", default="runs", metavar="DIR", help="where captures go (default: runs)"
    )
    run.add_argument("--seed", type=_seed, metavar="N", help="replaces the scenario's own seed")
    run.add_argument(
        "--wire",
        choices=("kernel", "sim", "auto"),
        default="auto",
        help="network namespaces, or simulated in virtual time (default: auto, the first that works)",
    )
    run.add_argument(
        "--jobs",
        metavar="N",
        type=process_count,
        help="simulate in up to N processes (default: one for each processor)",
    )
    run.add_argument("--json", action="store_true", help="print one JSON verdict a line")
    run.set_defaults(command=run_scenarios)


def run_scenarios(options: argparse.Namespace) -> ExitCode:
    """Run every scenario named; results come in order."""
    from harness.cli.lanes import Task, count_processors, run_tasks
    from harness.cli.left_out import leave_out
    from harness.run import Interrupted
    from harness.world.job import WorldError

    files = expand(options.scenarios, SCENARIO_ENDINGS)
    names = name_apart(files)
    loaded = load_scenario_files(files)
    output = Path(options.output)
    for line in leave_out(loaded, named=options.scenarios, wire=options.wire):
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)
    files = tuple(loaded)
    if line := _choose_wire(options.wire, loaded):
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)
    rows: list[Row] = []
    told = _Teller(as_json=options.json, total=len(files))
    tasks = [
        Task(scenario=scenario, text=text, file=output / f"{names[file]}.pcapng", seed=options.seed)
        for file, (scenario, text) in loaded.items()
    ]
    count = options.jobs or count_processors()
    try:
        with closing(run_tasks(tasks, wire=options.wire, count=count)) as results:
            for done in results:
                name = names[files[len(rows)]]
                rows.append(Row(name=name, verdict=done.run.verdict, duration_ns=done.duration_ns))
                told.tell(rows[-1], str(done.run.file))
    except WorldError as error:
        raise Complaint(
            f"{files[len(rows)]}: {error}{_left(rows, files)}", ExitCode.ENVIRONMENT
        ) from error
    except Interrupted as interrupted:
        raise Complaint(f"{interrupted}{_left(rows, files)}", ExitCode.INTERRUPTED) from interrupted
    finally:
        told.end(rows)
    if not options.json:
        print(f"captures are in {output}/")
    return worst(code_of(row.verdict) for row in rows)


def _choose_wire(wanted: Wanted, loaded: Mapping[Path, tuple[Scenario, str]]) -> str:
    """Say what will be simulated; "" when nothing is.

    Raises:
        Complaint: the kernel's was asked for, and there is none or a scenario needs the simulated one.
    """
    from harness.scenario.need import find_needs
    from harness.world.job import WorldError
    from harness.world.wire.choice import NOT_SHOWN, choose

    needs = {file: found for file, (one, _) in loaded.items() if (found := find_needs(one))}
    if wanted == "kernel" and needs:
        file, found = next(iter(needs.items()))
        others = f"; so do {len(needs) - 1} others" if len(needs) > 1 else ""
        raise Complaint(
            f"{file}: {found[0]}, which needs the simulated wire{others}; nothing was run."
            " --wire auto simulates these alone",
            ExitCode.ENVIRONMENT,
        )
    try:
        choice = choose(wanted)
    except WorldError as error:
        raise Complaint(f"{error}; nothing was run", ExitCode.ENVIRONMENT) from error
    if choice.kind == "kernel" and needs:
        return f"wire: {len(needs)} of {len(loaded)} simulated (they need it); {NOT_SHOWN}"
    return choice.line


def _left(rows: Sequence[Row], files: Sequence[Path]) -> str:
    return f"; {len(rows)} of {len(files)} scenarios were judged" if len(files) > 1 else ""


def replay_captures(options: argparse.Namespace) -> ExitCode:
    """Judge every capture named, one after another."""
    site = load_site_file(Path(options.site)) if options.site else None
    keys = read_keys(options)
    files = expand(options.captures, CAPTURE_ENDINGS)
    if options.merge:
        if options.second_opinion:
            raise Complaint("--second-opinion compares one file at a time: leave --merge out")
        if options.explain:
            raise Complaint("--explain looks at one file at a time: leave --merge out")
        return _replay_event(files, site, keys, as_json=options.json)
    if options.explain:
        if options.second_opinion:
            raise Complaint("--explain tells of our own reading: leave --second-opinion out")
        return explain_captures(files, options.explain, site, keys, as_json=options.json)
    names = name_apart(files)
    rows: list[Row] = []
    told = _Teller(as_json=options.json, total=len(files))
    for file in files:
        started_ns = time.monotonic_ns()
        verdict = _replay(file, site, keys)
        if options.second_opinion:
            from harness.cli.opinion import ask_tshark

            verdict = ask_tshark(verdict, file, site, keys)
        rows.append(
            Row(name=names[file], verdict=verdict, duration_ns=time.monotonic_ns() - started_ns)
        )
        told.tell(rows[-1], str(file))
    told.end(rows)
    return worst(code_of(row.verdict) for row in rows)


class _Teller:
    """Says each result as it comes: JSON or text on stdout, progress on stderr."""

    def __init__(self, *, as_json: bool, total: int) -> None:
        self._as_json = as_json
        self._total = total
        self._told = 0

    def tell(self, row: Row, file: str) -> None:
        """One verdict: in full where it is the only one or not as expected."""
        from harness.report.json import verdict_json

        self._told += 1
        if self._total > 1:
            seconds = f"{row.duration_ns / 1e9:.2f} s"
            width = len(str(self._total))
            line = f"[{self._told:{width}}/{self._total}] {tell_briefly(row.verdict, name=row.name)} {seconds}"
            print(line, file=sys.stderr, flush=True)
        if self._as_json:
            print(verdict_json(row.verdict, file=file if self._total > 1 else ""), flush=True)
        elif self._total == 1 or not row.verdict.as_expected:
            print(tell(row.verdict, name=row.name, file=file), flush=True)

    def end(self, rows: Sequence[Row]) -> None:
        """The table, where there were several."""
        if rows and self._total > 1 and not self._as_json:
            print(build_table(rows), flush=True)


def _replay(file: Path, site: Site | None, keys: Keys) -> Verdict:
    from harness.cli.progress import watch
    from harness.cli.scratch import scratch_files
    from harness.decode.decode import LARGE
    from harness.replay import replay

    try:
        with file.open("rb") as stream, scratch_files(str(file), "connections") as open_file:
            watched = watch(stream, file, from_size=LARGE)
            return replay(
                watched, site=site, key_log=keys.log, rsa_keys=keys.rsa, open_file=open_file
            )
    except OSError as error:
        raise unreadable(file, error) from error


def _replay_event(
    files: Sequence[Path], site: Site | None, keys: Keys, *, as_json: bool
) -> ExitCode:
    """One verdict on all files together."""
    from harness.cli.event import judge_event

    started_ns = time.monotonic_ns()
    verdict = judge_event(files, site, keys)
    name = " + ".join(name_apart(files).values())
    row = Row(name=name, verdict=verdict, duration_ns=time.monotonic_ns() - started_ns)
    _Teller(as_json=as_json, total=1).tell(row, " ".join(str(file) for file in files))
    return code_of(verdict)


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a number from 0 to 10^18 - 1")
    return int(text)
