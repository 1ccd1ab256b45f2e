"""Every engine passes one contract: the same situations as the balancer built in, with the same verdict.

scenarios/real-balancers/ has what is about one engine; here others' situations are run with it in the balancer's place.
"""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.decode.decode import decode
from harness.net.address import parse_address
from harness.replay import replay
from harness.report.terminal import tell
from harness.run import Interrupted, Run, find_missing, run
from harness.scenario.engine import COMMITTED
from harness.scenario.scenario import Attacker, Scenario
from harness.scenario.step import ForgedRequest, Together
from harness.world.engine import find_engine
from harness.world.job import WorldError
from tests.end_to_end.scenario_files import ROOT, TERMINATING, load_scenario_file
from tests.end_to_end.test_smuggling import FILES, read_requests

pytestmark = pytest.mark.usefixtures("live")

SITUATIONS = (
    "attacks/behind-the-connect",
    "settings/real-ip-source",
    "settings/terminating-tls-1.2",
    "topologies/dual-stack-ipv6-first",
    "topologies/ipv6-passthrough",
    "topologies/offloading-cluster",
    "topologies/several-proxy-ports",
    "topologies/two-balancers-outer-passthrough",
    "topologies/two-data-centers",
    "withstood/forged-headers-in-every-form",
    "withstood/forged-headers-left-of-the-true-one",
)
ENGINES = tuple(COMMITTED)
AT_ONCE = 16
"""Requests of a stranger; some are only over when they time out."""
HOST = b"\r\nHost: access.example.com\r\n"
ODD = (
    b"/SAAS/apps?folded HTTP/1.1" + HOST + b"X-One: a\r\n b\r\n\r\n",
    b"/SAAS/apps?bare-LF HTTP/1.1\nHost: access.example.com\nX-One: a\n\n",
    b"/SAAS/apps?equal-lengths HTTP/1.1"
    + HOST
    + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    b"/SAAS/apps?equal-lengths-joined HTTP/1.1" + HOST + b"Content-Length: 3, 3\r\n\r\nabc",
    b"/SAAS/apps?bare-LF-of-a-chunk HTTP/1.1"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    b"/SAAS/apps?two-lengths HTTP/1.1"
    + HOST
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"/SAAS/apps?blank-before-the-colon HTTP/1.1" + HOST + b"X-One : a\r\n\r\n",
    b"/SAAS/apps?bare-CR HTTP/1.1" + HOST + b"X-One: a\rb\r\n\r\n",
    b"/SAAS/apps?NUL HTTP/1.1" + HOST + b"X-One: a\x00b\r\n\r\n",
    b"/SAAS/apps?same-host-twice HTTP/1.1" + HOST + b"Host: access.example.com\r\n\r\n",
    b"/SAAS/apps?newer-version HTTP/1.2" + HOST + b"\r\n",
    b" /SAAS/apps?two-blanks  HTTP/1.1" + HOST + b"\r\n",
    b"https://access.example.com/SAAS/apps?absolute HTTP/1.1" + HOST + b"\r\n",
    b"https://access.example.com:443/SAAS/apps?absolute-with-port HTTP/1.1" + HOST + b"\r\n",
)
"""Requests that two readers could see differently, behind the method, or that a proxy may write anew."""


def load(file: Path, engine: str, *balancers: str) -> tuple[Scenario, str]:
    """A scenario with an engine in the place of these of its balancers, or of all."""
    scenario, text = load_scenario_file(file)
    changed = {
        name: one.model_copy(update={"engine": engine})
        if name in balancers or not balancers
        else one
        for name, one in scenario.site.balancers.items()
    }
    site = scenario.site.model_copy(update={"balancers": changed})
    return scenario.model_copy(update={"site": site}), text


def play(scenario: Scenario, text: str, folder: Path) -> Run:
    """Run it, where its programs are here."""
    if missing := find_missing(scenario, "auto"):
        pytest.skip(missing)
    return run(scenario, text=text, file=folder / "run.pcapng")


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_contract(engine: str, situation: str, tmp_path: Path) -> None:
    """What the balancer built in withstands, and what a site breaks whatever balances."""
    done = play(*load(ROOT / "scenarios" / f"{situation}.yaml", engine), tmp_path)

    assert done.verdict.as_expected, tell(done.verdict, name=situation, file=str(done.file))


@pytest.mark.parametrize("balancer", ["edge", "vip"])
@pytest.mark.parametrize("engine", ENGINES)
def test_one_of_two_in_a_row(engine: str, balancer: str, tmp_path: Path) -> None:
    """Before or behind the one built in: what the outer one has set stays."""
    file = ROOT / "scenarios" / "topologies" / "two-balancers.yaml"
    done = play(*load(file, engine, balancer), tmp_path)

    assert done.verdict.as_expected, tell(done.verdict, name=balancer, file=str(done.file))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_leg_can_be_read(engine: str, tmp_path: Path) -> None:
    """With the secrets of our ends alone; and the capture says with which program it was made."""
    done = play(*load(TERMINATING, engine), tmp_path)
    data = done.file.read_bytes()
    trace = decode(io.BytesIO(data))
    note = json.loads(trace.annotations["run/1"])
    vip = parse_address("10.20.0.10")
    read = [
        c.tls.decrypted
        for c in trace.connections
        if c.tls is not None and vip in (c.client.address, c.server.address)
    ]

    assert read == ["yes"] * 4
    assert note["versions"][engine] == find_engine(engine).version
    assert "RemotePort" in note["configurations"]["vip"]
    assert "PRIVATE KEY" not in data.decode("latin-1")


def attack(engine: str, raw: Iterable[bytes]) -> tuple[Scenario, str]:
    """Requests of a stranger, many at the same time, and then a device that signs in."""
    scenario, text = load(TERMINATING, engine)
    requests = [
        ForgedRequest(attacker="mallory", request="vip:443", raw=one.decode("latin-1"))
        for one in raw
    ]
    steps = tuple(
        Together(together=tuple(requests[at : at + AT_ONCE]))
        for at in range(0, len(requests), AT_ONCE)
    )
    changes: dict[str, Any] = {
        "attackers": {"mallory": Attacker(address=parse_address("203.0.113.200"))},
        "steps": (*steps, *scenario.steps),
        "time_out_ms": 1000,
    }
    return scenario.model_copy(update=changes), text


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_smuggled(engine: str, file: str, shared: Path, tmp_path: Path) -> None:
    """Requests that others found to be read in two ways: no promise is broken, and a device signs in as ever."""
    raw = list(dict.fromkeys(read_requests(shared / "corpus" / "http-cases" / file)))
    done = play(*attack(engine, raw), tmp_path)

    told = tell(done.verdict, name=file, file=str(done.file))
    assert len(raw) >= 20
    assert done.verdict.failing == (), told
    assert done.verdict.signed_in == {"pixel": "alice@example.com"}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_balancer_puts_right_is_no_failure_behind_it(engine: str, tmp_path: Path) -> None:
    """RFC 9112 lets it mend some of what can be read in two ways, and go on; what it refuses is over."""
    raw = [
        b"GET %sGET /SAAS/apps?after-%d HTTP/1.1%s\r\n" % (odd, number, HOST)
        for number, odd in enumerate(ODD)
    ]
    done = play(*attack(engine, raw), tmp_path)
    with done.file.open("rb") as file:
        connections = decode(file).connections
    answers = [
        {e.response.status for e in c.exchanges if e.response is not None}
        for c in connections
        if str(c.client.address) == "203.0.113.200"
    ]

    told = tell(done.verdict, name=engine, file=str(done.file))
    assert done.verdict.outcome == "pass", told
    assert sum(401 in statuses for statuses in answers) >= 5, "nothing was put right"
    assert sum(400 in statuses for statuses in answers) >= 4, "nothing was refused"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_ends_the_program_too(engine: str, tmp_path: Path) -> None:
    """What was recorded is kept; of the program and its folder nothing is left."""
    scenario, text = load(TERMINATING, engine)
    if missing := find_missing(scenario, "auto"):
        pytest.skip(missing)
    slow = dict.fromkeys(scenario.site.nodes, 9000)
    many = {"slow_sign_ins": slow, "time_out_ms": 1000, "steps": scenario.steps * 20}
    held = scenario.model_copy(update=many)
    file = tmp_path / "held.pcapng"
    timer = threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(Interrupted) as caught:
            run(held, text=text, file=file)
    finally:
        timer.cancel()

    with file.open("rb") as stream:
        verdict = replay(stream)
    assert caught.value.file == file
    assert verdict.completeness["complete"] is False
    assert [path.name for path in tmp_path.iterdir()] == ["held.pcapng"]
    assert _programs_in(tmp_path) == []


def _programs_in(folder: Path) -> list[str]:
    """Processes that run in a folder or below it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue  # It has ended, or is somebody else's.
    return found


def test_a_program_that_refuses_its_configuration_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4 with its last words, as for everything that the machine cannot do; nothing is left behind."""
    fake = tmp_path / "bin" / "haproxy"
    fake.parent.mkdir()
    told = "HAProxy version 9.9 with +OPENSSL"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = -vv ] && echo "{told}" && exit 0\necho "[ALERT] unknown keyword" >&2\nexit 3\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    find_engine.cache_clear()
    scenario, text = load(TERMINATING, "haproxy")
    try:
        with pytest.raises(WorldError) as caught:
            run(scenario, text=text, file=tmp_path / "runs" / "refused.pcapng")
    finally:
        find_engine.cache_clear()

    message = "vip: haproxy ended with code 3 at its start: [ALERT] unknown keyword"
    assert str(caught.value) == message
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["refused.pcapng"]
