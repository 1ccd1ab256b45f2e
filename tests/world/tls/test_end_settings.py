"""An end that is told nothing is a careful one: no session, nothing early, no second certificate."""

from __future__ import annotations

from harness.world.tls.end_settings import ClientSettings, ServerSettings
from tests.world.handshake import node


def test_a_client() -> None:
    """It has no certificate and resumes nothing."""
    settings = ClientSettings(server_name="access.example.com")

    assert (settings.identity, settings.later_identity, settings.session) == (None, None, None)
    assert settings.early_data == b""


def test_a_server() -> None:
    """It resumes nothing, and asks once at most."""
    settings = ServerSettings(identity=node())

    assert (settings.store, settings.takes_early_data, settings.asks_again) == (None, False, ())
    assert settings.client_certificate == "none"
