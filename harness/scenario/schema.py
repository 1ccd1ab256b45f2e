"""The JSON Schema of scenario files: for editors, for the reference, and for what our own messages expect."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from harness.scenario.scenario import Scenario
from harness.scenario.step import STEP_KINDS
from harness.site.problem import Path
from harness.site.site import Site

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def build_schema() -> Schema:
    """The schema of a scenario file (JSON Schema 2020-12)."""
    schema = Scenario.model_json_schema(by_alias=True)
    inline = schema["properties"]["site"]
    schema["properties"]["site"] = {
        "description": inline.pop("description"),
        "anyOf": [inline, {"type": "string", "description": "Name of a site file."}],
    }
    return {"$schema": DIALECT, **schema}


def build_site_schema() -> Schema:
    """The schema of a site file."""
    return {"$schema": DIALECT, **Site.model_json_schema(by_alias=True)}


class Guide:
    """What a schema expects at a path of some data."""

    def __init__(self, schema: Schema) -> None:
        """Keep the schema."""
        self._schema = schema

    def keys(self, path: Path, data: object) -> tuple[str, ...]:
        """The keys that the mapping at a path may have; () where every key may stand."""
        return tuple(key for node in self._find(path, data) for key in node.get("properties", ()))

    def expected(self, path: Path, data: object) -> str:
        """What may stand at a path, in words."""
        described = dict.fromkeys(self._describe(node) for node in self._find(path, data))
        return " or ".join(described) or "nothing"

    def meaning(self, path: Path, data: object) -> str:
        """The first sentence of what a key means; "" when it says nothing."""
        nodes = self._find(path, data, follow=False)
        texts = (str(node.get("description", "")) for node in nodes)
        return next((text.partition(". ")[0].rstrip(".") for text in texts if text), "")

    def sample(self, path: Path, data: object) -> object:
        """Something that may stand at a path."""
        return self._sample(self._find(path, data)[0])

    def _sample(self, node: Schema) -> object:
        if "enum" in node or "const" in node:
            return node.get("enum", (node.get("const"),))[0]
        if node.get("format") == "ipv4":
            return node["examples"][0]
        match node.get("type"):
            case "string":
                return "sample"
            case "boolean":
                return False
            case "integer":
                return node.get("minimum", 1)
            case "array":
                return []
            case "object":
                required = node.get("required", ())
                return {
                    key: self._sample(self._alternatives((node["properties"][key],), None)[0])
                    for key in required
                }
        return None

    def _find(self, path: Path, data: object, *, follow: bool = True) -> tuple[Schema, ...]:
        """The schemas that can hold at a path: one, or the alternatives."""
        nodes: tuple[Schema, ...] = (self._schema,)
        for key in path:
            nodes = tuple(
                below for node in self._alternatives(nodes, data) for below in _step(node, key)
            )
            data = _value(data, key)
        return self._alternatives(nodes, data) if follow else nodes

    def _alternatives(self, nodes: Iterable[Schema], data: object) -> tuple[Schema, ...]:
        """References followed, unions opened; of several kinds of step, that of the data."""
        found: list[Schema] = []
        for node in nodes:
            while "$ref" in node:
                node = self._schema["$defs"][node["$ref"].rpartition("/")[2]]
            if union := node.get("anyOf") or node.get("oneOf"):
                found += self._alternatives(union, data)
            else:
                found.append(node)
        if isinstance(data, dict) and len(found) > 1:
            # The same rule as the model's: the first of these keys tells what kind of step it is.
            kind = next((key for key in STEP_KINDS if key in data), None)
            found = [node for node in found if kind in node.get("properties", ())] or found
        return tuple(found)

    def _describe(self, node: Schema) -> str:
        if "enum" in node or "const" in node:
            return " or ".join(str(choice) for choice in node.get("enum", (node.get("const"),)))
        if node.get("format") == "ip":
            return f"an IP address such as {' or '.join(node['examples'])}"
        match node.get("type"):
            case "string":
                return "text"
            case "boolean":
                return "true or false"
            case "integer":
                return f"a whole number{_limits(node)}"
            case "array":
                return f"a list of {self._describe_items(node)}"
            case "object":
                return "a mapping"
            case "null":
                return "null"
        raise ValueError(f"cannot describe {node}")

    def _describe_items(self, node: Schema) -> str:
        kinds = dict.fromkeys(
            self._describe(item) for item in self._alternatives((node["items"],), None)
        )
        plural = {"text": "texts", "a mapping": "mappings"}
        return " or ".join(
            plural.get(kind, kind.replace("a whole number", "whole numbers")) for kind in kinds
        )


@cache
def scenario_guide() -> Guide:
    """The guide to scenario files."""
    return Guide(build_schema())


@cache
def site_guide() -> Guide:
    """The guide to site files."""
    return Guide(build_site_schema())


def _step(node: Schema, key: str | int) -> tuple[Schema, ...]:
    if isinstance(key, int):
        return (node["items"],) if "items" in node else ()
    if key in node.get("properties", {}):
        return (node["properties"][key],)
    rest = node.get("additionalProperties")
    return (rest,) if isinstance(rest, dict) else ()


def _value(data: object, key: str | int) -> object:
    if isinstance(data, dict):
        return data.get(key)
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return data[key]
    return None


def _limits(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else ""
