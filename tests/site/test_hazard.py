"""One hazard in words."""

from __future__ import annotations

from harness.site.hazard import Hazard, HazardKind


def test_a_hazard_says_everything_on_one_line() -> None:
    """Place, value, what will happen, the remedy, and the name to look it up by."""
    hazard = Hazard(
        kind=HazardKind.KEYS_DIFFER,
        path=("cert_proxy", "certificate_proxy_key"),
        found='"a"',
        effect="call-backs are refused",
        remedy="copy one",
    )

    assert str(hazard) == (
        '$.cert_proxy.certificate_proxy_key: got "a": call-backs are refused. To mend it, copy one [keys-differ]'
    )
