"""PEM text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.world.actors.pem import build_pem, parse_pem


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_pem_round_trip(chain: list[bytes]) -> None:
    """What is built is read back, in order."""
    assert parse_pem(build_pem(tuple(chain))) == tuple(chain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_no_certificate_is_an_error(text: str) -> None:
    """An empty chain is never returned."""
    with pytest.raises(ValueError, match=r"PEM|base64|padding|characters"):
        parse_pem(text)
