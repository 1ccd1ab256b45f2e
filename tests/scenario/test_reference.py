"""The generated reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from harness.scenario.defect import DEFECTS, Defect
from harness.scenario.reference import EXAMPLE, build_reference
from harness.scenario.schema import build_schema
from harness.scenario.yaml import load_scenario

FILE = Path(__file__).parents[2] / "docs" / "scenario-reference.md"


def test_file_is_current() -> None:
    """Its first lines say how to write it again."""
    assert FILE.read_text(encoding="utf-8") == build_reference()


def test_example_loads() -> None:
    """What the reader copies works."""
    text = EXAMPLE.partition("```yaml\n")[2].partition("```")[0]

    assert load_scenario(text, name="example").expect.verdict == "pass"


def test_has_every_key() -> None:
    """Each section has a row for each key of the schema."""
    schema = build_schema()
    sections = {
        "Scenario": schema,
        **{n: d for n, d in schema["$defs"].items() if "properties" in d},
    }
    text = build_reference()
    missing = [
        f"{name}.{key}"
        for name, node in sections.items()
        for key in node["properties"]
        if f"| `{key}` |" not in text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    ]

    assert missing == []


@cache
def _lines() -> list[str]:
    return build_reference().splitlines()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_has_every_defect(defect: Defect) -> None:
    """With its fault and its checks."""
    row = next(line for line in _lines() if line.startswith(f"| {defect.id} |"))

    assert defect.title in row
    assert ", ".join(defect.caught_by) in row
