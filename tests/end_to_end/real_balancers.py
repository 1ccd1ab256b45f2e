"""The how-to page on real balancers: the configurations that the harness makes, and what each mistake in them breaks.

`python -m tests.end_to_end.real_balancers` writes docs/how-to/real-balancers.md; the tests compare. Nothing is run for
it: the configurations are those that scenarios/real-balancers/ run with, for the sites of the other pages.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from harness.scenario.defect import DEFECTS
from harness.scenario.engine import COMMITTED
from harness.scenario.yaml import load_site
from harness.world.actors.duty import read_duty
from harness.world.actors.program_balancer import build_program
from harness.world.engine import Engine
from tests.end_to_end.how_to import FOLDER
from tests.end_to_end.scenario_files import WITH_PROGRAMS
from tests.world.actors.stage import make_setting

NAME = "real-balancers"
_ENGINES = {
    "HAProxy": Engine(name="haproxy", path="haproxy", version=""),
    "nginx": Engine(
        name="nginx", path="nginx", version="", modules=("modules/ngx_stream_module.so",)
    ),
}
_INTRODUCTION = """\
# A real HAProxy or nginx as the balancer

    balancers:
      vip: {address: 10.20.0.10, 5262: passthrough, 443: terminate, engine: haproxy}

makes the balancer of a scenario a real HAProxy (`engine: haproxy`) or nginx (`engine: nginx`), started inside the
balancer's network namespace, also for ordinary users. It is recorded and judged like everything else. `harness doctor`
says which of them this machine has. nginx needs its stream module (Debian and Ubuntu: `libnginx-mod-stream`).

Below are the configurations that the harness makes, for the sites [re-encrypting-cluster](re-encrypting-cluster.md) and
[passthrough-cluster](passthrough-cluster.md). To take them over: put your addresses and names in, and your files.
`balancer.pem` has the balancer's certificate chain and then its key, `roots.pem` the authorities of the nodes' own
certificates. Time-outs are those of scenarios: choose yours longer than a sign-in with its call-back and OCSP takes.
Leave out what is for the harness alone: `log stdout` and `nbthread` of HAProxy, and of nginx `daemon`,
`master_process`, `user`, `error_log` and the folders. The other lines matter: the mistakes at the end of this page are
some of them changed or left out, and [scenarios/real-balancers](../../scenarios/real-balancers) show what each breaks.

| what | HAProxy | nginx |
|---|---|---|
| the device's TLS on 5262 reaches a node untouched | `mode tcp` | `stream` |
| RemotePort is the client's port, and only that | `set-header`, never `add-header` | `proxy_set_header` |
| the client's Connection names no header of ours | `del-header Connection` | `proxy_set_header Connection ""` |
| no RemotePort in a trailer | `deny` what is chunked: HAProxy hands trailers on | nginx drops them |
| a session stays with the node that knows it | `cookie` | a hash of the client's address and port |
| nodes prove who they are | `verify required`, `verifyhost` | `proxy_ssl_verify on`, a group for each node |
| kept connections are shared by all clients | `http-reuse always` | `keepalive` |

Not for real programs: defects that no configuration brings about, `probe` steps, the simulated wire, and TLS between
two of them in a row, which nobody could read. The scenario is refused, with the place and the remedy.
"""


def build_page() -> str:
    """The page, with a line break at its end."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for title, engine in _ENGINES.items():
        right = _configuration(engine, "re-encrypting-cluster")
        yield f"## {title}\n"
        yield "TLS ends on 443:\n"
        yield from _fenced("", right)
        yield "443 is passed through as well:\n"
        yield from _fenced("", _configuration(engine, "passthrough-cluster"))
    yield "## Common mistakes\n"
    yield "What changes in the configuration, which checks fail, and the scenario that shows it.\n"
    for title, engine in _ENGINES.items():
        for defect in DEFECTS:
            if defect.id in COMMITTED[engine.name]:
                yield f"### {title}: {defect.title}\n"
                yield from _fenced("diff", _difference(engine, defect.id))
                yield f"{' '.join(defect.caught_by)}; {_shown_by(engine.name, defect.id)}\n"


def _configuration(engine: Engine, site: str, *defects: str) -> list[str]:
    text = (FOLDER / "sites" / f"{site}.yaml").read_text(encoding="utf-8")
    setting = make_setting(load_site(text, name=site), defects)
    program = build_program(engine, read_duty(setting, "vip"))
    return next(iter(program.files.values())).rstrip().splitlines()


def _difference(engine: Engine, defect: str) -> list[str]:
    right = _configuration(engine, "re-encrypting-cluster")
    wrong = _configuration(engine, "re-encrypting-cluster", defect)
    told = difflib.ndiff(right, wrong)
    return [
        f"{line[0]} {line[2:].strip()}" for line in told if line[0] in "+-" and line[2:].strip()
    ]


def _shown_by(engine: str, defect: str) -> str:
    (file,) = WITH_PROGRAMS.glob(f"{engine}-*-{defect}.yaml")
    return f"[{file.name}](../../scenarios/real-balancers/{file.name})"


def _fenced(kind: str, lines: list[str]) -> Iterator[str]:
    yield from (f"```{kind}", *lines, "```\n")


def write_page() -> None:
    """Write it."""
    (FOLDER / f"{NAME}.md").write_text(build_page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
