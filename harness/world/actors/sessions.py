"""The sessions of one Access service, by cookie."""

from __future__ import annotations

from collections import OrderedDict

from harness.site.sign_in import SESSION_COOKIE

LIMIT = 10_000
"""Sessions kept; the oldest goes first."""


class Sessions:
    """Session id to user."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        """Start empty."""
        self._limit = limit
        self._users: OrderedDict[str, str] = OrderedDict()

    def open(self, session: str, user: str) -> bytes:
        """Remember a session; the Set-Cookie value that tells the client."""
        self._users[session] = user
        if len(self._users) > self._limit:
            self._users.popitem(last=False)
        return f"{SESSION_COOKIE}={session}; Path=/; Secure; HttpOnly".encode()

    def find_user(self, cookies: tuple[bytes, ...]) -> str | None:
        """Whose session the Cookie lines of a request name; None when it is nobody's, or they name several."""
        found = [
            value
            for line in cookies
            for name, _, value in (pair.strip().partition(b"=") for pair in line.split(b";"))
            if name == SESSION_COOKIE.encode()
        ]
        return self._users.get(found[0].decode("latin-1")) if len(found) == 1 else None
