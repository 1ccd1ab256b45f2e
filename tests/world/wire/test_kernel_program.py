"""Programs inside a host's namespace: started, watched, ended, and never left behind."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from harness.net.address import Endpoint
from harness.world.host import Program, ProgramError
from harness.world.wire.kernel import KernelWire
from harness.world.wire.kernel_program import parse_end
from harness.world.wire.namespace import Mode
from harness.world.wire.process import run_private
from tests.world.private_world import NODE1, SECOND, VIP, Live, site_plan

PORT = 5262
SERVER = """\
import os, signal, socket, sys
open("pid", "w").write(str(os.getpid()))
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    client, _ = server.accept()
    while data := client.recv(100):
        if data == b"die":
            sys.exit("the last words of a server")
        client.sendall(data)
    client.close()
"""


def _program(code: str = SERVER, *arguments: str) -> Program:
    """A Python script that is a server."""
    given = arguments or (str(VIP), str(PORT))
    return Program(
        command=(sys.executable, "-I", "server.py", *given),
        files={"server.py": code, "secret.pem": "a key"},
        listens=(Endpoint(VIP, PORT),),
    )


async def _talk(_: Mode, folder: Path) -> tuple[bytes, bool, list[str]]:
    wire = await KernelWire.build(site_plan(), folder=folder)
    running = await wire.host("vip").launch(_program(), timeout_ns=5 * SECOND)
    stream = await wire.host("node1").connect(Endpoint(VIP, PORT), timeout_ns=SECOND)
    await stream.write(b"hello")
    answer = await stream.read()
    stopping = asyncio.create_task(running.stop(timeout_ns=5 * SECOND))
    done, _ = await asyncio.wait((stopping,), timeout=0.2)
    await stream.close()
    await stopping
    left = [path.name for path in folder.parent.iterdir()]
    await wire.close()
    return answer, bool(done), left


def test_it_serves_until_nobody_is_connected(live: Live, tmp_path: Path) -> None:
    """Stopping waits for the last client, and takes the folder with the key away."""
    assert live(_talk, tmp_path / "run") == (b"hello", False, [])


async def _refuse(_: Mode, folder: Path, code: str, timeout_ns: int) -> str:
    wire = await KernelWire.build(site_plan(), folder=folder)
    try:
        await wire.host("vip").launch(_program(code), timeout_ns=timeout_ns)
    except ProgramError as error:
        return f"{error} {[path.name for path in folder.parent.iterdir()]}"
    finally:
        await wire.close()
    return "it runs"


@pytest.mark.parametrize(
    ("code", "timeout_ns", "message"),
    [
        pytest.param(
            "import sys; print('line 1'); sys.exit('parsing line 7: what is this?')",
            5 * SECOND,
            "ended with code 1 at its start: line 1; parsing line 7: what is this?",
            id="ends",
        ),
        pytest.param(
            "import signal; signal.pause()",
            SECOND // 5,
            f"does not listen at {VIP}:{PORT} after 0.2 s: it said nothing",
            id="does not listen",
        ),
    ],
)
def test_one_that_does_not_start_says_why(
    live: Live, tmp_path: Path, code: str, timeout_ns: int, message: str
) -> None:
    """With its last words; nothing of it is left."""
    told = live(_refuse, tmp_path / "run", code, timeout_ns)

    assert told == f"vip: {Path(sys.executable).name} {message} []"


async def _not_there(_: Mode, folder: Path) -> str:
    wire = await KernelWire.build(site_plan(), folder=folder)
    program = Program(command=("/nowhere/balancer",), files={}, listens=(Endpoint(VIP, PORT),))
    try:
        await wire.host("vip").launch(program, timeout_ns=5 * SECOND)
    except ProgramError as error:
        return str(error)
    finally:
        await wire.close()
    return "it runs"


def test_a_program_that_is_not_there_is_said(live: Live, tmp_path: Path) -> None:
    """By its name."""
    told = live(_not_there, tmp_path / "run")

    assert told == (
        "vip: balancer ended with code 1 at its start: /nowhere/balancer: No such file or directory"
    )


SLOW_END = SERVER.replace(
    'sys.exit("the last', 'server.close(); client.close(); time.sleep(0.3); sys.exit("the last'
).replace("import os,", "import time, os,")
"""Its client knows that it ends before the kernel does."""


async def _die(_: Mode, folder: Path, code: str) -> str:
    wire = await KernelWire.build(site_plan(), folder=folder)
    running = await wire.host("vip").launch(_program(code), timeout_ns=5 * SECOND)
    stream = await wire.host("node1").connect(Endpoint(VIP, PORT), timeout_ns=SECOND)
    await stream.write(b"die")
    await stream.read()
    await stream.close()
    try:
        await running.stop(timeout_ns=5 * SECOND)
    except ProgramError as error:
        return str(error)
    finally:
        await wire.close()
    return "it was running"


@pytest.mark.parametrize("code", [SERVER, SLOW_END], ids=["at once", "slowly"])
def test_one_that_ends_by_itself_is_an_error(live: Live, tmp_path: Path, code: str) -> None:
    """A balancer that broke off in the middle proves nothing about balancers."""
    told = live(_die, tmp_path / "run", code)

    assert "ended by itself with code 1: the last words of a server" in told


async def _kill_and_start_again(_: Mode, folder: Path) -> bytes:
    wire = await KernelWire.build(site_plan(), folder=folder)
    host = wire.host("vip")
    first = await host.launch(_program(), timeout_ns=5 * SECOND)
    stream = await wire.host("node1").connect(Endpoint(VIP, PORT), timeout_ns=SECOND)
    await first.kill()
    end = await stream.read()
    again = await host.launch(_program(), timeout_ns=5 * SECOND)
    await again.kill()
    await wire.close()
    return end


def test_one_that_is_killed_can_start_again(live: Live, tmp_path: Path) -> None:
    """On the same port; its connections have ended."""
    assert live(_kill_and_start_again, tmp_path / "run") == b""


async def _sees(_: Mode, folder: Path) -> list[str]:
    wire = await KernelWire.build(site_plan(), folder=folder)
    code = f"import socket\nopen('seen', 'w').write(str(socket.socket().connect_ex(('{NODE1}', 9))))\n{SERVER}"
    await wire.host("vip").launch(_program(code), timeout_ns=5 * SECOND)
    own = folder.with_name(f"{folder.name}.vip")
    seen = (own / "seen").read_text()
    mode = oct(own.stat().st_mode)[-3:]
    foreign = "import socket; socket.create_server(('%s', 443))"
    try:
        await wire.host("node2").launch(_program(foreign % NODE1), timeout_ns=5 * SECOND)
    except ProgramError as error:
        return [mode, os.strerror(int(seen)), str(error).rpartition("] ")[2]]
    finally:
        await wire.close()
    return [mode, seen]


def test_it_lives_on_its_machine(live: Live, tmp_path: Path) -> None:
    """It reaches whom the machine reaches, and has no address of another; nobody else reads its folder."""
    mode, reached, bound = live(_sees, tmp_path / "run")

    assert (mode, reached) == ("700", "Connection refused")
    assert bound.startswith("Cannot assign requested address")


async def _be_killed(_: Mode, folder: Path) -> None:
    wire = await KernelWire.build(site_plan(), folder=folder)
    await wire.host("vip").launch(_program(), timeout_ns=5 * SECOND)
    os.kill(os.getpid(), signal.SIGKILL)


def test_it_dies_with_its_world(live: Live, tmp_path: Path) -> None:
    """Also where that has no time to say anything; the next run takes over the folder."""
    del live
    with pytest.raises(Exception, match="the child died"):
        run_private(_be_killed, tmp_path / "run", timeout_ns=20 * SECOND)
    pid = int((tmp_path / "run.vip" / "pid").read_text())

    assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    """Wait for the end of a process that is not our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 5)[0])
    finally:
        os.close(fd)


async def _interrupt(_: Mode, folder: Path) -> bytes:
    wire = await KernelWire.build(site_plan(), folder=folder)
    running = await wire.host("vip").launch(_program(), timeout_ns=5 * SECOND)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgid(0, 0)
    # As a terminal does: to everybody in the group.
    os.killpg(0, signal.SIGINT)
    stream = await wire.host("node1").connect(Endpoint(VIP, PORT), timeout_ns=SECOND)
    await stream.write(b"still here")
    answer = await stream.read()
    await stream.close()
    await running.stop(timeout_ns=5 * SECOND)
    await wire.close()
    return answer


def test_ctrl_c_is_not_for_it(live: Live, tmp_path: Path) -> None:
    """The world ends in order, and needs it until then."""
    assert live(_interrupt, tmp_path / "run") == b"still here"


def test_the_kernel_s_table_is_read_in_its_byte_order() -> None:
    """Addresses are words of the machine, ports are numbers."""
    word = "0A00140A" if sys.byteorder == "little" else "0A14000A"
    mapped = "0000000000000000FFFF00000A00140A" if sys.byteorder == "little" else ""

    assert parse_end(f"{word}:148E") == Endpoint(ip_address("10.20.0.10"), 5262)
    assert not mapped or parse_end(f"{mapped}:01BB").port == 443
