"""The sign-in request and its answer (what a device asks of the Access service). The form is ours, here alone.

    GET /SAAS/auth/login?app=<application>&request=<32 hex digits, fresh for each request>
    200 {"user": "alice@example.com"} and Set-Cookie: HZN=<session>; or 401/403 {"error": "<why>"}

Later requests of the session: GET /SAAS/apps?request=<fresh> with the cookie; same answers.
"""

from __future__ import annotations

import json
import re

SESSION_COOKIE = "HZN"

_LOGIN = re.compile(
    rb"/SAAS/auth/login\?app=([A-Za-z0-9._-]{1,64})&request=([0-9a-f]{32})", re.ASCII
)


def build_login_target(app: str, request: str) -> str:
    """The request target of a sign-in; `request` is 32 hex digits, fresh each time."""
    return f"/SAAS/auth/login?app={app}&request={request}"


def build_apps_target(request: str) -> str:
    """The request target of a later request of the session."""
    return f"/SAAS/apps?request={request}"


def find_app(target: bytes) -> str | None:
    """The application a request target signs in to; None when it is no sign-in."""
    match = _LOGIN.fullmatch(target)
    return match[1].decode() if match else None


def build_answer(*, user: str | None = None, error: str | None = None) -> bytes:
    """The body of the service's answer."""
    return json.dumps({"user": user} if user is not None else {"error": error}).encode()


def find_user(status: int, body: bytes) -> str | None:
    """Whom an answer signs in; None when it signs in nobody."""
    if status != 200:
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # brackets in brackets in brackets
        return None
    user = answer.get("user") if isinstance(answer, dict) else None
    return user if isinstance(user, str) else None
