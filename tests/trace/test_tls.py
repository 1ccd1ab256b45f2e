"""A TLS session: established by both sides, or not at all."""

from __future__ import annotations

import pytest

from harness.trace.tls import Seen, TlsSession

SEEN = Seen(time_ns=1, packets=())


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [(SEEN, SEEN, True), (SEEN, None, False), (None, SEEN, False), (None, None, False)],
)
def test_a_session_needs_both_finished(
    client: Seen | None, server: Seen | None, expected: bool
) -> None:
    """One side alone proves nothing."""
    assert TlsSession(client_finished=client, server_finished=server).established is expected


def test_what_was_not_seen_is_none() -> None:
    """And a session nobody decrypted says so."""
    session = TlsSession()

    assert (session.client_certificate, session.client_random, session.decrypted) == (
        None,
        None,
        "no",
    )
