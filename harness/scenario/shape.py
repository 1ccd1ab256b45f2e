"""The shape of a file's data: pydantic decides, and its errors become problems in the words of the schema."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from harness.scenario.schema import Guide
from harness.scenario.step import STEP_KINDS
from harness.site.model import Model
from harness.site.problem import Path, Problem, choose, show

M = TypeVar("M", bound=Model)

_UNION_LABELS = frozenset({"str", "tuple[str, ...]", *(f"<{kind}>" for kind in STEP_KINDS)})
"""What pydantic puts into an error's place for the kind that it tried; a key of a file may look like it."""
_TEXT_ERRORS = frozenset({"string_type", "literal_error", "enum"})
_ROUNDS = 6
"""A key that is put right may show a wrong value below it, and so on."""
_PLACEHOLDERS = IPv4Address("192.0.2.1")
"""Stands in for an unreadable address while the rest is looked at (RFC 5737: nobody has it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped(Generic[M]):
    """A model, as far as there is one, and what is wrong with the shape."""

    model: M | None
    """With problems: the file with samples in place of bad values, for looking further; None: not even that."""
    problems: tuple[Problem, ...]
    renames: tuple[tuple[Path, Path], ...] = ()
    """Places of mistyped keys: as the model has them, as the file has them."""
    replaced: tuple[Path, ...] = ()
    """Places in the file where the model has a sample."""

    def news(self, further: Iterable[Problem]) -> tuple[Problem, ...]:
        """Problems that the model has besides; not those of a place that is known to be wrong, mere consequences."""
        bad = [*self.replaced, *(problem.path for problem in self.problems if not problem.at_key)]
        found = (_restore(problem, self.renames) for problem in further)
        return tuple(
            p
            for p in found
            if p.looked_in not in bad and not any(_touches(p.path, path) for path in bad)
        )


def shape(data: object, model: type[M], guide: Guide) -> Shaped[M]:
    """Make a model of plain data.

    A whole number where text is expected is taken as written (`RemotePort: 40000`). What is wrong is told, then put
    right as well as can be, and the rest is looked at again.
    """
    data = copy.deepcopy(data)
    problems: dict[Path, Problem] = {}
    renames: list[tuple[Path, Path]] = []
    replaced: list[Path] = []
    for _ in range(_ROUNDS):
        made, errors = _validate(data, model)
        if made is not None or not _numbers_to_text(data, errors):
            found = _merge(_problem(error, data, guide) for error in errors)
            for problem in found:
                told = _restore(problem, renames)
                problems.setdefault(told.path, told)
            if made is not None:
                break
            before = tuple(renames)
            for right in _repair(data, errors, guide, renames, replaced):
                problems.pop(_restore_path(right, before), None)
    return Shaped(
        model=made,
        problems=tuple(problems.values()),
        renames=tuple(renames),
        replaced=tuple(replaced),
    )


def _merge(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """A union tells one problem for each of its kinds: the one deepest inside names the place."""
    by_path = {problem.path: problem for problem in problems}
    return tuple(by_path[path] for path in by_path if not _has_deeper(path, by_path))


def _has_deeper(path: Path, paths: Iterable[Path]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in paths)


def _restore(problem: Problem, renames: Sequence[tuple[Path, Path]]) -> Problem:
    """The problem with the keys of the file."""
    return replace(problem, path=_restore_path(problem.path, renames))


def _restore_path(path: Path, renames: Sequence[tuple[Path, Path]]) -> Path:
    for ours, theirs in reversed(renames):
        if path[: len(ours)] == ours:
            path = (*theirs, *path[len(ours) :])
    return path


def _touches(one: Path, other: Path) -> bool:
    size = min(len(one), len(other))
    return one[:size] == other[:size]


def _validate(data: object, model: type[M]) -> tuple[M | None, list[Any]]:
    try:
        return model.model_validate_json(
            json.dumps(data), strict=True, by_alias=True, by_name=False
        ), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _path(error: Any, data: object) -> Path:
    """The error's place in the data; what names a kind of a union is left out."""
    path: list[str | int] = []
    labelled: list[str | int] | None = None
    *inner, last = error["loc"] or ("",)
    for key in (*inner, last):
        if key in _UNION_LABELS and labelled != path and _is_union(path):
            labelled = list(path)
        elif _has(data, key):
            path.append(key)
            data = _get(data, key)
        elif key == last and error["type"] == "missing":
            path.append(key)
    return tuple(path)


def _is_union(path: list[str | int]) -> bool:
    """Whether one of several kinds may stand here: a step, or its device."""
    match path[-3:]:
        case [*_, "steps" | "together", int()] | [_, int(), "device"]:
            return True
    return False


def _has(data: object, key: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(key, int) and key < len(data)
    return isinstance(data, dict) and key in data


def _get(data: Any, key: str | int) -> Any:
    return data[key]


def _parent(data: Any, path: Path) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


def _numbers_to_text(data: object, errors: list[Any]) -> bool:
    """Replace numbers that should be text by what was written; whether there was one."""
    found = False
    for error in errors:
        path = _path(error, data)
        if error["type"] in _TEXT_ERRORS and path:
            parent = _parent(data, path)
            if type(parent[path[-1]]) is int:
                parent[path[-1]] = str(parent[path[-1]])
                found = True
    return found


def _problem(error: Any, data: object, guide: Guide) -> Problem:
    path = _path(error, data)
    value = data
    for key in path[:-1] if error["type"] == "missing" else path:
        value = _get(value, key)
    match error["type"]:
        case "missing":
            meaning = guide.meaning(path, data) or guide.expected(path, data)
            return Problem(
                path=path,
                found="nothing",
                expected=f"the key {path[-1]} ({_uncapitalise(meaning)})",
            )
        case "extra_forbidden":
            known = _absent(guide.keys(path[:-1], data), _parent(data, path))
            expected = choose(known, str(path[-1])) if known else "no further key here"
            return Problem(
                path=path, found=f"an unknown key {show(path[-1])}", expected=expected, at_key=True
            )
        case "step":
            return _step_problem(path, value)
    expected = guide.expected(path, data)
    if isinstance(value, bool) and expected.startswith("text"):
        expected += "; put it in quotes if it is meant as text"
    return Problem(path=path, found=show(value), expected=expected)


def _step_problem(path: Path, value: object) -> Problem:
    is_inner = len(path) > 2
    kinds = STEP_KINDS[:-1] if is_inner else STEP_KINDS
    expected = f"a step with one of the keys {', '.join(kinds)}"
    if not isinstance(value, dict) or not value:
        return Problem(path=path, found=show(value), expected=expected)
    for key in value:
        if near := difflib.get_close_matches(key, kinds, n=1):
            expected += f" (did you mean {near[0]} instead of {key}?)"
    return Problem(path=path, found=f"the keys {', '.join(value)}", expected=expected)


def _uncapitalise(text: str) -> str:
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def _repair(
    data: object,
    errors: list[Any],
    guide: Guide,
    renames: list[tuple[Path, Path]],
    replaced: list[Path],
) -> list[Path]:
    """Put mistyped keys right, drop unknown ones, and put samples where something is bad or missing.

    Returns:
        The right paths of mistyped keys: those are not missing after all.
    """
    known = len(renames)
    places = [(error["type"], _path(error, data)) for error in errors]
    for kind, path in places:
        if kind == "extra_forbidden":
            parent = _parent(data, path)
            value = parent.pop(path[-1])
            absent = _absent(guide.keys(path[:-1], data), parent)
            for near in difflib.get_close_matches(str(path[-1]), absent, n=1):
                parent[near] = value
                renames.append(((*path[:-1], near), path))
    for number, (kind, path) in enumerate(places):
        if kind == "extra_forbidden" or not path or _has_deeper(path, (p for _, p in places)):
            continue
        parent = _parent(data, path)
        if kind == "missing" and path[-1] in parent:
            continue
        replaced.append(_restore_path(path, renames))
        parent[path[-1]] = (
            str(_PLACEHOLDERS + number) if kind == "address" else guide.sample(path, data)
        )
    return [ours for ours, _ in renames[known:]]


def _absent(keys: tuple[str, ...], parent: dict[str, Any]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in parent)
