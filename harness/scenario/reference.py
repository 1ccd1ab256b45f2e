"""The scenario reference: every key of a scenario file, from the schema alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.scenario.defect import DEFECTS
from harness.scenario.expectation_consistency import CHECKS
from harness.scenario.schema import Schema, build_schema

_INTRODUCTION = """\
# Scenario reference

Generated from the schema by `harness/scenario/reference.py`; do not edit. To write it again:

    python -c "from harness.scenario.reference import build_reference; print(build_reference(), end='')" \\
        > docs/scenario-reference.md

A scenario is one YAML 1.2 file. Text needs no quotes unless YAML wants them; `yes` and `no` are text, only `true`
and `false` are switches. Unknown and duplicate keys are errors. Host names are machines of the scenario, the names
of the site, or IP addresses.

Addresses: segments are `outside` (devices, balancers), `dmz` (balancers, nodes) and `inside` (nodes); nothing is
routed between them. Addresses are IPv4 or IPv6; put IPv6 in quotes. 198.18.99.0/24 belongs to the harness itself.

Allow-lists (`destination` when not forced, `accept_remote_port_from`): entries between semicolons, each
`10.20.0.0/24`, `10.20.0.0 255.255.255.0` or one address; an empty list allows nothing.
"""

EXAMPLE = """
## Example

```yaml
scenario: a cluster behind a balancer that ends TLS finds the node that holds the certificate
site:
  fqdn: access.example.com
  nodes: {node1: 10.20.1.1, node2: 10.20.1.2, node3: 10.20.1.3}
  balancers:
    vip: {address: 10.20.0.10, 5262: passthrough, 443: terminate}
  cert_proxy:
    destination: access.example.com
    allow_remote_port_header: true
    accept_remote_port_from: 10.20.0.10
devices:
  pixel: {user: alice@example.com}
steps:
  - {device: pixel, sign_in: salesforce}
expect: {verdict: pass, signed_in: {pixel: alice@example.com}}
```
"""

_ORDER = (
    "Site", "Balancer", "CertProxy", "Port", "PageChange", "ExpectedCertificate", "HeaderNames", "CallBackForm",
    "SignInForm", "Revocation",
    "Device", "TunnelRule", "Attacker", "Bystander", "PortRange", "Responder",
    "SignIn", "KeptTunnel", "RawProxyRequest", "Restart", "Probe", "Revoke",
    "EditSettings", "SaveSettings", "CloneNode", "CertificateImport",
    "ForgedRequest", "ForgedCallback",
    "Wait", "Until", "LinkChange", "NameChange", "ClockChange", "Together", "Expect",
)  # fmt: skip


def build_reference() -> str:
    """The reference as Markdown, with a line break at its end."""
    schema = build_schema()
    lines = [_INTRODUCTION, *_section("Scenario", schema, schema)]
    for name in _ORDER:
        lines += _section(name, schema["$defs"][name], schema)
    lines += _defects()
    return "\n".join(lines) + "\n" + EXAMPLE


def _section(name: str, node: Schema, schema: Schema) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"{_prose(node['description'])}\n"
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    required = node.get("required", ())
    for key, value in node["properties"].items():
        default = "required" if key in required else _default(value)
        kind = _cell(_kind(value, schema))
        yield f"| `{key}` | {kind} | {default} | {_cell(_prose(value.get('description', '')))} |"
    yield ""


def _default(value: Schema) -> str:
    default = value.get("default")
    if isinstance(default, dict) and default and "$ref" in value:
        return f"see {_link(value['$ref'])}"
    if default is None:
        return "not given"
    return f"`{_cell(json.dumps(default))}`"


def _kind(node: Schema, schema: Schema) -> str:
    """What a value may be, with links to the sections."""
    if "$ref" in node:
        target = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return _kind(target, schema) if "enum" in target else _link(node["$ref"])
    if union := node.get("anyOf") or node.get("oneOf"):
        kinds = (_kind(one, schema) for one in union if one.get("type") != "null")
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in node or "const" in node:
        return " or ".join(f"`{choice}`" for choice in node.get("enum", (node.get("const"),)))
    match node["type"]:
        case "array":
            return f"list of {_kind(node['items'], schema)}"
        case "object":
            return f"name: {_kind(node['additionalProperties'], schema)}"
        case "integer":
            return _range(node)
        case "boolean":
            return "`true` or `false`"
    return "IP address" if node.get("format") == "ip" else "text"


def _range(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if high is None:
        return "whole number" if low is None else f"whole number, {low} or more"
    return f"{low} to {high}"


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _prose(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _defects() -> Iterator[str]:
    yield "## Defects\n"
    yield "Each is a fault that one actor commits when the scenario names it under `defects`."
    yield f"`expect.findings` may name {', '.join(CHECKS)}.\n"
    yield "| defect | fault | who | checks that fail |"
    yield "|---|---|---|---|"
    for defect in DEFECTS:
        actor = defect.actor.replace("_", " ")
        yield f"| {defect.id} | {defect.title} | {actor} | {', '.join(defect.caught_by)} |"
