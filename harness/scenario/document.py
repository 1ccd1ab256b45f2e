"""A YAML 1.2 document as plain data that remembers where everything stands. Owns ruamel.yaml.

Only `true`, `false`, `null` and whole numbers are anything else than text: `yes` is text, and so is `1.3`, as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from harness.scenario.error import FileProblem, ScenarioError
from harness.site.problem import Path, show, show_path

Data = None | bool | int | str | list["Data"] | dict[str, "Data"]
"""What JSON can hold, without fractions."""

TEXT_LIMIT = 1_000_000
"""Characters of a file."""
VALUE_LIMIT = 100_000
"""Values after aliases are followed: a few lines of aliases can stand for billions."""
DEPTH_LIMIT = 32
_BRACKET_LIMIT = 256
"""Brackets open at once, those in quotes included: the parser's work grows with the square of their number."""

_TEXT_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "map", "seq", "merge", "timestamp", "value")
)
"""What ruamel gives to values without a tag of their own."""
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_BRACKET = re.compile(r"[\[\]{}]")
_WORDS: Mapping[str, Data] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
"""YAML 1.2.2 section 10.3.2."""
_REMEDIES = {
    "'\\t'": "spaces for indentation, not tabs",
    "another document": "one document: no second --- line",
    "undefined alias": "an anchor (&NAME) above the alias",
    "mapping values are not allowed": 'a line break before the key, or the text in quotes ("a: b")',
    "expected <block end>": "keys of one mapping at the same indentation",
    "',' or '": "a comma, or the closing bracket or brace",
    "end of stream": "the closing quote",
    "node content": "the closing bracket or brace",
    "maximum depth": f"a depth of at most {DEPTH_LIMIT}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one value stands: 1-based lines and columns."""

    key: tuple[int, int]
    """Of its key; of the value itself in a list and at the root."""
    value: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file."""

    name: str
    data: Data
    places: Mapping[Path, Place]

    def problem(
        self, path: Path, found: str, expected: str, *, at_key: bool = False
    ) -> FileProblem:
        """A problem at a path; of something missing, at the nearest thing around it."""
        at = path
        while at not in self.places:
            at, at_key = at[:-1], True
        place = self.places[at]
        line, column = place.key if at_key else place.value
        return FileProblem(
            file=self.name,
            line=line,
            column=column,
            path=show_path(path),
            found=found,
            expected=expected,
        )


def parse_document(text: str, *, name: str) -> Document:
    """Read one YAML 1.2 document.

    Raises:
        ScenarioError: no YAML, or YAML that could be read in two ways (duplicate keys, tags, other keys than text).
    """
    if len(text) > TEXT_LIMIT:
        raise _refuse(name, 1, 1, f"{len(text)} characters", f"at most {TEXT_LIMIT}")
    if (deep := _find_deep_bracket(text)) is not None:
        line, column = _count_place(text, deep)
        expected = f"a depth of at most {DEPTH_LIMIT}"
        raise _refuse(name, line, column, f"{_BRACKET_LIMIT} brackets inside one another", expected)
    loader = YAML(typ="safe", pure=True)
    # A value is one deeper than its list.
    loader.max_depth = DEPTH_LIMIT + 1
    try:
        root = loader.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _refuse(name, line, column, *_explain(error)) from error
    except ReaderError as error:
        line, column = _count_place(text, error.position)
        found = f"the character U+{ord(text[error.position]):04X}"
        raise _refuse(name, line, column, found, "printable text") from error
    except YAMLError as error:
        raise _refuse(name, 1, 1, str(error), "YAML 1.2") from error
    if root is None:
        raise _refuse(name, 1, 1, "an empty file", "a mapping such as scenario: ...")
    reader = _Reader(name)
    data = reader.read(root, (), _mark(root))
    if reader.problems:
        raise ScenarioError(tuple(reader.problems))
    return Document(name=name, data=data, places=reader.places)


def _find_deep_bracket(text: str) -> int | None:
    """Where more brackets are open than anybody means."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += 1 if match[0] in "[{" else -1
        if depth > _BRACKET_LIMIT:
            return match.start()
    return None


def _count_place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1."""
    before = text[:offset]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _refuse(name: str, line: int, column: int, found: str, expected: str) -> ScenarioError:
    problem = FileProblem(
        file=name, line=line, column=column, path="", found=found, expected=expected
    )
    return ScenarioError((problem,))


def _explain(error: MarkedYAMLError) -> tuple[str, str]:
    """What was found and a remedy, from the parser's words."""
    words = str(error.problem or error.context).partition(" (")[0]
    expected = next((remedy for sign, remedy in _REMEDIES.items() if sign in words), "YAML 1.2")
    words = re.sub(r"^(expected .*, )?(but )?(found|got) ", "", words)
    return f"{words} ({error.context})" if error.context and error.problem else words, expected


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Reader:
    """From ruamel's nodes to data, collecting places and problems."""

    def __init__(self, name: str) -> None:
        self.places: dict[Path, Place] = {}
        self.problems: list[FileProblem] = []
        self._name = name
        self._open: list[Node] = []
        """The nodes around the current one: an alias to one of them would never end."""

    def read(self, node: Node, path: Path, key: tuple[int, int]) -> Data:
        self.places[path] = Place(key=key, value=_mark(node))
        if str(node.tag) not in _PLAIN_TAGS:
            self._refuse(node, path, f"the tag {node.tag}", "a plain value")
            return None
        if isinstance(node, ScalarNode):
            return _read_scalar(node)
        if any(node is around for around in self._open) or len(self._open) >= DEPTH_LIMIT:
            self._refuse(
                node, path, "a value inside itself or too deep", f"a depth of at most {DEPTH_LIMIT}"
            )
            return None
        if len(self.places) > VALUE_LIMIT:
            if len(self.problems) == 0:
                self._refuse(
                    node, path, f"more than {VALUE_LIMIT} values", "fewer, or fewer aliases"
                )
            return None
        self._open.append(node)
        data: Data
        if isinstance(node, MappingNode):
            data = dict(self._entries(node, path))
        elif isinstance(node, SequenceNode):
            data = [self.read(item, (*path, i), _mark(item)) for i, item in enumerate(node.value)]
        else:  # pragma: no cover - ruamel has no fourth kind
            raise TypeError(f"unknown node {node!r}")
        self._open.pop()
        return data

    def _entries(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Data]]:
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._refuse(key, path, "a list or mapping as a key", "text as a key")
            elif key.value in lines:
                first = f"only once: it is also in line {lines[key.value]}"
                self._refuse(key, (*path, key.value), f"the key {show(key.value)} again", first)
            else:
                lines[key.value] = _mark(key)[0]
                yield key.value, self.read(value, (*path, key.value), _mark(key))

    def _refuse(self, node: Node, path: Path, found: str, expected: str) -> None:
        line, column = _mark(node)
        self.problems.append(
            FileProblem(
                file=self._name,
                line=line,
                column=column,
                path=show_path(path),
                found=found,
                expected=expected,
            )
        )


def _read_scalar(node: ScalarNode) -> Data:
    text: str = node.value
    is_plain = node.style is None and str(node.tag) != _TEXT_TAG
    if is_plain and text in _WORDS:
        return _WORDS[text]
    if is_plain and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return text
