"""The sessions of an Access service."""

from __future__ import annotations

import pytest

from harness.world.actors.sessions import Sessions


@pytest.mark.parametrize(
    ("cookies", "user"),
    [
        ((b"HZN=s1",), "alice"),
        ((b"a=b; HZN=s1; c=d",), "alice"),
        ((b"a=b", b"HZN=s1"), "alice"),
        ((b"HZN=s2",), None),
        ((b"HZN=s1; HZN=s1",), None),
        ((b"hzn=s1",), None),
        ((b"HZN",), None),
        ((b"\xff\xfe=; HZN=\xff",), None),
        ((), None),
    ],
)
def test_a_cookie_names_its_session(cookies: tuple[bytes, ...], user: str | None) -> None:
    """Exactly one cookie of the name, with a session that was opened."""
    sessions = Sessions()
    sessions.open("s1", "alice")

    assert sessions.find_user(cookies) == user


def test_the_oldest_session_goes_first() -> None:
    """The number of sessions is bounded."""
    sessions = Sessions(limit=2)
    for number in range(3):
        sessions.open(str(number), f"user{number}")

    found = [sessions.find_user((f"HZN={number}".encode(),)) for number in range(3)]
    assert found == [None, "user1", "user2"]


def test_the_cookie_is_for_https_only() -> None:
    """Scripts and plain HTTP do not see it."""
    assert Sessions().open("s1", "alice") == b"HZN=s1; Path=/; Secure; HttpOnly"
