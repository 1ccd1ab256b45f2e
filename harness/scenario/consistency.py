"""The consistency of a scenario: every name that is used exists, and nobody has another's name or address."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.net.address import Address, parse_address
from harness.scenario import fleet
from harness.scenario.certificate_consistency import find_certificate_problems, find_import_problems
from harness.scenario.certificate_import import CertificateImport
from harness.scenario.device_consistency import find_device_problems
from harness.scenario.engine import find_engine_problems
from harness.scenario.event import ClockChange, LinkChange, NameChange, Until, Wait
from harness.scenario.event_consistency import find_event_problems
from harness.scenario.expectation_consistency import find_expectation_problems
from harness.scenario.row import ROWS
from harness.scenario.scenario import Device, Scenario
from harness.scenario.settings_consistency import find_settings_problems
from harness.scenario.step import (
    CloneNode,
    EditSettings,
    ForgedCallback,
    ForgedRequest,
    KeptTunnel,
    Probe,
    RawProxyRequest,
    Restart,
    Revoke,
    SaveSettings,
    SignIn,
    Step,
    Together,
)
from harness.site.host_name import LOCALHOST, is_host_name, is_machine_name, parse_target
from harness.site.machine_address import address_problem
from harness.site.preflight import RESERVED
from harness.site.problem import Path, Problem, choose, show

_FURTHER_ROW = re.compile(r"C(0[1-9]|1[0-7])", re.ASCII)
_APP = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*(?:\r\n[\t ][\t\x20-\x7e\x80-\xff]*)*")
"""One line, or one that is folded (RFC 9112 section 5.2)."""
_TARGET = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def find_problems(scenario: Scenario) -> tuple[Problem, ...]:
    """Everything beyond the site that must be changed; () when it is fine."""
    return (
        *_words(scenario),
        *_machines(scenario),
        *(
            problem
            for name, device in scenario.devices.items()
            for problem in find_device_problems(("devices", name), device)
        ),
        *_rules(scenario),
        *_habits(scenario),
        *find_certificate_problems(scenario),
        *_steps(scenario),
        *find_expectation_problems(scenario),
        *find_engine_problems(scenario),
    )


def _words(scenario: Scenario) -> Iterator[Problem]:
    if not scenario.scenario.strip():
        yield Problem(
            path=("scenario",), found='""', expected="one sentence that says what it shows"
        )
    for index, row in enumerate(scenario.rows):
        if row not in ROWS and not _FURTHER_ROW.fullmatch(row):
            expected = f"a row of the documents, A01 to C17: {choose(ROWS, row)}"
            yield Problem(path=("rows", index), found=show(row), expected=expected)


def _machines(scenario: Scenario) -> Iterator[Problem]:
    """Names and addresses of devices, attackers and bystanders."""
    site = scenario.site
    names = {site.fqdn: "fqdn", **dict.fromkeys(RESERVED, "the harness")}
    for table, known in (
        ("nodes", site.nodes),
        ("balancers", site.balancers),
        ("names", site.names),
    ):
        names |= dict.fromkeys(known, f"site.{table}")
    owners: dict[Address, str] = {
        address: name for name in (*site.nodes, *site.balancers) for address in site.addresses(name)
    }
    tables = (
        ("devices", scenario.devices),
        ("attackers", scenario.attackers),
        ("bystanders", scenario.bystanders),
    )
    for table, machines in tables:
        for name, machine in machines.items():
            yield from _name((table, name), machine if isinstance(machine, Device) else None, names)
            if machine.address is not None:
                yield from _address((table, name, "address"), machine.address, owners)
                owners.setdefault(machine.address, name)
    for name, device in scenario.devices.items():
        if device.behind is not None:
            yield from _address(("devices", name, "behind"), device.behind, owners)


def _name(path: Path, device: Device | None, names: dict[str, str]) -> Iterator[Problem]:
    name = str(path[-1])
    if not is_machine_name(name):
        yield Problem(
            path=path,
            found=show(name),
            expected="a machine name: lower-case letters, digits and hyphens, such as pixel",
            at_key=True,
        )
    ones = (name,) if device is None else fleet.names(name, device)
    for one in ones:
        if one in names:
            yield Problem(
                path=path,
                found=show(one),
                expected=f"another name: {names[one]} has this one",
                at_key=True,
            )
            break
    names |= {one: ".".join(str(key) for key in path) for one in (name, *ones) if one not in names}


def _address(path: Path, address: Address, owners: dict[Address, str]) -> Iterator[Problem]:
    if problem := address_problem(path, address):
        yield problem
    elif address in owners:
        yield Problem(
            path=path,
            found=show(str(address)),
            expected=f"an address of its own: {owners[address]} has this one",
        )


def _rules(scenario: Scenario) -> Iterator[Problem]:
    """The traffic rules of devices."""
    hosts = _hosts(scenario)
    for name, device in scenario.devices.items():
        for index, rule in enumerate(device.tunnel or ()):
            at: Path = ("devices", name, "tunnel", index)
            is_name = rule.host == "*" or is_host_name(rule.host.removeprefix("*."))
            if not is_name and not _is_address(rule.host):
                yield Problem(
                    path=(*at, "host"),
                    found=show(rule.host),
                    expected="a host name, *.example.com for every host below example.com, or *",
                )
            if rule.proxy is not None:
                yield from _target((*at, "proxy"), rule.proxy, hosts, needs_port=True)


def _hosts(scenario: Scenario) -> tuple[str, ...]:
    """Every name that a machine of the world can resolve."""
    site = scenario.site
    return (
        site.fqdn,
        *site.nodes,
        *site.balancers,
        *site.names,
        *scenario.look_ups,
        *scenario.attackers,
        *scenario.bystanders,
    )


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def _target(
    path: Path, text: str, hosts: tuple[str, ...], *, needs_port: bool
) -> Iterator[Problem]:
    form = (
        f"HOST:PORT such as {hosts[0]}:443"
        if needs_port
        else f"HOST or HOST:PORT such as {hosts[0]}"
    )
    try:
        host, port = parse_target(text)
    except ValueError:
        yield Problem(path=path, found=show(text), expected=form)
        return
    if needs_port and port is None:
        yield Problem(path=path, found=show(text), expected=form)
    elif host not in hosts and host != LOCALHOST and not _is_address(host):
        yield Problem(
            path=path,
            found=show(text),
            expected=f"an IP address or a known host: {choose(hosts, host)}",
        )


def _habits(scenario: Scenario) -> Iterator[Problem]:
    """Port ranges and slow nodes."""
    site = scenario.site
    machines = (*site.nodes, *site.balancers, *scenario.devices)
    for name, ports in scenario.port_ranges.items():
        if name not in machines:
            yield _unknown(("port_ranges", name), name, "a machine", machines)
        yield from _order(("port_ranges", name, "last"), ports.first, ports.last)
    for name in scenario.slow_sign_ins:
        if name not in site.nodes:
            yield _unknown(("slow_sign_ins", name), name, "a node", tuple(site.nodes))


def _order(path: Path, first: int, last: int | None) -> Iterator[Problem]:
    if last is not None and last < first:
        yield Problem(path=path, found=show(last), expected=f"{first} or more")


def _unknown(path: Path, name: str, what: str, known: tuple[str, ...]) -> Problem:
    return Problem(
        path=path, found=show(name), expected=f"{what}: {choose(known, name)}", at_key=True
    )


def _steps(scenario: Scenario) -> Iterator[Problem]:
    for index, step in enumerate(scenario.steps):
        yield from _step(("steps", index), step, scenario)


def _step(path: Path, step: Step, scenario: Scenario) -> Iterator[Problem]:
    match step:
        case SignIn():
            yield from _sign_in(path, step, scenario)
        case ForgedRequest():
            yield from _attacker(path, step.attacker, scenario)
            yield from _target((*path, "request"), step.request, _hosts(scenario), needs_port=True)
            yield from _headers(path, step.headers)
            if step.replay is not None:
                yield from _one_device(path, step.replay, scenario, key="replay")
        case ForgedCallback():
            yield from _attacker(path, step.attacker, scenario)
            yield from _target(
                (*path, "call_back"), step.call_back, _hosts(scenario), needs_port=True
            )
            yield from _order((*path, "up_to"), step.port, step.up_to)
        case KeptTunnel() | RawProxyRequest() | Revoke():
            yield from _deed(path, step, scenario)
        case Restart() | Probe() | EditSettings() | SaveSettings() | CloneNode():
            yield from find_settings_problems(path, step, scenario)
        case CertificateImport():
            yield from find_import_problems(path, step, scenario.site)
        case Wait() | Until() | LinkChange() | NameChange() | ClockChange():
            yield from find_event_problems(path, step, scenario)
        case Together():
            if not step.together:
                yield Problem(path=(*path, "together"), found="[]", expected="at least one step")
            for index, one in enumerate(step.together):
                yield from _step((*path, "together", index), one, scenario)


def _deed(
    path: Path, step: KeptTunnel | RawProxyRequest | Revoke, scenario: Scenario
) -> Iterator[Problem]:
    """What one device does beside signing in."""
    match step:
        case KeptTunnel():
            yield from _kept_tunnel(path, step, scenario)
        case RawProxyRequest():
            yield from _one_device(path, step.device, scenario)
        case Revoke():
            yield from _one_device(path, step.revoke, scenario, key="revoke")
            if scenario.site.revocation is None:
                yield Problem(
                    path=(*path, "revoke"),
                    found=show(step.revoke),
                    expected="site.revocation: nobody asks whether certificates are revoked",
                )


def _kept_tunnel(path: Path, step: KeptTunnel, scenario: Scenario) -> Iterator[Problem]:
    yield from _one_device(path, step.device, scenario)
    if step.host is not None:
        yield from _target((*path, "host"), step.host, _hosts(scenario), needs_port=False)


def _one_device(
    path: Path, name: str, scenario: Scenario, *, key: str = "device"
) -> Iterator[Problem]:
    singles = [one for one, device in scenario.devices.items() if device.count is None]
    if name not in singles:
        yield Problem(
            path=(*path, key),
            found=show(name),
            expected=f"one device: {choose(singles, name)}",
            looked_in=("devices",),
        )


def _sign_in(path: Path, step: SignIn, scenario: Scenario) -> Iterator[Problem]:
    known = fleet.all_names(scenario)
    asked = (step.device,) if isinstance(step.device, str) else step.device
    for index, name in enumerate(asked):
        if name not in known:
            at: Path = (
                (*path, "device") if isinstance(step.device, str) else (*path, "device", index)
            )
            yield Problem(
                path=at,
                found=show(name),
                expected=f"a device: {choose(scenario.devices, name)}",
                looked_in=("devices",),
            )
    if not asked:
        yield Problem(path=(*path, "device"), found="[]", expected="at least one device")
    if not _APP.fullmatch(step.sign_in):
        yield Problem(
            path=(*path, "sign_in"),
            found=show(step.sign_in),
            expected="an application: 1 to 64 letters, digits, dots, hyphens, such as salesforce",
        )
    if step.host is not None:
        yield from _target((*path, "host"), step.host, _hosts(scenario), needs_port=False)
    if step.connect is not None and not _TARGET.fullmatch(step.connect):
        yield Problem(
            path=(*path, "connect"),
            found=show(step.connect),
            expected="a target without blanks and control characters, such as 0x7f.1:443",
        )
    # What HTTP/2 carries has no lines, so nothing there ends at a line break.
    is_free = any(device.http2 for device in scenario.devices.values())
    yield from _headers(path, step.headers, is_free=is_free)


def _attacker(path: Path, name: str, scenario: Scenario) -> Iterator[Problem]:
    if name not in scenario.attackers:
        yield Problem(
            path=(*path, "attacker"),
            found=show(name),
            expected=f"an attacker: {choose(scenario.attackers, name)}",
            looked_in=("attackers",),
        )


def _headers(path: Path, headers: dict[str, str], *, is_free: bool = False) -> Iterator[Problem]:
    for name, value in headers.items():
        at = (*path, "headers", name)
        if not _FIELD_NAME.fullmatch(name):
            yield Problem(
                path=at,
                found=show(name),
                expected="a header name (RFC 9110 section 5.1)",
                at_key=True,
            )
        if not _FIELD_VALUE.fullmatch(value) and not is_free:
            yield Problem(
                path=at,
                found=show(value),
                expected="text without control characters; a folded line goes on after \\r\\n and a blank",
            )
