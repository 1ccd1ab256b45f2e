"""The how-to pages: example sites, and what the harness says of the common mistakes in each.

`python -m tests.end_to_end.how_to` writes docs/how-to/*.md. Every output on these pages is made by running the command
it stands below, on a copy of the example with that one mistake; the tests compare.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.cli.main import main
from harness.report.terminal import tell
from tests.end_to_end.scenario_files import ROOT, record

FOLDER = ROOT / "docs" / "how-to"
_UNSTEADY = re.compile(r"^  (packets|show them:)|^(held|recorded in):")
"""Lines that differ from run to run, or say nothing here."""
_EPHEMERAL = re.compile(r"(?<=[0-9]):(3[2-9]|[45][0-9]|6[0-5])[0-9]{3}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One change of the example's site, and what it means."""

    title: str
    old: str
    new: str
    is_run: bool = True
    """False: the site is refused, or what it does differs from the example in nothing that a run shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One page."""

    name: str
    title: str
    text: str
    mistakes: tuple[Mistake, ...]


_NO_TERMINATION = Mistake(
    title="RemotePort is allowed where nobody can set it",
    old="allow_remote_port_header: false",
    new="allow_remote_port_header: true",
    is_run=False,
)
_OTHER_KEY = Mistake(
    title="The two keys differ",
    old="  ports:",
    new="  certificate_proxy_key_identity_manager: 77b0e4d9\n  ports:",
)

EXAMPLES = (
    Example(
        name="single-node",
        title="One appliance",
        text="Without a load balancer there is nobody who could add a header. The cert proxy sends each request to\n"
        "its own node; the Access service sees the cert proxy as the TCP peer, and asks it by that port.",
        mistakes=(
            Mistake(
                title="The destination has a port",
                old="destination: localhost",
                new="destination: localhost:443",
                is_run=False,
            ),
            Mistake(
                title="A list of destinations that lacks the service",
                old="destination_forced: true\n  destination: localhost",
                new="destination_forced: false\n  destination: 10.20.5.0/24",
            ),
            Mistake(
                title="A list with a host name",
                old="destination_forced: true\n  destination: localhost",
                new="destination_forced: false\n  destination: access.example.com",
                is_run=False,
            ),
            _NO_TERMINATION,
            _OTHER_KEY,
        ),
    ),
    Example(
        name="passthrough-cluster",
        title="A cluster behind a balancer that passes TLS through",
        text="The balancer forwards bytes on 443 and on 5262. It can add no header, so that the node that gets a\n"
        "sign-in must be the one that has the certificate: each cert proxy sends the request to its own node. The\n"
        "certificate on 443 is public, and names every node.",
        mistakes=(
            Mistake(
                title="The destination is the balancer",
                old="destination: localhost",
                new="destination: access.example.com",
            ),
            Mistake(
                title="The balancer ends TLS on 443, and the page was not changed",
                old="443: passthrough",
                new="443: terminate",
            ),
            Mistake(
                title="The balancer ends TLS on 5262",
                old="5262: passthrough",
                new="5262: terminate",
                is_run=False,
            ),
            _NO_TERMINATION,
        ),
    ),
    Example(
        name="re-encrypting-cluster",
        title="A cluster behind a balancer that ends TLS and encrypts again",
        text="Any node may get the sign-in. RemotePort and X-Forwarded-For tell it which node's cert proxy has the\n"
        "certificate, and it asks there on the admin port, 5263.",
        mistakes=(
            Mistake(
                title="The destination is the local host",
                old="destination: access.example.com",
                new="destination: localhost",
            ),
            Mistake(
                title="RemotePort is not allowed",
                old="allow_remote_port_header: true",
                new="allow_remote_port_header: false",
            ),
            Mistake(
                title="The balancer is not accepted",
                old="accept_remote_port_from: 10.20.0.10",
                new="accept_remote_port_from: 10.20.0.11",
            ),
            Mistake(
                title="Everybody is accepted",
                old="accept_remote_port_from: 10.20.0.10",
                new="accept_remote_port_from: 0.0.0.0/0",
                is_run=False,
            ),
            Mistake(
                title="One balancer too many is counted",
                old="number_of_load_balancers: 1",
                new="number_of_load_balancers: 2",
            ),
            Mistake(
                title="There is no admin port",
                old="\n    - {port: 5263, admin_port: true, ssl_certificate_type: passthrough}",
                new="",
                is_run=False,
            ),
            _OTHER_KEY,
            Mistake(
                title="One node was not set up",
                old="cert_proxy:",
                new="node_settings:\n  node3: {destination_forced: false, destination: 192.0.2.0/24}\ncert_proxy:",
            ),
        ),
    ),
    Example(
        name="two-data-centers",
        title="Two data centers",
        text="Each data center has a balancer and nodes of its own, and no certificate is stored in both. A sign-in\n"
        "that stays in the data center to which its tunnel came needs no call-back across.",
        mistakes=(
            Mistake(
                title="The destination is the balancer of one of them",
                old="destination: access.example.com",
                new="destination: vip-a",
                is_run=False,
            ),
            Mistake(
                title="The second balancer is not accepted",
                old="accept_remote_port_from: 10.20.0.10; 10.20.0.20",
                new="accept_remote_port_from: 10.20.0.10",
            ),
            Mistake(
                title="Space instead of semicolon",
                old="accept_remote_port_from: 10.20.0.10; 10.20.0.20",
                new="accept_remote_port_from: 10.20.0.10 10.20.0.20",
                is_run=False,
            ),
        ),
    ),
)


def build_page(example: Example) -> str:
    """The page, with a line break at its end."""
    return "\n".join(_lines(example)) + "\n"


def _lines(example: Example) -> Iterator[str]:
    yield f"# {example.title}\n"
    yield f"{example.text}\n"
    yield f"[sites/{example.name}.yaml](sites/{example.name}.yaml), [{example.name}.yaml]({example.name}.yaml):\n"
    yield "```yaml"
    yield (FOLDER / "sites" / f"{example.name}.yaml").read_text(encoding="utf-8").rstrip()
    yield "```\n"
    yield "In this folder:\n"
    yield from _outputs(example, None)
    yield "## Common mistakes\n"
    yield "Each is one change of the site above, and what the harness says then. Ephemeral ports are shown as `*`.\n"
    for mistake in example.mistakes:
        yield f"### {mistake.title}\n"
        yield "```diff"
        yield from (f"- {line}" for line in mistake.old.strip("\n").splitlines())
        yield from (f"+ {line}" for line in mistake.new.strip("\n").splitlines())
        yield "```\n"
        yield from _outputs(example, mistake)


def _outputs(example: Example, mistake: Mistake | None) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        site = Path("sites", f"{example.name}.yaml")
        if mistake is not None:
            text = (folder / site).read_text(encoding="utf-8")
            assert text.count(mistake.old) == 1, mistake.title
            changed = text.replace(mistake.old, mistake.new)
            (folder / site).write_text(changed, encoding="utf-8")
        yield f"    $ harness check {site}"
        yield from _indent(_check(folder, site))
        if mistake is None or mistake.is_run:
            yield f"    $ harness run {example.name}.yaml"
            yield from _indent(_run(folder, example.name))
        yield ""


def _check(folder: Path, site: Path) -> Iterator[str]:
    out = io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        main(["check", str(site)])
    yield from out.getvalue().splitlines()


def _run(folder: Path, name: str) -> Iterator[str]:
    """On the simulated wire, where the same is said each time."""
    verdict = record(folder / f"{name}.yaml", folder / "runs", wire="sim").verdict
    for line in tell(verdict, name=name, file=f"runs/{name}.pcapng").splitlines():
        if not _UNSTEADY.match(line):
            yield _EPHEMERAL.sub(":*", line)


def _indent(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def write_pages() -> None:
    """Write every page."""
    for example in EXAMPLES:
        (FOLDER / f"{example.name}.md").write_text(build_page(example), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
