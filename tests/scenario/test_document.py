"""YAML as plain data with places."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.document import Data, Place, parse_document
from harness.scenario.error import ScenarioError

SCALARS: dict[str, tuple[str, Data]] = {
    "text": ("a b", "a b"),
    "yes is text": ("yes", "yes"),
    "no is text": ("no", "no"),
    "on is text": ("on", "on"),
    "true": ("true", True),
    "False": ("False", False),
    "quoted true": ('"true"', "true"),
    "null": ("null", None),
    "tilde": ("~", None),
    "nothing": ("", None),
    "quoted nothing": ("''", ""),
    "number": ("443", 443),
    "negative": ("-1", -1),
    "quoted number": ('"443"', "443"),
    "fraction stays as written": ("1.3", "1.3"),
    "1.20 stays as written": ("1.20", "1.20"),
    "leading zero is no number": ("0443", "0443"),
    "hex is no number": ("0x1f", "0x1f"),
    "underscore is no number": ("1_000", "1_000"),
    "base 60 is no number": ("12:30:45", "12:30:45"),
    "date is text": ("2026-01-02", "2026-01-02"),
    "huge number is text": ("9" * 5000, "9" * 5000),
    "address": ("10.20.1.1", "10.20.1.1"),
    "text by tag": ("!!str 443", "443"),
    "folded": (">-\n  a\n  b", "a b"),
}

BAD: dict[str, tuple[str, int, int, str]] = {
    "tab": ("a:\n\tb: 1\n", 2, 1, "spaces for indentation, not tabs"),
    "duplicate key": ("a: 1\nb: 2\na: 3\n", 3, 1, "only once: it is also in line 1"),
    "nested duplicate key": ("a:\n  b: 1\n  b: 2\n", 3, 3, "only once: it is also in line 2"),
    "same key as number and text": ('443: a\n"443": b\n', 2, 1, "only once"),
    "open bracket": ("a: [1, 2\n", 2, 1, "the closing bracket or brace"),
    "open quote": ("a: 'x\n", 2, 1, "the closing quote"),
    "colon in text": ("a: b: c\n", 1, 5, 'the text in quotes ("a: b")'),
    "indentation": ("a:\n  b: 1\n c: 2\n", 3, 2, "the same indentation"),
    "second document": ("a: 1\n---\nb: 2\n", 2, 1, "one document"),
    "undefined alias": ("a: *x\n", 1, 4, "an anchor"),
    "alias to itself": ("a: &x\n  b: *x\n", 1, 4, "a depth of at most"),
    "tag": ("a: !!python/name:os.system x\n", 1, 4, "a plain value"),
    "own tag": ("a: !include b.yaml\n", 1, 4, "a plain value"),
    "list as key": ("? [a]\n: b\n", 1, 3, "text as a key"),
    "control character": ("a: b\nc: \x01\n", 2, 4, "printable text"),
    "nothing": ("", 1, 1, "a mapping"),
    "only a comment": ("# nothing\n", 1, 1, "a mapping"),
    "too deep": ("\n" + "[" * 600, 2, 257, "a depth of at most 32"),
    "rather deep": ("[" * 40 + "]" * 40, 1, 34, "a depth of at most 32"),
    "deep without brackets": ("- " * 40 + "x", 1, 67, "a depth of at most 32"),
    "too long": ("#" * 1_000_001, 1, 1, "at most 1000000"),
}


@pytest.mark.parametrize(("text", "value"), SCALARS.values(), ids=SCALARS)
def test_scalars(text: str, value: Data) -> None:
    """YAML 1.2: few words are anything else than text."""
    assert parse_document(f"key: {text}\n", name="f.yaml").data == {"key": value}


@pytest.mark.parametrize(("text", "line", "column", "expected"), BAD.values(), ids=BAD)
def test_refuses(text: str, line: int, column: int, expected: str) -> None:
    """What is no YAML, or could be read in two ways, is told with its place and a remedy."""
    with pytest.raises(ScenarioError) as caught:
        parse_document(text, name="f.yaml")

    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("f.yaml", line, column)
    assert expected in problem.expected


def test_a_version_line_changes_nothing() -> None:
    """`%YAML 1.1` does not make `yes` a switch."""
    assert parse_document("%YAML 1.1\n---\na: yes\n", name="f.yaml").data == {"a": "yes"}


def test_keys_are_text() -> None:
    """`443:` needs no quotes."""
    assert parse_document("{443: a, 5262: b}", name="f.yaml").data == {"443": "a", "5262": "b"}


def test_remembers_places() -> None:
    """Key and value of every entry, 1-based."""
    places = parse_document("a:\n  b: [1, 22]\n", name="f.yaml").places

    assert places["a", "b"] == Place(key=(2, 3), value=(2, 6))
    assert places["a", "b", 1] == Place(key=(2, 10), value=(2, 10))


def test_places_what_is_missing_at_what_is_around_it() -> None:
    """A missing key is told at the key of its mapping."""
    document = parse_document("a:\n  b:\n    c: 1\n", name="f.yaml")

    problem = document.problem(("a", "b", "d", "e"), "nothing", "the key e")
    assert (problem.line, problem.column, problem.path) == (2, 3, "$.a.b.d.e")


def test_tells_every_duplicate() -> None:
    """Not only the first."""
    with pytest.raises(ScenarioError) as caught:
        parse_document("a: 1\na: 2\nb: 1\nb: 2\n", name="f.yaml")

    assert [problem.line for problem in caught.value.problems] == [2, 4]


def test_aliases_are_followed() -> None:
    """An anchor's value stands at each alias."""
    assert parse_document("a: &x {b: 1}\nc: *x\n", name="f.yaml").data == {
        "a": {"b": 1},
        "c": {"b": 1},
    }


def test_aliases_cannot_explode() -> None:
    """A few lines that stand for billions of values end early, with one problem."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    with pytest.raises(ScenarioError) as caught:
        parse_document("\n".join(lines), name="f.yaml")

    (problem,) = caught.value.problems
    assert "more than 100000 values" in problem.found


@given(st.text(max_size=60) | st.text(alphabet="ab:-[]{},\n &*!'\"#?|>%", max_size=60))
def test_reads_or_refuses_anything(text: str) -> None:
    """Any text is data or a ScenarioError."""
    try:
        document = parse_document(text, name="f.yaml")
    except ScenarioError:
        return
    assert () in document.places


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 200_000, "- " * 400_000, "? " * 400_000])
def test_depth_costs_nothing(text: str) -> None:
    """A file that is all brackets is refused before anything works on them; it took seconds once."""
    begun = time.process_time()
    with pytest.raises(ScenarioError, match="a depth of at most 32"):
        parse_document(text, name="f.yaml")

    assert time.process_time() - begun < 1


def test_as_deep_as_allowed() -> None:
    """The limit itself is no problem, and neither are many brackets in a text."""
    text = "a: " + "[" * 31 + "1" + "]" * 31 + "\nb: '" + "[" * 200 + "'\n"

    assert parse_document(text, name="f.yaml").places
