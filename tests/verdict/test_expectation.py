"""What a scenario foresees: read, written, compared."""

from __future__ import annotations

from typing import Any

import pytest

from harness.verdict.expectation import Expectation
from harness.verdict.outcome import Outcome

FORESEEN = Expectation(
    verdict=Outcome.FAIL, findings=("V06", "V07"), signed_in={"pixel": "alice@example.com"}
)


@pytest.mark.parametrize("expectation", [Expectation(), FORESEEN])
def test_json_there_and_back(expectation: Expectation) -> None:
    """As it travels inside the capture."""
    assert Expectation.from_json(expectation.to_json()) == expectation


@pytest.mark.parametrize(
    "data",
    [
        {"verdict": "maybe"},
        {"verdict": 1},
        {"findings": "V06"},
        {"findings": [6]},
        {"signed_in": ["pixel"]},
    ],
    ids=str,
)
def test_wrong_values_are_refused(data: dict[str, Any]) -> None:
    """With ValueError, whatever they are."""
    with pytest.raises(ValueError, match=r"got|not a valid"):
        Expectation.from_json(data)


@pytest.mark.parametrize(
    ("outcome", "failing", "signed_in", "expected"),
    [
        (Outcome.FAIL, ("V07", "V06"), {"pixel": "alice@example.com"}, ()),
        (
            Outcome.PASS,
            (),
            {"pixel": "alice@example.com"},
            ("verdict is pass", "failing checks are none"),
        ),
        (
            Outcome.FAIL,
            ("V06",),
            {"pixel": "alice@example.com"},
            ("failing checks are V06, expected V06, V07",),
        ),
        (
            Outcome.FAIL,
            ("V05", "V06", "V07"),
            {"pixel": "alice@example.com"},
            ("failing checks are V05",),
        ),
        (
            Outcome.FAIL,
            ("V06", "V07"),
            {},
            ("signed in are 0, expected 1: pixel as nobody (expected alice@example.com)",),
        ),
    ],
)
def test_each_difference_is_one_sentence(
    outcome: Outcome, failing: tuple[str, ...], signed_in: dict[str, str], expected: tuple[str, ...]
) -> None:
    """Exactly the foreseen checks, no fewer and no more."""
    found = FORESEEN.differences(outcome=outcome, failing=failing, signed_in=signed_in)

    assert [
        sentence.startswith(start) for sentence, start in zip(found, expected, strict=True)
    ] == [True] * len(found)


def test_who_is_signed_in_may_be_left_open() -> None:
    """None means not stated; {} means nobody."""
    signed_in = {"pixel": "alice@example.com"}
    open_one, nobody = Expectation(), Expectation(signed_in={})

    assert open_one.differences(outcome=Outcome.PASS, failing=(), signed_in=signed_in) == ()
    assert len(nobody.differences(outcome=Outcome.PASS, failing=(), signed_in=signed_in)) == 1


def test_of_many_devices_a_few_are_named() -> None:
    """A fleet has thousands, and the reader one screen."""
    wanted = Expectation(signed_in={f"phone-{n}": "u@b.c" for n in range(2000)})
    (told,) = wanted.differences(outcome=Outcome.PASS, failing=(), signed_in={})

    assert told.startswith("signed in are 0, expected 2000: phone-0 as nobody (expected u@b.c), ")
    assert told.endswith(", and 1995 more")


def test_a_device_to_ask_about() -> None:
    """The first whose user is another one than expected, or nobody; where nothing is stated, nobody is wrong."""
    stated = Expectation(signed_in={"a": "x", "b": "y", "c": "z"})

    assert stated.find_other({"a": "x", "b": "z"}) == "b"
    assert stated.find_other({"a": "x", "b": "y", "c": "z", "0": "x"}) == "0"
    assert stated.find_other({"a": "x", "b": "y", "c": "z"}) is None
    assert Expectation().find_other({"a": "x"}) is None
