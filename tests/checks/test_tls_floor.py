"""The floor: what the site demands of TLS."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.v22_configuration import V22
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.trace_builder import CLUSTER, N1, PIXEL, VIP, TraceBuilder, make_random

GCM, CBC = "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"


def _took(version: int, suite: str, *, server: Any = VIP, port: int = 443, **rule: Any) -> Any:
    """V22 on one handshake at a site with a rule."""
    builder = TraceBuilder(CLUSTER.model_copy(update=rule))
    wire = builder.open("dmz", PIXEL, server, port)
    wire.handshake(make_random("x"), version=version, cipher_suite_name=suite)
    return result_of(V22, builder)


@pytest.mark.parametrize(
    ("version", "suite", "rule", "told"),
    [
        (0x0302, CBC, {"oldest_tls": "1.2"}, "with TLS 1.1, but the site demands TLS 1.2"),
        (0x0300, CBC, {"oldest_tls": "1.0"}, "with SSL 3.0, but the site demands TLS 1.0"),
        (0x0303, GCM, {"oldest_tls": "1.3"}, "with TLS 1.2, but the site demands TLS 1.3"),
        (0x0303, CBC, {"tls_suites": (GCM,)}, f"with {CBC}, which is not in the site's tls_suites"),
    ],
)
@pytest.mark.parametrize(("server", "port"), [(VIP, 443), (N1, 5262), (N1, 5263), (N1, 443)])
def test_what_is_below_fails(
    version: int, suite: str, rule: dict[str, Any], told: str, server: Any, port: int
) -> None:
    """F80: at every port of every machine of the site."""
    (finding,) = _took(version, suite, server=server, port=port, **rule).findings

    assert told in finding.message
    assert finding.packets


@pytest.mark.parametrize(
    ("version", "rule"),
    [(0x0304, {"oldest_tls": "1.3", "tls_suites": (GCM,)}), (0x0301, {})],
    ids=["kept", "no rule"],
)
def test_what_is_not_below_passes(version: int, rule: dict[str, Any]) -> None:
    """A site without a rule demands nothing."""
    assert _took(version, GCM, **rule).outcome is Outcome.PASS


def test_a_version_that_was_offered_and_refused_passes() -> None:
    """Without a ServerHello nothing was taken."""
    builder = TraceBuilder(CLUSTER.model_copy(update={"oldest_tls": "1.2"}))
    wire = builder.open("outside", PIXEL, VIP, 443)
    wire.handshake(make_random("x"), version=0x0302, server_hello=None)

    assert result_of(V22, builder).outcome is Outcome.PASS
