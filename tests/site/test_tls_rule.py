"""The TLS rule of a site: what is left of versions, ciphers and key exchanges."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site.preflight import find_problems
from harness.site.site import Site
from harness.site.tls_rule import CIPHERS, EXCHANGES, TlsRule, find_tls_problems, read_tls_rule
from tests.trace_builder import make_site

AES_128, AES_256 = "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"
OLD_AES_128 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
OLD_AES_256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"


def _site(**rules: Any) -> Site:
    return make_site().model_copy(update=rules)


def _brief(rule: TlsRule) -> tuple[str, str, tuple[str, ...]]:
    return rule.oldest, rule.newest, rule.ciphers


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ({}, ("1.2", "1.3", CIPHERS)),
        ({"tls": "1.2"}, ("1.2", "1.2", CIPHERS)),
        ({"oldest_tls": "1.0"}, ("1.2", "1.3", CIPHERS)),
        ({"oldest_tls": "1.3"}, ("1.3", "1.3", CIPHERS)),
        ({"tls_suites": (AES_128,)}, ("1.3", "1.3", ("AES_128_GCM",))),
        ({"tls_suites": (OLD_AES_128,)}, ("1.2", "1.2", ("AES_128_GCM",))),
        ({"tls_suites": (AES_256, OLD_AES_256)}, ("1.2", "1.3", ("AES_256_GCM",))),
        ({"tls_suites": (AES_128, AES_256, OLD_AES_256)}, ("1.2", "1.3", ("AES_256_GCM",))),
        ({"tls_suites": (AES_128, OLD_AES_256)}, ("1.3", "1.3", ("AES_128_GCM",))),
    ],
    ids=str,
)
def test_what_is_left(rules: dict[str, Any], left: tuple[str, str, tuple[str, ...]]) -> None:
    """Never more than the rule says; where one list of ciphers cannot serve both versions, the newer stays."""
    assert _brief(read_tls_rule(_site(**rules))) == left


def test_key_exchanges() -> None:
    """TLS 1.2 names them; without a rule all are left."""
    assert read_tls_rule(_site()).exchanges == EXCHANGES
    assert read_tls_rule(_site(tls_suites=(OLD_AES_256,))).exchanges == ("ECDHE_ECDSA",)


def test_the_list_by_version() -> None:
    """The names tell."""
    rule = read_tls_rule(_site(tls_suites=(AES_128, OLD_AES_256)))

    assert (rule.suites_of_1_3, rule.suites_of_1_2) == ((AES_128,), (OLD_AES_256,))


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"tls": "1.2", "oldest_tls": "1.3"}, ["oldest_tls"]),
        ({"tls": "1.2", "tls_suites": (AES_128,)}, ["tls_suites"]),
        ({"tls_suites": ("TLS_RSA_WITH_AES_128_CBC_SHA",)}, ["tls_suites"]),
        ({"oldest_tls": "1.3", "tls_suites": (OLD_AES_128,)}, ["tls_suites"]),
        ({"oldest_tls": "1.2", "tls_suites": (AES_128,)}, []),
    ],
    ids=str,
)
def test_rules_that_leave_nothing(rules: dict[str, Any], told: list[str]) -> None:
    """Told before anything is built; captures of others may be judged by them."""
    site = _site(**rules)

    assert [problem.path[0] for problem in find_tls_problems(site)] == told
    assert [p.path[0] for p in find_problems(site) if "tls" in str(p.path[0])] == told
    judged = find_problems(site, is_built=False)
    assert [p for p in judged if "tls" in str(p.path[0])] == []
