"""The contract of the certificate call-back."""

from __future__ import annotations

import pytest

from harness.site import callback

KEY = b"shared"
NONCE = "0" * 32


def _is_proof(**changes: object) -> bool:
    proof = callback.build_proof(KEY, nonce=NONCE, time_s=1000, port=40000)
    given = {
        "nonce": NONCE, "time_s": 1000, "port": 40000, "proof": proof, "now_s": 1000, "is_new": lambda nonce: True,
    } | changes  # fmt: skip
    key = given.pop("key", KEY)
    return callback.is_proof(key, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("port", [1, 40000, 65535])
def test_target_tells_its_port(port: int) -> None:
    """What is built is found again."""
    assert callback.find_port(callback.build_target(port).encode()) == port


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/certificate/",
        b"/certificate/x",
        b"/certificate/1/",
        b"/certificate/1?x",
        b"/certificate/-1",
    ],
)
def test_other_targets_are_no_callback(target: bytes) -> None:
    """Anything else is no call-back."""
    assert callback.find_port(target) is None


def test_proof_holds() -> None:
    """The right key, now, once."""
    assert _is_proof()


@pytest.mark.parametrize(
    "changes",
    [
        {"key": b"other"},
        {"nonce": "1" * 32},
        {"time_s": 1001},
        {"port": 40001},
        {"proof": ""},
        {"now_s": 1301},
        {"now_s": 699},
        {"is_new": lambda nonce: False},
    ],
    ids=["key", "nonce", "time", "port", "proof", "too old", "too new", "replayed"],
)
def test_proof_does_not_hold(changes: dict[str, object]) -> None:
    """Every part counts."""
    assert not _is_proof(**changes)


def test_bad_proof_does_not_use_up_its_nonce() -> None:
    """A stranger cannot spend a node's nonce."""
    seen: list[str] = []

    def is_new(nonce: str) -> bool:
        seen.append(nonce)
        return True

    _is_proof(proof="bad", is_new=is_new)

    assert seen == []
