"""The JSON Schema of scenario files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its hints are a package of their own
import pytest

from harness.scenario.document import parse_document
from harness.scenario.schema import (
    Guide,
    build_schema,
    build_site_schema,
    scenario_guide,
    site_guide,
)

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = sorted(FOLDER.rglob("*.yaml"))
SITE = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}


@cache
def _validator() -> Any:
    """Built once: nothing changes it."""
    return jsonschema.Draft202012Validator(build_schema())


def _errors(data: object) -> list[str]:
    return [error.json_path for error in _validator().iter_errors(data)]


@pytest.mark.parametrize("build", [build_schema, build_site_schema])
def test_is_a_schema(build: Any) -> None:
    """Of the dialect it names."""
    schema = build()

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_our_scenarios_are_valid(file: Path) -> None:
    """An editor with the schema finds nothing in our own files."""
    assert _errors(parse_document(file.read_text(encoding="utf-8"), name=file.name).data) == []


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"scenario": "x", "site": SITE, "step": []}, "$"),
        ({"scenario": "x", "site": SITE, "devices": {"pixel": {}}}, "$.devices.pixel"),
        ({"scenario": "x", "site": SITE, "steps": [{"device": "pixel"}]}, "$.steps[0]"),
        ({"scenario": "x", "site": SITE, "seed": -1}, "$.seed"),
        ({"scenario": "x", "site": {**SITE, "tls": "1.1"}}, "$.site"),
    ],
)
def test_finds_mistakes(data: object, path: str) -> None:
    """It is no schema that allows everything."""
    assert _errors(data) == [path]


def test_site_may_be_a_name() -> None:
    """As in the loader."""
    assert _errors({"scenario": "x", "site": "small.yaml"}) == []


def _objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *(node for node in schema["$defs"].values() if "properties" in node)]


def test_every_key_is_described() -> None:
    """Editors show what a key means."""
    without = [
        f"{node['title']}.{key}"
        for node in _objects(build_schema())
        for key, value in node["properties"].items()
        if "description" not in value
    ]

    assert without == []


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        (("seed",), {}, "a whole number of at least 0"),
        (("site", "nodes", "node1"), {}, "an IP address such as 10.20.1.2 or 2001:db8::2"),
        (("site", "cert_proxy", "ports", 0, "port"), {}, "a whole number from 1 to 65535"),
        (("site", "cert_proxy", "destination_forced"), {}, "true or false"),
        (("site",), {}, "a mapping or text"),
        (("devices", "pixel", "count"), {}, "a whole number from 1 to 5000 or null"),
        (
            ("steps", 0, "device"),
            {"steps": [{"device": 1, "sign_in": "a"}]},
            "text or a list of texts",
        ),
        (
            ("steps", 0, "key"),
            {"steps": [{"attacker": "a", "call_back": "b"}]},
            "none or wrong or shared",
        ),
        (("steps", 0, "nothing"), {"steps": [{"device": 1, "sign_in": "a"}]}, "nothing"),
        (("bystanders", "files", "listen"), {}, "a list of whole numbers from 1 to 65535"),
    ],
)
def test_guide_tells_what_is_expected(
    path: tuple[str | int, ...], data: object, expected: str
) -> None:
    """At any place, in words."""
    assert scenario_guide().expected(path, data) == expected


@pytest.mark.parametrize(
    ("path", "data", "keys"),
    [
        (("expect",), {}, {"verdict", "findings", "signed_in"}),
        (("devices",), {}, set()),
        (
            ("steps", 0),
            {"steps": [{"attacker": "a", "call_back": "b"}]},
            {"attacker", "call_back", "port", "up_to", "times", "key"},
        ),
    ],
)
def test_guide_tells_the_keys(path: tuple[str | int, ...], data: object, keys: set[str]) -> None:
    """Of this kind of step, not of every kind."""
    assert set(scenario_guide().keys(path, data)) == keys


@pytest.mark.parametrize("guide", [scenario_guide(), site_guide()], ids=["scenario", "site"])
def test_guide_has_a_sample_of_everything(guide: Guide) -> None:
    """Whatever is bad can be put right, to look at the rest."""
    sample = guide.sample((), {})

    assert isinstance(sample, dict)
    assert {key: type(value) for key, value in sample.items()} in (
        {"scenario": str, "site": dict},
        {"fqdn": str, "nodes": dict},
    )
