"""Answers about revocation, as data."""

from __future__ import annotations

import pytest

from harness.trace.revocation import StatusAnswer

OCSP = StatusAnswer(
    protocol="ocsp", serial_number=7, status="good", this_update_ns=10, next_update_ns=20
)
CRL = StatusAnswer(protocol="crl", revoked=frozenset({7}), this_update_ns=10)
REFUSED = StatusAnswer(protocol="ocsp", problem="try_later")


@pytest.mark.parametrize(
    ("answer", "time_ns", "expected"),
    [
        (OCSP, 9, False),
        (OCSP, 10, True),
        (OCSP, 20, True),
        (OCSP, 21, False),
        (CRL, 10**19, True),
        (REFUSED, 0, False),
    ],
)
def test_when_it_holds(answer: StatusAnswer, time_ns: int, expected: bool) -> None:
    """Both ends included; without an end for ever; a refusal never."""
    assert answer.holds(time_ns) is expected


@pytest.mark.parametrize(
    ("answer", "serial_number", "expected"),
    [(OCSP, 7, "good"), (OCSP, 8, None), (CRL, 7, "revoked"), (CRL, 8, "good"), (REFUSED, 7, None)],
)
def test_what_it_tells(answer: StatusAnswer, serial_number: int, expected: str | None) -> None:
    """OCSP about one certificate, a list about all, a refusal nothing."""
    assert answer.tell(serial_number) == expected
