"""What nodes are told about revocation must be enough (L6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from harness.checks.v18_user_certificate import V18
from harness.net.address import Address
from harness.site.site import Revocation
from harness.trace.revocation import StatusAnswer, StatusQuery
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult
from tests.checks.examining import result_of
from tests.trace_builder import CLUSTER, DAY_NS, START_NS, TraceBuilder, make_certificate

RESPONDER = ip_address("10.20.0.53")
SERIAL = make_certificate("alice@example.com").serial_number
OTHER_SERIAL = SERIAL + 1
NONCE, OTHER_NONCE = b"nonce", b"another"
HOLDS: dict[str, Any] = {
    "this_update_ns": START_NS - DAY_NS,
    "next_update_ns": START_NS + DAY_NS,
    "signature": "right",
}


def ocsp(
    status: Any = "good", *, serial: int = SERIAL, nonce: bytes | None = NONCE, **facts: Any
) -> StatusAnswer:
    """An answer about one certificate."""
    named = {**HOLDS, **facts}
    return StatusAnswer(protocol="ocsp", serial_number=serial, status=status, nonce=nonce, **named)


def crl(*revoked: int, **facts: Any) -> StatusAnswer:
    """A list."""
    return StatusAnswer(protocol="crl", revoked=frozenset(revoked), **{**HOLDS, **facts})


OTHERS = ocsp(serial=OTHER_SERIAL)
"""About another certificate: somebody else signs in at the same time."""
BUSY = StatusAnswer(protocol="ocsp", problem="try_later")
FORGED: dict[str, Any] = {"signature": "wrong"}
OLD: dict[str, Any] = {"next_update_ns": START_NS - 1}


def signed_in(method: Any, *answers: StatusAnswer | None) -> CheckResult:
    """V18 on a sign-in before which the node asked the responder so many times; None: it was reset."""
    site = CLUSTER.model_copy(update={"revocation": Revocation(address=RESPONDER, method=method)})
    builder = TraceBuilder(site)
    builder.sign_in(before_answer=_asking(builder, answers))
    return result_of(V18, builder)


def _asking(
    builder: TraceBuilder, answers: tuple[StatusAnswer | None, ...]
) -> Callable[[Address], None]:
    def ask(node: Address) -> None:
        for answer in answers:
            wire = builder.open("inside", node, RESPONDER, 80)
            if answer is None:
                wire.reset()
                continue
            is_ocsp = answer.protocol == "ocsp"
            serial = SERIAL if answer.serial_number is None else answer.serial_number
            query = StatusQuery(serial_number=serial, nonce=NONCE) if is_ocsp else None
            number = wire.ask("/", status_query=query)
            wire.answer(number, 200)
            exchange = wire.exchanges[number]
            assert exchange.response is not None
            response = replace(exchange.response, status_answer=answer)
            wire.exchanges[number] = replace(exchange, response=response)
            wire.end()

    return ask


@pytest.mark.parametrize(
    ("method", "answers"),
    [
        pytest.param("ocsp", (ocsp(),), id="OCSP"),
        pytest.param("ocsp", (ocsp(nonce=OTHER_NONCE), ocsp()), id="OCSP again"),
        pytest.param("crl", (crl(),), id="CRL"),
        pytest.param("crl", (crl(OTHER_SERIAL),), id="somebody else is in it"),
        pytest.param("ocsp_then_crl", (ocsp(),), id="no need for the CRL"),
        pytest.param("ocsp_then_crl", (BUSY, crl()), id="the CRL after a refusal"),
        pytest.param("ocsp_then_crl", (None, crl()), id="the CRL after a reset"),
        pytest.param("ocsp_then_crl", (ocsp(**OLD), crl()), id="the CRL after an old answer"),
        pytest.param("ocsp_then_crl", (crl(), BUSY, crl()), id="somebody else's CRL before"),
        pytest.param("ocsp_then_crl", (OTHERS, crl(), BUSY, crl()), id="somebody else before"),
    ],
)
def test_enough(method: Any, answers: tuple[StatusAnswer | None, ...]) -> None:
    """Asked as the site says, and told that it is good."""
    assert signed_in(method, *answers).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("method", "answers", "told"),
    [
        pytest.param("ocsp", (), "about which no valid answer had told", id="not asked"),
        pytest.param("ocsp", (None,), "about which no valid answer", id="reset"),
        pytest.param("ocsp", (BUSY,), "about which no valid answer", id="refused"),
        pytest.param("ocsp", (ocsp("unknown"),), "about which no valid answer", id="unknown"),
        pytest.param("ocsp", (ocsp(**OLD),), "about which no valid answer", id="old"),
        pytest.param("ocsp", (ocsp(nonce=None),), "about which no valid answer", id="no nonce"),
        pytest.param("ocsp", (ocsp(nonce=OTHER_NONCE),), "about which no valid", id="nonce"),
        pytest.param("ocsp", (ocsp(serial=OTHER_SERIAL),), "about which no valid", id="another"),
        pytest.param("ocsp", (ocsp(**FORGED),), "about which no valid answer", id="forged"),
        pytest.param("crl", (crl(**FORGED),), "about which no valid answer", id="forged CRL"),
        pytest.param("ocsp", (crl(),), "about which no valid answer", id="only a CRL"),
        pytest.param("crl", (ocsp(),), "about which no valid answer", id="only OCSP"),
        pytest.param("ocsp", (ocsp("revoked"),), "that is revoked", id="revoked"),
        pytest.param("ocsp", (ocsp(), ocsp("revoked")), "that is revoked", id="revoked since"),
        pytest.param("crl", (crl(SERIAL),), "that is revoked", id="in the CRL"),
        pytest.param("ocsp_then_crl", (BUSY, crl(SERIAL)), "that is revoked", id="in the second"),
        pytest.param(
            "ocsp_then_crl", (crl(),), "that was looked up in the CRL before OCSP", id="CRL alone"
        ),
        pytest.param(
            "ocsp_then_crl",
            (crl(), BUSY),
            "that was looked up in the CRL before OCSP",
            id="CRL first",
        ),
        pytest.param(
            "ocsp_then_crl",
            (OTHERS, crl(), OTHERS),
            "that was looked up in the CRL before OCSP",
            id="only others asked",
        ),
    ],
)
def test_not_enough(method: Any, answers: tuple[StatusAnswer | None, ...], told: str) -> None:
    """F76: nothing else is as good as an answer that says so."""
    (finding,) = signed_in(method, *answers).findings

    assert f"signed in alice@example.com with a certificate {told}" in finding.message


def test_a_signature_that_nobody_can_check_is_unknown() -> None:
    """Whose authority the users have is not told: neither good nor forged."""
    result = signed_in("ocsp", ocsp(signature="unchecked"))

    assert (result.outcome, result.findings) == (Outcome.UNKNOWN, ())
    assert "give site.revocation.issuers" in (result.reason or "")


def test_a_forged_refusal_is_no_answer() -> None:
    """Nobody's word against the authority's."""
    answers = (ocsp("revoked", **FORGED), ocsp())

    assert signed_in("ocsp", *answers).outcome is Outcome.PASS


def test_a_site_that_does_not_ask() -> None:
    """Nothing is promised."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V18, builder).outcome is Outcome.PASS
