"""LayerFields: what was found above TCP, on its way into a Connection or Tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    # Not below, here and in other files: where nothing is told in full, loading its words takes longer than the rest.
    from harness.trace.connection import Preamble, Tunnel
    from harness.trace.http import Exchange, Malformed
    from harness.trace.tls import TlsSession


class LayerFields(TypedDict):
    """The arguments that Connection and Tunnel have in common (trace.connection.Layers)."""

    preamble: Preamble | None
    tls: TlsSession | None
    exchanges: tuple[Exchange, ...]
    malformed: tuple[Malformed, ...]
    tunnel: Tunnel | None


def build_nothing() -> LayerFields:
    """Nothing was found, or nobody looked."""
    return LayerFields(preamble=None, tls=None, exchanges=(), malformed=(), tunnel=None)
