"""The engines: real balancers that this machine has, found by asking the programs themselves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.scenario.engine import COMMITTED, real_balancers
from harness.scenario.scenario import Scenario

NAMES = tuple(COMMITTED)
"""Every program that can balance instead of the one built in."""
_BESIDE_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where servers are installed, and where the PATH of ordinary users does not look."""
_TIMEOUT_S = 10
_BUILTIN = "or let the scenario say engine: builtin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A program that is here and can do what is needed."""

    name: str
    path: str
    version: str
    """As it tells it itself: `2.6.12-1+deb12u4`."""
    modules: tuple[str, ...] = ()
    """Files that its configuration has to load first."""


class EngineError(Exception):
    """A program that is not here, or was built without something; the text says what to install."""


@cache
def find_engine(name: str) -> Engine:
    """Ask one program what it is; its answer is remembered.

    Raises:
        EngineError: it is not here, or cannot do what is needed.
    """
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *_BESIDE_PATH))
    path = shutil.which(name, path=folders)
    if path is None:
        raise EngineError(f"no {name} on this machine: install the package {name}, {_BUILTIN}")
    option = {"haproxy": "-vv", "nginx": "-V"}[name]
    try:
        done = subprocess.run(
            [path, option], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{path} {option}: {error}; install it again, {_BUILTIN}") from error
    told = done.stdout + done.stderr
    return _read_haproxy(path, told) if name == "haproxy" else _read_nginx(path, told)


def _read_haproxy(path: str, told: str) -> Engine:
    version = re.search(r"HAProxy version (\S+)", told)
    if version is None or not re.search(r"[+ ](USE_)?OPENSSL", told):
        raise EngineError(
            f"{path} is no HAProxy with TLS: install a package that has it (haproxy -vv names OPENSSL), {_BUILTIN}"
        )
    return Engine(name="haproxy", path=path, version=version[1])


def _read_nginx(path: str, told: str) -> Engine:
    version = re.search(r"nginx version: \S+?/(\S+)", told)
    if version is None or "--with-http_ssl_module" not in told:
        raise EngineError(f"{path} is no nginx with TLS: install a package that has it, {_BUILTIN}")
    stream = re.search(r"--with-stream(=dynamic)?(?=\s|$)", told)
    modules: tuple[str, ...] = ()
    if stream is not None and stream[1]:
        folder = re.search(r"--modules-path=(\S+)", told)
        module = Path(folder[1] if folder else "modules") / "ngx_stream_module.so"
        modules, stream = ((str(module),), stream) if module.is_file() else ((), None)
    if stream is None:
        raise EngineError(
            f"{path} passes no TCP through, which the proxy ports need: install its stream module"
            f" (Debian and Ubuntu: libnginx-mod-stream), {_BUILTIN}"
        )
    return Engine(name="nginx", path=path, version=version[1], modules=modules)


def find_engines(scenario: Scenario) -> tuple[Engine, ...]:
    """The programs that the balancers of a scenario are.

    Raises:
        EngineError: one of them is not here.
    """
    return tuple(find_engine(name) for name in sorted(set(real_balancers(scenario).values())))


def tell_engines() -> tuple[str, ...]:
    """A line about each program, for people."""
    return tuple(_tell(name) for name in NAMES)


def _tell(name: str) -> str:
    try:
        found = find_engine(name)
    except EngineError as error:
        return f"{name}: {error}"
    return f"{name}: {found.version} ({found.path})"
