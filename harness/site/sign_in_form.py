"""The form of a sign-in, as a site file tells it: which request asks for it, and where the answer names the user.

The vendor documents neither. The default is this project's own form (sign_in.py).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Literal

from pydantic import Field

from harness.site import sign_in
from harness.site.contract import Lines, compile_pattern, find_member, values
from harness.site.model import Model

USER = "{user}"
"""Where the user stands in a text."""
_NAME = rb"([^\"'<>&\s]{1,256})"
"""A user's name within a text ends with a blank, a quotation mark or a bracket."""


class SignInForm(Model):
    """What a sign-in looks like; for captures of others."""

    path: str = "/SAAS/auth/login"
    """Path of the request that signs in; `*` for any text without a slash, "" for any path."""
    status: Annotated[int, Field(ge=200, le=399)] = 200
    """Status of the answer that says who is signed in."""
    user_in: Literal["json", "header", "body", "cookie"] = "json"
    """Where the answer names the user: a member of a JSON object, a header, a text of the body, or a claim of the
    session cookie, if that is a JWT (RFC 7519)."""
    user_name: str = "user"
    """Name of the JSON member or claim (`data.user` looks inside) or header; of a body the text around `{user}`."""
    cookie: str = sign_in.SESSION_COOKIE
    """Name of the session cookie."""

    @property
    def is_own(self) -> bool:
        """Whether it is this project's own."""
        return self == _OWN


_OWN = SignInForm()


def find_user(form: SignInForm, *, status: int, headers: Lines, body: bytes) -> str | None:
    """Whom an answer signs in; None when it signs in nobody."""
    if form.is_own:
        return sign_in.find_user(status, body)
    if status != form.status:
        return None
    match form.user_in:
        case "json":
            return find_member(body, form.user_name)
        case "header":
            found = values(headers, form.user_name)
        case "body":
            around = re.escape(form.user_name.encode()).replace(re.escape(USER.encode()), _NAME)
            found = re.findall(around, body)
        case "cookie":
            tokens = find_cookies_set(form.cookie, headers)
            claims = [find_member(_find_claims(token), form.user_name) for token in tokens]
            found = [claim.encode() for claim in claims if claim is not None]
    return found[0].decode("utf-8", "replace") if len(set(found)) == 1 else None


def is_sign_in(form: SignInForm, target: bytes) -> bool:
    """Whether a request target asks to be signed in."""
    if form.is_own:
        return sign_in.find_app(target) is not None
    path = target.partition(b"?")[0]
    return not form.path or compile_pattern(form.path).fullmatch(path) is not None


def find_cookies_set(name: str, headers: Lines) -> list[bytes]:
    """The values that an answer gives to a cookie (RFC 6265 section 4.1)."""
    opening = name.encode() + b"="
    lines = (value.strip() for value in values(headers, "Set-Cookie"))
    found = (
        line.removeprefix(opening).split(b";")[0] for line in lines if line.startswith(opening)
    )
    return [value.strip().strip(b'"') for value in found]


def find_cookies_sent(name: str, headers: Lines) -> list[bytes]:
    """The values that a request has of a cookie (RFC 6265 section 4.2)."""
    opening = name.encode() + b"="
    pairs = (pair.strip() for value in values(headers, "Cookie") for pair in value.split(b";"))
    return [pair.removeprefix(opening).strip(b'"') for pair in pairs if pair.startswith(opening)]


def _find_claims(token: bytes) -> bytes:
    """The JSON of a signed JWT, unverified; b"" where it is none."""
    parts = token.split(b".")
    if len(parts) != 3:
        return b""
    try:
        return base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return b""
