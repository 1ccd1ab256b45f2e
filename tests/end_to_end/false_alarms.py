"""False alarms: good deployments drawn by a seed, run, and judged; every FAIL would be one.

UNKNOWN is one as well where nothing got lost, on the kernel wire. On a simulated link that loses packets before they
are recorded a connection may end without ever sending them again; such runs are counted, with their reasons.

`python -m tests.end_to_end.false_alarms --count 500 --seed 1 --wire auto` draws topologies, settings, devices, load and
(on the simulated wire) bad links. One line tells the sums; a run that did not PASS is told in full, and its scenario is
kept, so that `harness run FILE` shows it again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from harness.report.terminal import tell
from harness.run import Interrupted, run
from harness.scenario.yaml import load_scenario
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import Verdict
from harness.world.wire.choice import choose
from tests.end_to_end.variety import enrich

Drawn = dict[str, Any]
FQDN, VIP = "access.example.com", "10.20.0.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One run."""

    name: str
    text: str
    """The scenario, as JSON, which is YAML."""
    wire: Literal["kernel", "sim"]
    verdict: Verdict


def draw(seed: int, index: int, *, wire: Literal["kernel", "sim"]) -> str:
    """A scenario in which every promise holds and every device that may sign in does."""
    random = Random(f"{seed}/{index}")
    kind = random.choice(("single", "localhost", "passthrough", "terminating", "terminating"))
    devices, users = _draw_devices(random)
    scenario: Drawn = {
        "scenario": f"good run {index} of seed {seed}: {kind}",
        "site": _draw_site(random, kind),
        "devices": devices,
        "seed": index,
        "time_out_ms": 20_000 if wire == "sim" else 5_000,
        "steps": [],
        "expect": {"verdict": "pass", "signed_in": users},
    }
    nodes = tuple(scenario["site"]["nodes"])
    if random.random() < 0.3:
        # Room for every connection of a node, its call-backs and probes included.
        first = random.randrange(30_000, 50_000)
        span = 8 * sum(d.get("count", 1) for d in devices.values()) + 40
        scenario["port_ranges"] = {node: {"first": first, "last": first + span} for node in nodes}
    if random.random() < 0.2:
        scenario["slow_sign_ins"] = {random.choice(nodes): random.randrange(1, 200)}
    if wire == "sim":
        scenario["steps"] += _draw_links(random, (*devices, *nodes))
    scenario["steps"] += _draw_steps(random, devices, nodes)
    enrich(random, scenario, wire=wire)
    return json.dumps(scenario, indent=1)


def _draw_site(random: Random, kind: str) -> Drawn:
    count = 1 if kind in ("single", "localhost") else random.randrange(2, 5)
    site: Drawn = {
        "fqdn": FQDN,
        "nodes": {f"node{n}": f"10.20.1.{n}" for n in range(1, count + 1)},
        "tls": random.choice(("1.2", "1.3", "1.3")),
    }
    page: Drawn = {"destination": FQDN}
    public, own = "custom", "passthrough"
    if kind == "localhost":
        page["destination"] = "localhost"
        public = own
    elif kind == "passthrough":
        page["destination"] = "localhost"
        public = own
        site["balancers"] = {"vip": {"address": VIP, "443": "passthrough"}}
    elif kind == "terminating":
        page |= {"allow_remote_port_header": True, "accept_remote_port_from": VIP}
        forwarded = random.choice(("replace", "append"))
        site["balancers"] = {
            "vip": {"address": VIP, "443": "terminate", "forwarded_for": forwarded}
        }
        if random.random() < 0.3:
            lists = (VIP, "10.20.0.0/24", "192.0.2.7; 10.20.0.0 255.255.255.0")
            page |= {"destination_forced": False, "destination": random.choice(lists)}
    if kind == "single":
        public = own
    page["ports"] = [
        {"port": 5262, "ssl_certificate_type": public},
        {"port": 5263, "admin_port": True, "ssl_certificate_type": own},
    ]
    site["cert_proxy"] = page
    return site


def _draw_devices(random: Random) -> tuple[Drawn, dict[str, str]]:
    """Single devices, sometimes a fleet, sometimes one that nobody may sign in."""
    devices: Drawn = {}
    users: dict[str, str] = {}
    for number in range(1, random.randrange(2, 6)):
        name, user = f"phone{number}", f"user{random.randrange(1, 4)}@example.com"
        devices[name] = {
            "user": user,
            "android": random.randrange(7, 14),
            "tls": random.choice(("1.2", "1.3")),
        }
        users[name] = user
    if random.random() < 0.25:
        devices["fleet"] = {"user": "fleet{n}@example.com", "count": random.randrange(2, 16)}
        users["fleet"] = "fleet{n}@example.com"
    if random.random() < 0.2:
        odd = random.choice(("none", "expired", "other_ca", "server_only"))
        devices["stranger"] = {"user": "mallory@example.com", "certificate": odd}
    return devices, users


def _draw_links(random: Random, machines: Sequence[str]) -> Iterator[Drawn]:
    for machine in machines:
        if random.random() < 0.4:
            kinds: tuple[Drawn, ...] = (
                {"delay_ms": random.randrange(1, 150), "jitter_ms": random.randrange(40)},
                {"loss_percent": 1},
                {"reorder_percent": random.randrange(1, 20)},
                {"duplicate_percent": random.randrange(1, 20)},
                {"mtu": random.choice((576, 1280, 1400))},
            )
            link: Drawn = {"link": machine}
            for part in random.sample(kinds, random.randrange(1, 4)):
                link |= part
            yield link


def _draw_steps(random: Random, devices: Drawn, nodes: Sequence[str]) -> list[Drawn]:
    """Everybody signs in, one by one or together, some twice, some in a tunnel that was open before."""
    signs = [_draw_sign_in(random, name) for name in devices]
    random.shuffle(signs)
    singles = [name for name in devices if name not in ("fleet", "stranger")]
    steps: list[Drawn] = []
    kept = random.choice(singles) if random.random() < 0.3 else None
    if kept is not None:
        steps.append({"device": kept, "tunnel": "open"})
    if random.random() < 0.5:
        steps.append({"together": signs})
    else:
        steps += signs
    if kept is not None and random.random() < 0.7:
        steps.append({"device": kept, "tunnel": random.choice(("close", "abort"))})
    if random.random() < 0.2:
        service = random.choice(("cert_proxy", "access"))
        steps.append({"restart": random.choice(nodes), "service": service})
    for name in random.sample(singles, random.randrange(len(singles) + 1)):
        steps.append(_draw_sign_in(random, name))
    return steps


def _draw_sign_in(random: Random, name: str) -> Drawn:
    step: Drawn = {"device": name, "sign_in": random.choice(("salesforce", "jira", "mail"))}
    if random.random() < 0.4:
        step["requests"] = random.randrange(2, 6)
    if random.random() < 0.2:
        step["ends"] = "abort"
    if random.random() < 0.2:
        step["headers"] = random.choice(
            ({"X-Forwarded-For": "192.0.2.9"}, {"Accept": "*/*"}, {"X-Request-Id": "7"})
        )
    return step


def play(seed: int, indexes: Sequence[int], folder: Path, *, wire: str = "auto") -> Iterator[Told]:
    """Run drawn scenarios one after another; `auto` takes the kernel wire where there is one for every second."""
    has_kernel = wire != "sim" and choose("auto").kind == "kernel"
    for index in indexes:
        is_kernel = has_kernel and (wire == "kernel" or index % 2 == 0)
        kind: Literal["kernel", "sim"] = "kernel" if is_kernel else "sim"
        text = draw(seed, index, wire=kind)
        name = f"good-{seed}-{index}"
        scenario = load_scenario(text, name=f"{name}.yaml")
        file = folder / f"{name}.pcapng"
        done = run(scenario, text=text, file=file, wire=kind)
        yield Told(name=name, text=text, wire=kind, verdict=done.verdict)
        if not is_alarm(kind, done.verdict):
            file.unlink()
        else:
            file.with_suffix(".yaml").write_text(text, encoding="utf-8")


def is_alarm(wire: str, verdict: Verdict) -> bool:
    """Whether a good run was not told as one; see the top of this file for UNKNOWN."""
    is_lost = wire == "sim" and verdict.outcome is Outcome.UNKNOWN
    return not verdict.as_expected and not is_lost


def find_reasons(verdict: Verdict) -> list[str]:
    """`V05: reason`, for each check that is UNKNOWN."""
    unknown = (r for r in verdict.results if r.outcome is Outcome.UNKNOWN)
    return [f"{r.check}: {r.reason}" for r in unknown]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, and tell; 1 where anything was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.false_alarms")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="index of the first run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wire", choices=("auto", "kernel", "sim"), default="auto")
    parser.add_argument("--output", type=Path, help="where runs that did not pass are kept")
    options = parser.parse_args(arguments)
    folder = options.output or Path(tempfile.mkdtemp(prefix="false-alarms-"))
    outcomes: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    wrong, began = 0, time.monotonic()
    indexes = range(options.first, options.first + options.count)
    with contextlib.suppress(KeyboardInterrupt, Interrupted):  # The sums so far are told.
        for told in play(options.seed, indexes, folder, wire=options.wire):
            outcomes[told.wire, told.verdict.outcome.value] += 1
            reasons.update(find_reasons(told.verdict))
            if is_alarm(told.wire, told.verdict):
                wrong += 1
                file = folder / f"{told.name}.pcapng"
                print(tell(told.verdict, name=told.name, file=str(file)), flush=True)
    seconds = time.monotonic() - began
    for (wire, outcome), count in sorted(outcomes.items()):
        print(f"{wire:<7} {outcome:<8} {count}")
    for reason, count in reasons.most_common():
        print(f"UNKNOWN {count} times: {reason}")
    print(
        f"{outcomes.total()} good runs of seed {options.seed} in {seconds:.0f} s, {wrong} false alarms"
    )
    if wrong:
        print(f"their scenarios and captures: {folder}")
    elif not any(folder.iterdir()):
        folder.rmdir()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
