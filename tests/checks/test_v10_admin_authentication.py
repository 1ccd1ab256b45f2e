"""V10: a proof for every answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.check import examine
from harness.checks.v10_admin_authentication import V10
from harness.site.contract import CallBackForm
from harness.verdict.outcome import Outcome
from tests.checks.examining import NOTE, make_case, result_of
from tests.trace_builder import N1, N2, Fields, TraceBuilder

PORT = 41000


def test_a_fresh_proof_passes() -> None:
    """Answered 200 in a sign-in."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V10, builder).outcome is Outcome.PASS


def _flawed(builder: TraceBuilder) -> dict[str, tuple[Fields, str]]:
    good = builder.prove(PORT)
    return {
        "none": ((("Accept", b"*/*"),), "without any proof"),
        "another key": (builder.prove(PORT, key=b"other"), "does not hold"),
        "another port": (builder.prove(PORT + 1), "does not hold"),
        "old": (builder.prove(PORT, age_s=400), "400 s away"),
        "no nonce": (good[1:], "incomplete"),
        "no time": ((good[0], (good[1][0], b"now"), good[2]), "without a time"),
    }


@pytest.mark.parametrize(
    "name", ["none", "another key", "another port", "old", "no nonce", "no time"]
)
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_to_a_bad_proof_fails(name: str, status: int) -> None:
    """F10 F48: also one that says that nothing is there."""
    builder = TraceBuilder()
    headers, expected = _flawed(builder)[name]
    wire = builder.call_back(N1, N2, key=PORT, answer=(status, b""), headers=headers)

    (finding,) = result_of(V10, builder).findings
    assert expected in finding.message
    assert finding.packets == tuple(wire.packets[-2:])


OTHERS = "/certificate/{port}"


@pytest.mark.parametrize(
    ("form", "outcome"),
    [
        pytest.param({"path": OTHERS, "certificate_in": "der"}, Outcome.UNKNOWN, id="not told"),
        pytest.param({"path": OTHERS, "proof_header": ""}, Outcome.UNKNOWN, id="no header has it"),
        pytest.param(
            {"path": OTHERS, "certificate_in": "der", "proof_header": "X-Proof"},
            Outcome.FAIL,
            id="told",
        ),
        pytest.param({"path": OTHERS}, Outcome.FAIL, id="our own form"),
    ],
)
def test_without_a_proof_where_nobody_said_how_one_looks(
    form: dict[str, str], outcome: Outcome
) -> None:
    """A deployment with call-backs of its own may prove the key in a way that the site does not tell."""
    builder = TraceBuilder()
    builder.call_back(N1, N2, key=PORT, answer=(200, b""), headers=(("Accept", b"*/*"),))
    case = make_case(builder)
    site = case.site.model_copy(update={"call_back": CallBackForm.model_validate(form)})

    assert examine(V10, replace(case, site=site)).outcome is outcome


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_of_a_bad_proof_passes(status: int) -> None:
    """Nothing is told."""
    builder = TraceBuilder()
    builder.call_back(N1, N2, key=PORT, answer=(status, b""), headers=(("Accept", b"*/*"),))

    assert result_of(V10, builder).outcome is Outcome.PASS


def test_a_proof_used_again_fails() -> None:
    """F49: the same headers a second time."""
    builder = TraceBuilder()
    headers = builder.prove(PORT)
    for _ in range(2):
        builder.call_back(N1, N2, key=PORT, answer=(404, b""), headers=headers)

    (finding,) = result_of(V10, builder).findings
    assert "used before" in finding.message


def test_without_the_key_a_proof_is_unknown() -> None:
    """Nobody but the nodes can compute it."""
    builder = TraceBuilder()
    builder.sign_in()

    result = examine(V10, make_case(builder, note=replace(NOTE, proxy_key=None)))
    assert result.outcome is Outcome.UNKNOWN
    assert "without the key" in (result.reason or "")
