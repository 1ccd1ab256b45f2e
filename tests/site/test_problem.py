"""How a problem is told."""

from __future__ import annotations

from harness.site.problem import Problem, choose, show, show_path


def test_shows_place_value_and_remedy() -> None:
    """One line with all three."""
    problem = Problem(path=("ports", 0, "port"), found="70000", expected="1 to 65535")

    assert str(problem) == "$.ports[0].port: got 70000; expected 1 to 65535"


def test_root_is_a_dollar() -> None:
    """The path of the whole file."""
    assert show_path(()) == "$"


def test_long_values_are_cut() -> None:
    """A value never fills the screen."""
    assert len(show("x" * 1000)) == 100


def test_values_stay_on_one_line() -> None:
    """Line breaks are escaped."""
    assert show("a\nb") == '"a\\nb"'


def test_names_the_near_one() -> None:
    """A typing error shows the name that was meant."""
    assert choose(("pixel", "galaxy"), "pixle") == "pixel (did you mean that?)"


def test_names_all_without_a_near_one() -> None:
    """Nothing near: everything there is, sorted."""
    assert choose(("pixel", "galaxy"), "q") == "one of galaxy, pixel"


def test_says_when_there_is_none() -> None:
    """An empty choice is told as such."""
    assert choose((), "q") == "none is defined here"
