"""The contract of the sign-in."""

from __future__ import annotations

import pytest

from harness.site import sign_in

REQUEST = "0123456789abcdef" * 2


def test_target_tells_its_app() -> None:
    """What is built is found again."""
    assert (
        sign_in.find_app(sign_in.build_login_target("salesforce", REQUEST).encode()) == "salesforce"
    )


@pytest.mark.parametrize(
    "target",
    [b"/", sign_in.build_apps_target(REQUEST).encode(), b"/SAAS/auth/login?app=&request=" + REQUEST.encode(),
     b"/SAAS/auth/login?app=a b&request=" + REQUEST.encode(), b"/SAAS/auth/login?app=a&request=1"],
)  # fmt: skip
def test_other_targets_are_no_sign_in(target: bytes) -> None:
    """Later requests and malformed ones are no sign-in."""
    assert sign_in.find_app(target) is None


def test_answer_tells_its_user() -> None:
    """A success names whom it signs in."""
    assert (
        sign_in.find_user(200, sign_in.build_answer(user="alice@example.com"))
        == "alice@example.com"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, sign_in.build_answer(user="alice@example.com")),
        (200, sign_in.build_answer(error="no certificate")),
        (200, b"not JSON"),
        (200, b"[]"),
        (200, b'{"user": 1}'),
        (200, b"\xff"),
        (200, b"[" * 60_000),
    ],
)
def test_other_answers_sign_in_nobody(status: int, body: bytes) -> None:
    """Only a 200 with a user signs in."""
    assert sign_in.find_user(status, body) is None
