"""Alerts by number and by name."""

from __future__ import annotations

from harness.world.tls.alert import TlsError, name_alert


def test_named() -> None:
    """A known code point is named as IANA does."""
    assert name_alert(116) == "116 certificate_required"


def test_unknown() -> None:
    """An unknown one stays a number."""
    assert name_alert(200) == "200"


def test_error_is_a_connection_error() -> None:
    """Whoever handles a broken connection handles a refused handshake too, and can ask which side refused."""
    error = TlsError("refused", alert=48, received=True)

    assert isinstance(error, ConnectionError)
    assert (error.alert, error.received, str(error)) == (48, True, "refused")
