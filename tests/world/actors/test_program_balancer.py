"""A balancer that is a program of others: what is started, with which files, and where it must listen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from harness.world.actors.duty import read_duty
from harness.world.actors.program_balancer import ProgramBalancer, build_program
from harness.world.engine import Engine
from harness.world.host import Program
from tests.world.actors.stage import VIP, cluster, make_setting
from tests.world.memory_wire import MemoryHost, MemoryWire

HAPROXY = Engine(name="haproxy", path="/usr/sbin/haproxy", version="2.6")
NGINX = Engine(name="nginx", path="/usr/sbin/nginx", version="1.22", modules=("/stream.so",))


@dataclass
class Running:
    """A program that only says what was done to it."""

    deeds: list[str]

    async def stop(self, *, timeout_ns: int) -> None:
        self.deeds.append(f"stop {timeout_ns}")

    async def kill(self) -> None:
        self.deeds.append("kill")


@dataclass
class Launched:
    """What a host has started."""

    programs: list[Program] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)


class LaunchingHost(MemoryHost):
    """A machine on which programs seem to run."""

    launched: Launched

    async def launch(self, program: Program, *, timeout_ns: int) -> Running:
        self.launched.programs.append(program)
        self.launched.deeds.append(f"launch {timeout_ns}")
        return Running(self.launched.deeds)


def _host() -> LaunchingHost:
    host = LaunchingHost(MemoryWire(), "vip", ())
    host.launched = Launched()
    return host


@pytest.mark.parametrize(
    ("engine", "first"), [(HAPROXY, "haproxy.cfg"), (NGINX, "nginx.conf")], ids=["haproxy", "nginx"]
)
def test_a_program_has_its_files_and_ports(engine: Engine, first: str) -> None:
    """The configuration is the first file; every port of the balancer has to listen."""
    program = build_program(engine, read_duty(make_setting(cluster()), "vip"))

    assert tuple(program.files) == (first, "balancer.pem", "roots.pem")
    assert program.command[0] == engine.path
    assert [str(end) for end in program.listens] == [f"{VIP}:5262", f"{VIP}:443"]


def test_nginx_loads_its_modules() -> None:
    """Those that the program named."""
    program = build_program(NGINX, read_duty(make_setting(cluster()), "vip"))

    assert program.files["nginx.conf"].startswith("load_module /stream.so;")


@pytest.mark.parametrize("engine", [HAPROXY, NGINX], ids=["haproxy", "nginx"])
def test_no_file_is_named_that_is_not_there(engine: Engine) -> None:
    """Also not by faults: everything but modules is beside the configuration."""
    setting = make_setting(cluster(), ["F36"])
    program = build_program(engine, read_duty(setting, "vip"))
    named = set(re.findall(r"[a-z]+\.pem", next(iter(program.files.values()))))

    assert named == {"balancer.pem", "roots.pem"}


def test_another_program_is_a_mistake_of_ours() -> None:
    """Nobody else balances."""
    engine = Engine(name="envoy", path="/usr/bin/envoy", version="1")

    with pytest.raises(ValueError, match="'envoy'"):
        build_program(engine, read_duty(make_setting(cluster()), "vip"))


@pytest.mark.asyncio
async def test_it_starts_is_killed_starts_again_and_ends() -> None:
    """It may take its time to start, and ends in the time of the scenario; its configuration is told to the run."""
    host = _host()
    setting = make_setting(
        cluster(balancer={"engine": "haproxy"}), timeout_ns=7_000_000, engines=[HAPROXY]
    )
    balancer = ProgramBalancer(host, "vip", setting)
    await balancer.stop()
    await balancer.start()
    await balancer.restart()
    await balancer.stop()

    start = "launch 30000000000"
    assert host.launched.deeds == [start, "kill", start, "stop 7000000"]
    assert setting.configurations == {"vip": host.launched.programs[0].files["haproxy.cfg"]}
