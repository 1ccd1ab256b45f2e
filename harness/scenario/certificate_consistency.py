"""Whether an import of a certificate fits the rest of its scenario: the place, the names, the files."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.certificate_import import (
    AT_BALANCERS,
    PEM_ONLY,
    PFX_ONLY,
    CertificateImport,
)
from harness.scenario.event import parse_duration
from harness.scenario.scenario import Scenario
from harness.site.certificate_place import Place, parse_place
from harness.site.host_name import is_host_name
from harness.site.problem import Path, Problem, choose, show
from harness.site.site import Site

_LONGEST_NS = 400 * 86_400_000_000_000


def find_certificate_problems(scenario: Scenario) -> Iterator[Problem]:
    """Everything that is wrong with what nodes and balancers have before the run."""
    for index, name in enumerate(scenario.fresh_nodes):
        if name not in scenario.site.nodes:
            expected = f"a node: {choose(scenario.site.nodes, name)}"
            yield _problem(("fresh_nodes", index), show(name), expected)
    for index, step in enumerate(scenario.certificates):
        yield from find_import_problems(("certificates", index), step, scenario.site)


def find_import_problems(path: Path, step: CertificateImport, site: Site) -> Iterator[Problem]:
    """Everything that is wrong with one import."""
    for text in step.places:
        try:
            place = parse_place(text, site)
        except ValueError as error:
            yield _problem((*path, "import_certificate"), show(text), str(error))
        else:
            yield from _at_place(path, step, place, site)
    if not step.places:
        yield _problem((*path, "import_certificate"), "[]", "at least one place, such as vip:443")
    for index, name in enumerate(step.names):
        if not is_host_name(name.removeprefix("*.")):
            expected = "a host name in lower case, or a wildcard such as *.example.com"
            yield _problem((*path, "names", index), show(name), expected)
    wrong = PFX_ONLY if step.file == "pem" else PEM_ONLY
    if step.fault in wrong:
        other = "pfx" if step.file == "pem" else "pem"
        yield _problem((*path, "fault"), show(step.fault), f"another one: that is of file: {other}")
    try:
        duration_ns = parse_duration(step.valid_for)
    except ValueError:
        duration_ns = 0
    if not 0 < duration_ns <= _LONGEST_NS:
        expected = "a duration of at most 400 days, such as 90s, 2h, 30d"
        yield _problem((*path, "valid_for"), show(step.valid_for), expected)


def _at_place(path: Path, step: CertificateImport, place: Place, site: Site) -> Iterator[Problem]:
    if place.machine not in site.balancers:
        return
    if step.fault is not None and step.fault not in AT_BALANCERS:
        expected = (
            f"one of {', '.join(sorted(AT_BALANCERS))}: a balancer serves only what can be loaded"
        )
        yield _problem((*path, "fault"), show(step.fault), expected)


def _problem(path: Path, found: str, expected: str) -> Problem:
    return Problem(path=path, found=found, expected=expected)
