"""The nonces that a cert proxy has seen: each proves one call-back only."""

from __future__ import annotations

from collections import deque

from harness.site.callback import CLOCK_TOLERANCE_S

LIMIT = 65536
"""Nonces kept; when all of them are still of use, new ones are refused rather than old ones forgotten."""
LIFETIME_S = 2 * CLOCK_TOLERANCE_S
"""A proof may be dated up to the tolerance ahead, and is then good until the tolerance after that."""


class Nonces:
    """A bounded memory."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        """Start empty."""
        self._limit = limit
        self._known: set[str] = set()
        self._by_age: deque[tuple[int, str]] = deque()

    def remember(self, nonce: str, *, now_s: int) -> bool:
        """Whether a nonce is new; it is not new from then on."""
        while self._by_age and self._by_age[0][0] + LIFETIME_S < now_s:
            self._known.discard(self._by_age.popleft()[1])
        if nonce in self._known or len(self._known) >= self._limit:
            return False
        self._known.add(nonce)
        self._by_age.append((now_s, nonce))
        return True
