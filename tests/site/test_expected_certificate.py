"""The expected certificate: fingerprints as people write them."""

from __future__ import annotations

import pytest

from harness.site.expected_certificate import ExpectedCertificate


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("ab" * 32, True), (":".join(["AB"] * 32), True), ("", True), ("ab" * 31, False), ("xy" * 32, False)],
)  # fmt: skip
def test_fingerprints(text: str, is_right: bool) -> None:
    """Hex with colons or without, upper or lower case."""
    expected = ExpectedCertificate(sha256=text)

    assert expected.is_fingerprint is is_right
    assert expected.fingerprint == text.replace(":", "").lower()
