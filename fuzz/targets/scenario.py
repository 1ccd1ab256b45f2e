"""Scenario files: the project's own ones with lines, words and whole branches that nobody should write."""

from __future__ import annotations

from functools import cache

from fuzz.choices import Choices
from fuzz.found import ROOT
from fuzz.mutation import mutate, rearrange
from fuzz.target import Target
from harness.scenario.yaml import ScenarioError, load_scenario, load_site

_WORDS: tuple[str, ...] = (
    "*a",
    "&a x",
    "<<",
    "null",
    "~",
    "yes",
    "-1",
    "1e9",
    "0x10",
    "{}",
    "[]",
    "!!binary x",
    "|",
)
_WORDS += ("2026-01-01", "? x", "'", '"', "\\x00", "\u2028", "99999999999999999999", "::1", "a b")
_WORDS += ("10.20.1.1", "1.3", "65536", "all", "node1", "vip", "pixel", "terminate", "!!python/x y")
_LINES = ("<<: *a", "---", "...", "%YAML 1.1", "\tx: 1", "x: &a [*a, *a]", "? [a]", "- - - x", "{")


@cache
def _texts() -> tuple[str, ...]:
    """All scenarios that fit, smallest first."""
    found = (path.read_text("utf-8") for path in sorted((ROOT / "scenarios").rglob("*.yaml")))
    return tuple(sorted((text for text in found if len(text) < 3000), key=len))


def grow_scenario(choices: Choices) -> bytes:
    """A scenario with lines moved and words replaced, or nested without end."""
    way = choices.below(8)
    if way == 7:
        return choices.rest()
    lines = choices.pick(_texts()).splitlines()
    for _ in range(choices.below(5)):
        at = choices.below(len(lines))
        kind = choices.below(4)
        if kind == 0:
            head, colon, _ = lines[at].partition(": ")
            lines[at] = head + colon + choices.pick(_WORDS)
        elif kind == 1:
            lines.insert(at, " " * choices.below(6) + choices.pick(_LINES))
        elif kind == 2:
            lines = rearrange(lines, choices, most=2) or [""]
        else:
            deep = choices.pick((10, 40, 400, 4000))
            lines.insert(at, choices.pick(("x: ", "- ")) + choices.pick(("[", "{a: ", "- ")) * deep)
    text = "\n".join(lines).encode("utf-8", "replace")
    if way == 6:
        text += _laughs(choices)
    return mutate(text, choices, most=3) if choices.flag() else text


def _laughs(choices: Choices) -> bytes:
    """Aliases of aliases: a few lines that stand for very many values."""
    width = choices.below(9) + 2
    lines = ["", "a0: &a0 [x, x]"]
    for level in range(1, choices.below(20) + 2):
        names = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} [{names}]")
    return "\n".join(lines).encode()


def check_scenario(material: bytes) -> None:
    """A file is loaded, the same each time, or refused with a place in it and words for people."""
    text = material.decode("utf-8", "replace")
    last = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\u2029")
    last += text.count("\x85") + 2
    for load in (load_scenario, load_site):
        try:
            loaded = load(text, name="fuzz.yaml")
        except ScenarioError as error:
            problems = error.problems
        else:
            assert load(text, name="fuzz.yaml") == loaded
            continue
        assert problems
        for problem in problems:
            assert 1 <= problem.line <= last, f"line {problem.line} of {last}: {problem}"
            assert problem.column >= 1
            assert str(problem).isprintable(), f"a message that cannot be shown: {problem!r}"


SCENARIO = Target(
    name="scenario",
    promise="A scenario file is loaded or refused with its problems; no text breaks or stalls the reader.",
    grow=grow_scenario,
    check=check_scenario,
    patience_s=10.0,
)
