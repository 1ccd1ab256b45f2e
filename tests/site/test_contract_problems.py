"""The problems of a contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.site.contract_problems import find_contract_problems
from harness.site.site import Site

PLAIN: dict[str, Any] = {
    "fqdn": "access.example.com",
    "nodes": {"node1": "10.20.1.1"},
    "balancers": {"vip": {"address": "10.20.0.10"}},
}


def _problems(*, is_built: bool = False, **settings: Any) -> list[str]:
    site = Site.model_validate_json(json.dumps(PLAIN | settings))
    return [str(problem) for problem in find_contract_problems(site, is_built=is_built)]


def test_the_defaults_are_fine() -> None:
    """For building as well."""
    assert _problems(is_built=True) == []


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"headers": {"remote_port": "a b"}}, "$.headers.remote_port"),
        ({"headers": {"remote_port": "", "forwarded_for": ""}}, "$.headers.remote_port"),
        ({"headers": {"remote_port": "x-forwarded-for"}}, "$.headers.remote_port"),
        ({"call_back": {"query": "port"}}, "$.call_back.path"),
        ({"call_back": {"path": "certificate/{port}"}}, "$.call_back.path"),
        ({"call_back": {"path": "/{port}/{port}"}}, "$.call_back.path"),
        ({"call_back": {"path": "", "body": "port"}}, "$.call_back.body"),
        ({"call_back": {"certificate_in": "json"}}, "$.call_back.certificate_name"),
        ({"call_back": {"certificate_name": "x"}}, "$.call_back.certificate_name"),
        ({"call_back": {"proof_header": "a:"}}, "$.call_back.proof_header"),
        ({"sign_in": {"path": "login"}}, "$.sign_in.path"),
        ({"sign_in": {"user_name": ""}}, "$.sign_in.user_name"),
        ({"sign_in": {"user_in": "body", "user_name": "x"}}, "$.sign_in.user_name"),
        ({"sign_in": {"user_in": "header", "user_name": "a b"}}, "$.sign_in.user_name"),
        ({"sign_in": {"cookie": "a;b"}}, "$.sign_in.cookie"),
        ({"seen_as": {"10.0.0.1": "vip:443"}}, "$.seen_as.10.0.0.1"),
        ({"seen_as": {"10.0.0.1:1": "vap:443"}}, "$.seen_as.10.0.0.1:1"),
        ({"seen_as": {"10.0.0.1:1": "vip:443 from nobody"}}, "$.seen_as.10.0.0.1:1"),
    ],
)
def test_what_cannot_be_is_told(settings: dict[str, Any], place: str) -> None:
    """Once, with the place."""
    (problem,) = _problems(**settings)

    assert problem.startswith(f"{place}: got ")


@pytest.mark.parametrize(
    "settings",
    [
        {"headers": {"remote_port": "X-Port"}},
        {"call_back": {"path": "/c", "query": "port"}},
        {"sign_in": {"path": "/in"}},
        {"seen_as": {"127.0.0.1:1": "vip:443 from node1"}},
    ],
    ids=["headers", "call-back", "sign-in", "listener"],
)
def test_other_contracts_are_for_judging_alone(settings: dict[str, Any]) -> None:
    """The actors of a scenario speak the default."""
    (problem,) = _problems(is_built=True, **settings)

    assert _problems(**settings) == []
    assert "harness replay --site" in problem
