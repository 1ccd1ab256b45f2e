"""Every secret of a tlslite-ng connection, reported the moment it is known.

Two record-layer methods see all of them: `calcPendingStates` (TLS 1.2) and `calcTLS1_3PendingState`
(TLS 1.3, called with the handshake traffic secrets first and the application traffic secrets second).
The handshake secrets exist nowhere else, and without them the certificates of TLS 1.3 stay unread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Sink = Callable[[bytes, str, bytes], None]
"""Takes the client random, the label of the NSS key log line, and the secret."""

# NSS key log labels, in the order in which the record layer meets them (RFC 8446 section 7.1).
_TLS13_LABELS = (
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
    ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"),
)


def attach(record_layer: Any, *, client_random: Callable[[], bytes], sink: Sink) -> None:
    """Report each secret of this record layer to the sink, once; a renegotiation has a client random of its own.

    Args:
        record_layer: tlslite-ng's `RecordLayer` of one connection; two of its methods are wrapped, on this object only.
        client_random: the random of the ClientHello, known by the time the first secret is.
        sink: where the secrets go.
    """
    tls12, tls13 = record_layer.calcPendingStates, record_layer.calcTLS1_3PendingState
    remaining = iter(_TLS13_LABELS)
    reported: set[bytes] = set()

    def pending_states(
        cipher_suite: int,
        master_secret: bytes,
        client: bytes,
        server: bytes,
        implementations: list[str],
    ) -> None:
        if bytes(client) not in reported:
            reported.add(bytes(client))
            sink(bytes(client), "CLIENT_RANDOM", bytes(master_secret))
        tls12(cipher_suite, master_secret, client, server, implementations)

    def tls13_pending_state(
        cipher_suite: int, client_secret: bytes, server_secret: bytes, implementations: list[str]
    ) -> None:
        labels = next(remaining, None)
        if labels is None:
            raise AssertionError(
                "tlslite-ng installed a third pair of TLS 1.3 secrets; the key tap knows two"
            )
        for label, secret in zip(labels, (client_secret, server_secret), strict=True):
            sink(client_random(), label, bytes(secret))
        tls13(cipher_suite, client_secret, server_secret, implementations)

    record_layer.calcPendingStates = pending_states
    record_layer.calcTLS1_3PendingState = tls13_pending_state
