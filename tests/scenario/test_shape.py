"""From plain data to a model, or to problems and what the rest would be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.scenario.scenario import Scenario
from harness.scenario.schema import scenario_guide, site_guide
from harness.scenario.shape import Shaped, shape
from harness.site.problem import Problem
from harness.site.site import Site

SITE = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}


def _site(**changes: object) -> Shaped[Site]:
    return shape({**SITE, **changes}, Site, site_guide())


def test_good_data_is_a_model() -> None:
    """Without problems."""
    shaped = _site()

    assert shaped.model == Site.model_validate(SITE)
    assert shaped.problems == ()


def test_bad_values_leave_a_model_of_the_rest() -> None:
    """So that further rules can be looked at in the same go."""
    shaped = _site(tls=7, nodes={"node1": "nowhere", "node2": "10.20.1.2"})

    assert [problem.path for problem in shaped.problems] == [("nodes", "node1"), ("tls",)]
    assert shaped.model is not None
    assert list(shaped.model.nodes) == ["node1", "node2"]
    assert shaped.model.tls == "1.2"


def test_mistyped_keys_are_put_right() -> None:
    """Their content is used, and later problems carry the file's own key."""
    shaped = _site(balancer={"vip": {"address": "10.20.0.10"}})

    assert shaped.model is not None
    assert list(shaped.model.balancers) == ["vip"]
    (told,) = shaped.news([Problem(path=("balancers", "vip"), found="x", expected="y")])
    assert told.path == ("balancer", "vip")


def test_a_mistyped_key_is_not_missing_too() -> None:
    """One mistake, one problem."""
    shaped = shape({"fqdn": "a.b", "node": {"node1": "10.20.1.1"}}, Site, site_guide())

    assert [problem.path for problem in shaped.problems] == [("node",)]


def test_consequences_are_not_news() -> None:
    """A place that is known to be wrong is not told twice, nor a name looked up in a table that is wrong."""
    shaped = _site(tls=7, names=3)
    further = [
        Problem(path=("tls",), found="x", expected="y"),
        Problem(path=("fqdn",), found="x", expected="y", looked_in=("names",)),
        Problem(path=("nodes", "node1"), found="x", expected="y"),
    ]

    assert [problem.path for problem in shaped.news(further)] == [("nodes", "node1")]


def test_a_sample_is_never_quoted() -> None:
    """A key that is taken for a mistyped one may hold something else: what stands in for it is nobody's value."""
    shaped = shape({"scenario": "x", "site": SITE, "devises": "x"}, Scenario, scenario_guide())
    in_sample = Problem(path=("devices", "sample"), found='"sample"', expected="y")
    elsewhere = Problem(path=("site", "fqdn"), found='"a"', expected="y")

    assert [problem.path for problem in shaped.problems] == [("devises",)]
    assert shaped.news((in_sample, elsewhere)) == (elsewhere,)


def test_the_data_stays_as_it_is() -> None:
    """Repairs happen on a copy."""
    data: dict[str, Any] = {**SITE, "balancer": {}, "tls": 7}
    shape(data, Site, site_guide())

    assert data == {**SITE, "balancer": {}, "tls": 7}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99999)
    | st.sampled_from(["", "x", "10.20.1.1", "a.b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "scenario",
                        "site",
                        "fqdn",
                        "nodes",
                        "devices",
                        "steps",
                        "step",
                        "user",
                        "host",
                    ),
                    *("device", "sign_in", "together", "attacker", "request", "<sign_in>", "str"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@example({"steps": [{"sign_in": None, "device": [None]}]})
@example({"steps": [{"sign_in": "a", "<sign_in>": 1, "device": {"str": 1}}]})
@given(
    st.dictionaries(
        st.sampled_from(["scenario", "site", "devices", "steps", "expect", "sites"]), VALUES
    )
)
def test_any_data_gives_a_model_or_problems(data: dict[str, Any]) -> None:
    """Never an exception, and never a problem without words."""
    shaped = shape(data, Scenario, scenario_guide())

    assert shaped.model is not None or shaped.problems
    assert all(problem.found and problem.expected for problem in shaped.problems)


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
def test_only_numbers_become_text(value: object) -> None:
    """A switch or a list where text belongs is a mistake."""
    assert [problem.path for problem in _site(fqdn=value).problems] == [("fqdn",)]
