"""A balancer that is a program of others: configured from the site, and started on the balancer's machine."""

from __future__ import annotations

from harness.net.address import Endpoint
from harness.site.site import SERVICE_PORT
from harness.world.actors import haproxy, nginx
from harness.world.actors.duty import Duty, read_duty
from harness.world.actors.setting import Setting
from harness.world.engine import Engine
from harness.world.host import Host, Program, RunningProgram

_START_NS = 30_000_000_000
"""For a program to start on a busy machine: none of the scenario's business."""


class ProgramBalancer:
    """HAProxy or nginx, in the place of LoadBalancer."""

    def __init__(self, host: Host, name: str, setting: Setting) -> None:
        """Put the balancer `name` on its host; nothing runs yet."""
        self._host = host
        self._name = name
        self._setting = setting
        self._running: RunningProgram | None = None

    async def start(self) -> None:
        """Write its configuration, with the certificate that is in force now, and start it.

        Raises:
            ProgramError: it did not begin to listen.
        """
        engine = self._setting.engines[self._setting.site.balancers[self._name].engine]
        duty = read_duty(self._setting, self._name)
        program = build_program(engine, duty)
        self._setting.configurations[self._name] = next(iter(program.files.values()))
        self._running = await self._host.launch(program, timeout_ns=_START_NS)

    async def stop(self) -> None:
        """Let it end when nobody is connected to it any more.

        Raises:
            ProgramError: it has ended by itself before.
        """
        if self._running is not None:
            await self._running.stop(timeout_ns=self._setting.timeout_ns)

    async def restart(self) -> None:
        """Be killed and start again."""
        if self._running is not None:
            await self._running.kill()
        await self.start()

    async def probe(self) -> None:
        """Never: scenarios that ask for it are refused (scenario/engine.py)."""
        raise AssertionError(f"{self._name} probes when it likes")


def build_program(engine: Engine, duty: Duty) -> Program:
    """The program of a balancer; its configuration is the first of its files."""
    match engine.name:
        case "haproxy":
            command = haproxy.build_command(engine.path)
            files = {haproxy.CONFIGURATION: haproxy.build_configuration(duty)}
        case "nginx":
            command = nginx.build_command(engine.path)
            text = nginx.build_configuration(duty, modules=engine.modules)
            files = {nginx.CONFIGURATION: text}
        case other:
            raise ValueError(f"no program is called {other!r}")
    ports = [*duty.ended_ports, *duty.passed_ports]
    ports += [SERVICE_PORT] if duty.service.ends_tls else []
    listens = tuple(Endpoint(address, port) for address in duty.addresses for port in ports)
    return Program(command=command, files={**files, **duty.files}, listens=listens)
