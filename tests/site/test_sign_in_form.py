"""The form of a sign-in: where an answer names the user."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harness.site.sign_in import build_answer, build_login_target
from harness.site.sign_in_form import (
    SignInForm,
    find_cookies_sent,
    find_cookies_set,
    find_user,
    is_sign_in,
)


def _token(**claims: object) -> bytes:
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    return b"eyJhbGciOiJSUzI1NiJ9." + text + b".c2lnbmF0dXJl"


def _cookie(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"set-cookie", b"other=1"), (b"Set-Cookie", b"HZN=" + value + b"; Path=/; Secure"))


JWT = {"status": 302, "user_in": "cookie", "user_name": "prn"}


def test_our_own_form_is_the_default() -> None:
    """As sign_in.py has it, the target included."""
    form = SignInForm()

    assert form.is_own
    assert find_user(form, status=200, headers=(), body=build_answer(user="alice")) == "alice"
    assert find_user(form, status=401, headers=(), body=build_answer(user="alice")) is None
    assert is_sign_in(form, build_login_target("x", "0" * 32).encode())
    assert not is_sign_in(form, b"/SAAS/auth/login")


@pytest.mark.parametrize(
    ("form", "status", "headers", "body", "user"),
    [
        pytest.param({"user_name": "a.b"}, 200, (), b'{"a": {"b": "x"}}', "x", id="JSON"),
        pytest.param({"user_name": "a.b"}, 201, (), b'{"a": {"b": "x"}}', None, id="status"),
        pytest.param({"user_name": "a"}, 200, (), b'{"a": 7}', None, id="no text"),
        pytest.param({"user_in": "header", "user_name": "X-U"}, 200, ((b"x-u", b"x"),), b"", "x", id="header"),
        pytest.param({"user_in": "header", "user_name": "X-U"}, 200, ((b"x-u", b"x"),) * 2, b"", "x", id="twice"),
        pytest.param({"user_in": "body", "user_name": "<b>{user}</b>"}, 200, (), b"hi <b>x@y</b>!", "x@y", id="body"),
        pytest.param({"user_in": "body", "user_name": "u={user}"}, 200, (), b"u=x&v", "x", id="an ampersand ends it"),
        pytest.param({"user_in": "body", "user_name": "u={user}"}, 200, (), b"u=x u=y", None, id="two in the body"),
        pytest.param(JWT, 302, _cookie(_token(prn="alice@T")), b"", "alice@T", id="JWT"),
        pytest.param(JWT, 302, _cookie(_token(eml="alice@T")), b"", None, id="another claim"),
        pytest.param(JWT, 302, _cookie(b"a.b"), b"", None, id="no JWT"),
        pytest.param(JWT, 302, _cookie(b"a.!.c"), b"", None, id="no base64"),
        pytest.param(JWT, 302, _cookie(b"a.%s.c" % base64.b64encode(b"[" * 9999)), b"", None, id="brackets"),
        pytest.param(JWT, 302, (), b"", None, id="no cookie"),
    ],
)  # fmt: skip
def test_where_the_user_stands(
    form: dict[str, Any],
    status: int,
    headers: tuple[tuple[bytes, bytes], ...],
    body: bytes,
    user: str | None,
) -> None:
    """In one place, as the form says it, and nowhere else."""
    assert find_user(SignInForm(**form), status=status, headers=headers, body=body) == user


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("/SAAS/auth/*", b"/SAAS/auth/login?x=1", True),
        ("/SAAS/auth/*", b"/SAAS/auth/login/x", False),
        ("", b"/whatever", True),
        ("/login", b"/logins", False),
    ],
)
def test_which_request_signs_in(path: str, target: bytes, expected: bool) -> None:
    """By its path alone."""
    assert is_sign_in(SignInForm(path=path, cookie="S"), target) is expected


def test_cookies_are_read_from_both_sides() -> None:
    """Among others, and only by their own name."""
    sent = ((b"Cookie", b"a=1; HZN=one; XHZN=two"), (b"cookie", b'HZN="three"'))
    given = ((b"Set-Cookie", b"HZN=four; Secure"), (b"Set-Cookie", b"b=2"))

    assert find_cookies_sent("HZN", sent) == [b"one", b"three"]
    assert find_cookies_set("HZN", given) == [b"four"]
