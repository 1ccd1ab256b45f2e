"""Scenario and site files, from text to a value or to every problem."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.scenario import Scenario
from harness.scenario.step import STEP_KINDS, ForgedRequest, SignIn, Together
from harness.scenario.yaml import ScenarioError, load_scenario, load_site

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = sorted(SCENARIOS.rglob("*.yaml"))

BASE = """\
scenario: base
site:
  fqdn: access.example.com
  nodes:
    node1: 10.20.1.1
  balancers:
    vip: {address: 10.20.0.10}
  cert_proxy:
    destination: vip
devices:
  pixel:
    user: alice@example.com
attackers:
  mallory: {address: 198.51.100.66}
steps:
  - {device: pixel, sign_in: salesforce}
expect: {verdict: pass}
"""

SITE = (
    "fqdn: access.example.com\nnodes:\n  node1: 10.20.1.1\ncert_proxy: {destination: localhost}\n"
)

# What to replace in the base, by what, and the one line that must come.
MISTAKES = {
    "short address": (
        "10.20.1.1",
        "10.20.1",
        '5:12: $.site.nodes.node1: got "10.20.1"; expected an IP address such as 10.20.1.2 or 2001:db8::2',
    ),
    "address as a number": (
        "10.20.1.1",
        "1",
        "5:12: $.site.nodes.node1: got 1; expected an IP address such as 10.20.1.2 or 2001:db8::2",
    ),
    "leading zeros": (
        "10.20.1.1",
        "10.020.1.1",
        '5:12: $.site.nodes.node1: got "10.020.1.1"; expected an IP address such as 10.20.1.2 or 2001:db8::2',
    ),
    "unknown key, near": (
        "    destination: vip",
        "    destinaton: vip",
        '9:5: $.site.cert_proxy.destinaton: got an unknown key "destinaton"; expected '
        "destination (did you mean that?)",
    ),
    "unknown key, far": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    wheels: 4",
        '13:5: $.devices.pixel.wheels: got an unknown key "wheels"; expected one of '
        "address, android, behind, certificate, count, early_data, email, http2, later_user, tls, trusts_appliance, "
        "tunnel, valid_for",
    ),
    "field name of the code": (
        "{address: 10.20.0.10}",
        "{address: 10.20.0.10, service: terminate}",
        '7:32: $.site.balancers.vip.service: got an unknown key "service"; expected one '
        "of 443, 5262, engine, forwarded_for, health_check_ms, http2, to",
    ),
    "missing key": (
        "    user: alice@example.com",
        "    android: 9",
        "11:3: $.devices.pixel.user: got nothing; expected the key user (principal name "
        "in the user certificate, such as alice@example.com)",
    ),
    "missing site": (
        BASE[BASE.index("site:") : BASE.index("devices:")],
        "",
        "1:1: $.site: got nothing; expected the key site (the deployment: inline, or the "
        "name of a site file beside this one)",
    ),
    "switch in words": (
        "    destination: vip",
        "    destination: vip\n    allow_remote_port_header: yes",
        '10:31: $.site.cert_proxy.allow_remote_port_header: got "yes"; expected true or false',
    ),
    "text for a number": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    android: nine",
        '13:14: $.devices.pixel.android: got "nine"; expected a whole number from 7 to 13',
    ),
    "number in quotes": (
        "    user: alice@example.com",
        '    user: alice@example.com\n    android: "9"',
        '13:14: $.devices.pixel.android: got "9"; expected a whole number from 7 to 13',
    ),
    "number out of range": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    android: 6",
        "13:14: $.devices.pixel.android: got 6; expected a whole number from 7 to 13",
    ),
    "choice": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    tls: 1.1",
        '13:10: $.devices.pixel.tls: got "1.1"; expected 1.2 or 1.3',
    ),
    "switch as text": (
        "alice@example.com",
        "true",
        "12:11: $.devices.pixel.user: got true; expected text; put it in quotes if it is "
        "meant as text",
    ),
    "list for a mapping": (
        "devices:\n  pixel:\n    user: alice@example.com",
        "devices: [pixel]",
        '10:10: $.devices: got ["pixel"]; expected a mapping',
    ),
    "mapping for a list": (
        "steps:\n  - {device: pixel, sign_in: salesforce}",
        "steps: {device: pixel}",
        '15:8: $.steps: got {"device": "pixel"}; expected a list of mappings',
    ),
    "step of no kind": (
        "sign_in: salesforce",
        "signin: salesforce",
        "16:5: $.steps[0]: got the keys device, signin; expected a step with one of the "
        f"keys {', '.join(STEP_KINDS)} (did you mean sign_in instead of signin?)",
    ),
    "step that is text": (
        "{device: pixel, sign_in: salesforce}",
        "wait",
        f'16:5: $.steps[0]: got "wait"; expected a step with one of the keys {", ".join(STEP_KINDS)}',
    ),
    "step inside a step": (
        "{device: pixel, sign_in: salesforce}",
        "together: [{together: []}]",
        "16:16: $.steps[0].together[0]: got the keys together; expected a step with one "
        f"of the keys {', '.join(STEP_KINDS[:-1])}",
    ),
    "nothing together": (
        "{device: pixel, sign_in: salesforce}",
        "together: []",
        "16:15: $.steps[0].together: got []; expected at least one step",
    ),
    "unknown device": (
        "device: pixel",
        "device: pixle",
        '16:14: $.steps[0].device: got "pixle"; expected a device: pixel (did you mean that?)',
    ),
    "unknown device in a list": (
        "device: pixel",
        "device: [pixel, galaxy]",
        '16:22: $.steps[0].device[1]: got "galaxy"; expected a device: one of pixel',
    ),
    "device of a wrong kind": (
        "device: pixel",
        "device: {name: pixel}",
        '16:14: $.steps[0].device: got {"name": "pixel"}; expected text or a list of texts',
    ),
    "unknown attacker": (
        "{device: pixel, sign_in: salesforce}",
        "{attacker: eve, request: 'node1:443'}",
        '16:16: $.steps[0].attacker: got "eve"; expected an attacker: one of mallory',
    ),
    "target without a port": (
        "{device: pixel, sign_in: salesforce}",
        "{attacker: mallory, request: node1}",
        '16:34: $.steps[0].request: got "node1"; expected HOST:PORT such as access.example.com:443',
    ),
    "unknown target": (
        "{device: pixel, sign_in: salesforce}",
        "{attacker: mallory, call_back: 'node7:5263'}",
        '16:36: $.steps[0].call_back: got "node7:5263"; expected an IP address or a '
        "known host: node1 (did you mean that?)",
    ),
    "unknown host": (
        "sign_in: salesforce",
        "sign_in: salesforce, host: files",
        '16:48: $.steps[0].host: got "files"; expected an IP address or a known host: '
        "one of access.example.com, mallory, node1, vip",
    ),
    "application": (
        "sign_in: salesforce",
        "sign_in: sales force",
        '16:30: $.steps[0].sign_in: got "sales force"; expected an application: 1 to 64 '
        "letters, digits, dots, hyphens, such as salesforce",
    ),
    "header name": (
        "sign_in: salesforce",
        "sign_in: s, headers: {'Remote Port': x}",
        '16:43: $.steps[0].headers.Remote Port: got "Remote Port"; expected a header '
        "name (RFC 9110 section 5.1)",
    ),
    "header value": (
        "sign_in: salesforce",
        'sign_in: s, headers: {A: "b\\r\\nC: d"}',
        '16:46: $.steps[0].headers.A: got "b\\r\\nC: d"; expected text without control '
        "characters; a folded line goes on after \\r\\n and a blank",
    ),
    "unknown defect": (
        "expect:",
        "defects: [F15, F99]\nexpect:",
        '17:16: $.defects[1]: got "F99"; expected a defect: F91 or F90 (did you mean that?)',
    ),
    "defect twice": (
        "expect:",
        "defects: [F15, F15]\nexpect:",
        '17:16: $.defects[1]: got "F15"; expected each defect once',
    ),
    "unknown check": (
        "verdict: pass",
        "verdict: fail, findings: [V24]",
        '17:36: $.expect.findings[0]: got "V24"; expected a check that can fail: '
        "V26 or V23 (did you mean that?)",
    ),
    "fail without findings": (
        "verdict: pass",
        "verdict: fail",
        "17:1: $.expect.findings: got []; expected the checks that must fail",
    ),
    "findings without fail": (
        "verdict: pass",
        "verdict: pass, findings: [V01]",
        '17:19: $.expect.verdict: got "pass"; expected fail, since findings are '
        "expected; or no findings",
    ),
    "signed in device": (
        "verdict: pass",
        "signed_in: {moto: a@b.c}",
        '17:22: $.expect.signed_in.moto: got "moto"; expected a device: one of pixel',
    ),
    "user": (
        "alice@example.com",
        "alice",
        '12:11: $.devices.pixel.user: got "alice"; expected a user such as alice@example.com',
    ),
    "number without count": (
        "alice@example.com",
        '"user{n}@example.com"',
        '12:11: $.devices.pixel.user: got "user{n}@example.com"; expected no {n} without '
        "count, which numbers the devices",
    ),
    "count and address": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    count: 2\n    address: 203.0.113.9",
        '14:14: $.devices.pixel.address: got "203.0.113.9"; expected no address beside '
        "count: each device gets one of its own",
    ),
    "traffic rule": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    tunnel: [{host: a b}]",
        '13:21: $.devices.pixel.tunnel[0].host: got "a b"; expected a host name, '
        "*.example.com for every host below example.com, or *",
    ),
    "proxy of a rule": (
        "    user: alice@example.com",
        "    user: alice@example.com\n    tunnel: [{host: a, proxy: vip}]",
        '13:31: $.devices.pixel.tunnel[0].proxy: got "vip"; expected HOST:PORT such as '
        "access.example.com:443",
    ),
    "machine name": (
        "mallory:",
        "Mallory:",
        '14:3: $.attackers.Mallory: got "Mallory"; expected a machine name: lower-case '
        "letters, digits and hyphens, such as pixel",
    ),
    "name of a node": (
        "mallory:",
        "node1:",
        '14:3: $.attackers.node1: got "node1"; expected another name: site.nodes has this one',
    ),
    "name of a device": (
        "mallory:",
        "pixel:",
        '14:3: $.attackers.pixel: got "pixel"; expected another name: devices.pixel has this one',
    ),
    "name of the canary": (
        "mallory:",
        "canary-device:",
        '14:3: $.attackers.canary-device: got "canary-device"; expected another name: '
        "the harness has this one",
    ),
    "address of a node": (
        "198.51.100.66",
        "10.20.1.1",
        '14:22: $.attackers.mallory.address: got "10.20.1.1"; expected an address of its '
        "own: node1 has this one",
    ),
    "address of a balancer": (
        "198.51.100.66",
        "10.20.0.10",
        '14:22: $.attackers.mallory.address: got "10.20.0.10"; expected an address of '
        "its own: vip has this one",
    ),
    "address of the canary": (
        "198.51.100.66",
        "198.18.99.3",
        '14:22: $.attackers.mallory.address: got "198.18.99.3"; expected an address '
        "outside 198.18.99.0/24, where the harness keeps machines of its own",
    ),
    "row": (
        "scenario: base",
        "scenario: base\nrows: [A4]",
        '2:8: $.rows[0]: got "A4"; expected a row of the documents, A01 to C17: A14 or A04 (did you mean that?)',
    ),
    "no sentence": (
        "scenario: base",
        'scenario: " "',
        '1:11: $.scenario: got ""; expected one sentence that says what it shows',
    ),
    "preflight": (
        "destination: vip",
        "destination: 10.20.0.0/24",
        '9:18: $.site.cert_proxy.destination: got "10.20.0.0/24"; expected exactly one '
        "host name or IP address (destination_forced is on); for a list, turn "
        "destination_forced off",
    ),
    "site name": (
        "mallory: {",
        "mallory: {segment: dmzz, ",
        '14:22: $.attackers.mallory.segment: got "dmzz"; expected outside or dmz or inside',
    ),
}


def _problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(text, name="f.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("old", "new", "line"), MISTAKES.values(), ids=MISTAKES)
def test_tells_a_mistake(old: str, new: str, line: str) -> None:
    """One mistake gives one line: file, line, column, path, value, remedy."""
    assert old in BASE
    assert _problems(BASE.replace(old, new, 1)) == [f"f.yaml:{line}"]


def test_tells_every_mistake_at_once() -> None:
    """Shape, site, names and expectation, in the order of the file; a consequence of another mistake is not told."""
    text = (
        BASE.replace("balancers:", "balancer:")
        .replace("10.20.1.1", "10.20.1")
        .replace("alice@example.com", "alice")
        .replace("device: pixel", "device: pixle")
        .replace("verdict: pass", "verdict: passed")
    )

    assert [line.split(": ")[:2] for line in _problems(text)] == [
        ["f.yaml:5:12", "$.site.nodes.node1"],
        ["f.yaml:6:3", "$.site.balancer"],
        ["f.yaml:12:11", "$.devices.pixel.user"],
        ["f.yaml:16:14", "$.steps[0].device"],
        ["f.yaml:17:19", "$.expect.verdict"],
    ]


def test_looks_below_a_mistyped_key() -> None:
    """What stands under a key that is nearly right is told with the file's own path."""
    text = BASE.replace("balancers:", "balancer:").replace(
        "{address: 10.20.0.10}", "{adress: 10.20.0.10}"
    )

    paths = [line.split(": ")[1] for line in _problems(text)]
    assert paths == ["$.site.balancer", "$.site.balancer.vip.adress"]


@pytest.mark.parametrize("text", ["- a\n", "text\n", "3\n", "null\n"])
def test_refuses_other_documents(text: str) -> None:
    """A scenario is a mapping."""
    (line,) = _problems(text)

    assert "expected a mapping" in line


@given(st.data())
def test_mutated_text_is_read_or_refused(data: st.DataObject) -> None:
    """A slip of the keyboard anywhere gives a scenario or problems with places, never another error."""
    start = data.draw(st.integers(0, len(BASE) - 1))
    end = data.draw(st.integers(start, min(start + 30, len(BASE))))
    typed = data.draw(st.text(alphabet='abc1.:-{}[], \n"&*<>', max_size=8))
    text = BASE[:start] + typed + BASE[end:]
    try:
        load_scenario(text, name="f.yaml")
    except ScenarioError as error:
        lines = text.count("\n") + 1
        assert all(1 <= p.line <= lines and p.column >= 1 for p in error.problems)  # noqa: PT017 - either way is right


def test_numbers_may_stand_for_text() -> None:
    """`tls: 1.2` and `RemotePort: 40000` need no quotes."""
    text = BASE.replace("sign_in: salesforce", "sign_in: 7, headers: {RemotePort: 40000}").replace(
        "    user: alice@example.com", "    user: alice@example.com\n    tls: 1.2"
    )
    scenario = load_scenario(text, name="f.yaml")

    assert scenario.devices["pixel"].tls == "1.2"
    assert scenario.steps == (SignIn(device="pixel", sign_in="7", headers={"RemotePort": "40000"}),)


def test_tells_the_kinds_of_steps_apart() -> None:
    """By the key that says what happens."""
    steps = "  - together:\n      - {device: [pixel], sign_in: a}\n      - {attacker: mallory, request: 'vip:443'}\n"
    (step,) = load_scenario(
        BASE.replace("  - {device: pixel, sign_in: salesforce}\n", steps), name="f.yaml"
    ).steps

    assert step == Together(
        together=(
            SignIn(device=("pixel",), sign_in="a"),
            ForgedRequest(attacker="mallory", request="vip:443"),
        )
    )


def test_steps_may_name_single_devices_of_a_fleet() -> None:
    """`pixel-2` is one of three; `pixel` is all of them."""
    fleet = BASE.replace("alice@example.com", '"user{n}@example.com"\n    count: 3')
    scenario = load_scenario(
        fleet.replace("device: pixel", "device: [pixel-2, pixel]"), name="f.yaml"
    )

    assert scenario.steps == (SignIn(device=("pixel-2", "pixel"), sign_in="salesforce"),)


def test_expands_a_fleet_in_the_expectation() -> None:
    """Twenty users need one line."""
    text = BASE.replace("alice@example.com", '"user{n}@example.com"\n    count: 2').replace(
        "verdict: pass", 'signed_in: {pixel: "user{n}@example.com"}'
    )

    signed_in = load_scenario(text, name="f.yaml").expect.signed_in
    assert signed_in == {"pixel-1": "user1@example.com", "pixel-2": "user2@example.com"}


def test_site_may_be_a_file() -> None:
    """The caller reads it."""
    text = BASE[: BASE.index("site:")] + "site: small.yaml\n" + BASE[BASE.index("devices:") :]
    scenario = load_scenario(text, name="f.yaml", read={"small.yaml": SITE}.__getitem__)

    assert scenario.site == load_site(SITE, name="small.yaml")


def test_problems_of_a_site_file_name_that_file() -> None:
    """With its own lines and paths."""
    site = SITE.replace("10.20.1.1", "10.20.1").replace(
        "destination: localhost", "destination: here"
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenario(
            "scenario: x\nrows: [1]\nsite: small.yaml\n", name="f.yaml", read=lambda name: site
        )

    assert [str(problem).split(": ")[:2] for problem in caught.value.problems] == [
        ["f.yaml:2:8", "$.rows[0]"],
        ["small.yaml:3:10", "$.nodes.node1"],
        ["small.yaml:4:27", "$.cert_proxy.destination"],
    ]


def test_tells_why_a_site_file_cannot_be_read() -> None:
    """With the system's reason, at the line that names it."""

    def read(name: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", name)

    with pytest.raises(ScenarioError) as caught:
        load_scenario("scenario: x\nsite: small.yaml\n", name="f.yaml", read=read)

    assert str(caught.value) == (
        'f.yaml:2:7: $.site: got "small.yaml"; '
        "expected the name of a site file, or the site itself (No such file or directory)"
    )


def test_site_files_need_a_reader() -> None:
    """Text alone cannot name other files."""
    with pytest.raises(ScenarioError, match="no site files can be read here"):
        load_scenario("scenario: x\nsite: small.yaml\n", name="f.yaml")


def test_loads_a_site() -> None:
    """A site file is the site alone."""
    site = load_site(SITE, name="small.yaml")

    assert site.nodes == {"node1": ip_address("10.20.1.1")}


def test_tells_every_mistake_of_a_site() -> None:
    """Shape and preflight together."""
    site = SITE.replace("fqdn: access.example.com", "fqdn: access").replace("nodes:", "node:")
    with pytest.raises(ScenarioError) as caught:
        load_site(site, name="small.yaml")

    assert [problem.path for problem in caught.value.problems] == ["$.fqdn", "$.node"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_our_scenarios_load_and_survive_json(file: Path) -> None:
    """Every file of the project is valid and is the same after a trip through JSON."""
    scenario = load_scenario(file.read_text(encoding="utf-8"), name=file.name)

    # With a defect switched on among many devices, who is signed in may depend on whose turn it was.
    assert scenario.expect.signed_in is not None or scenario.defects
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_there_are_scenarios() -> None:
    """The table above is not empty."""
    assert len(FILES) >= 28
