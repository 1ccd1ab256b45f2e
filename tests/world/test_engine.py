"""Finding engines: what programs say of themselves, and what is said where they are not there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.scenario.scenario import Scenario
from harness.world import engine
from harness.world.engine import EngineError, find_engine, find_engines, tell_engines

HAPROXY = "HAProxy version 2.6.12-1+deb12u4 2026/10/17\nFeature list : -51DEGREES +OPENSSL -OPENSSL_WOLFSSL"
NGINX = "nginx version: nginx/1.22.1\nconfigure arguments: --with-http_ssl_module --modules-path={folder}"

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes programs that print something; there are no others."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "_BESIDE_PATH", ())
    find_engine.cache_clear()

    def write(name: str, told: str) -> Path:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n/bin/cat >&2 <<'END'\n{told}\nEND\n", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    yield write
    find_engine.cache_clear()


def test_haproxy_tells_its_version(install: Install) -> None:
    """With TLS."""
    program = install("haproxy", HAPROXY)
    found = find_engine("haproxy")

    assert (found.path, found.version, found.modules) == (str(program), "2.6.12-1+deb12u4", ())


def test_nginx_with_its_stream_module_built_in(install: Install) -> None:
    """Nothing has to be loaded."""
    install("nginx", f"{NGINX} --with-stream --with-stream_ssl_module")

    assert find_engine("nginx").modules == ()


def test_nginx_with_its_stream_module_beside_it(install: Install, tmp_path: Path) -> None:
    """It is named, so that the configuration loads it."""
    module = tmp_path / "ngx_stream_module.so"
    module.touch()
    install("nginx", f"{NGINX.format(folder=tmp_path)} --with-stream=dynamic")

    assert find_engine("nginx").modules == (str(module),)


@pytest.mark.parametrize(
    ("name", "told", "message"),
    [
        pytest.param(
            "nginx", f"{NGINX} --with-stream=dynamic", "libnginx-mod-stream", id="no module"
        ),
        pytest.param(
            "nginx", f"{NGINX} --with-stream_ssl_module", "libnginx-mod-stream", id="no stream"
        ),
        pytest.param("nginx", "nginx version: nginx/1.22.1", "no nginx with TLS", id="no TLS"),
        pytest.param(
            "haproxy",
            "HAProxy version 2.6.12\n -OPENSSL",
            "no HAProxy with TLS",
            id="HAProxy, no TLS",
        ),
        pytest.param("haproxy", "something else", "no HAProxy with TLS", id="another program"),
    ],
)
def test_a_program_that_cannot_do_it_is_refused(
    install: Install, name: str, told: str, message: str
) -> None:
    """With what to install, and the way out."""
    install(name, told)

    with pytest.raises(EngineError, match=rf"{message}.*engine: builtin"):
        find_engine(name)


@pytest.mark.usefixtures("install")
def test_a_missing_program_is_told_to_people() -> None:
    """What to install."""
    assert tell_engines() == (
        "haproxy: no haproxy on this machine: install the package haproxy, or let the scenario say engine: builtin",
        "nginx: no nginx on this machine: install the package nginx, or let the scenario say engine: builtin",
    )


def test_a_scenario_needs_each_program_once(install: Install) -> None:
    """However many balancers it has."""
    install("haproxy", HAPROXY)
    balancers = {
        name: {"address": address, "engine": chosen}
        for name, address, chosen in (
            ("one", "10.20.0.9", "haproxy"),
            ("two", "10.20.0.10", "haproxy"),
            ("three", "10.20.0.11", "builtin"),
        )
    }
    site = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}, "balancers": balancers}
    scenario = Scenario.model_validate({"scenario": "x", "site": site})

    assert [found.name for found in find_engines(scenario)] == ["haproxy"]


def test_where_no_path_leads_is_looked_as_well(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ordinary users have no sbin in their PATH."""
    install("haproxy", HAPROXY)
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(engine, "_BESIDE_PATH", (str(tmp_path),))

    assert find_engine("haproxy").version == "2.6.12-1+deb12u4"
