"""The memory of nonces."""

from __future__ import annotations

from harness.world.actors.nonces import LIFETIME_S, Nonces


def test_a_nonce_is_new_once() -> None:
    """A replay is not new."""
    nonces = Nonces()

    assert [nonces.remember(n, now_s=0) for n in "abab"] == [True, True, False, False]


def test_a_nonce_is_kept_as_long_as_its_proof_is_good() -> None:
    """Forgotten only after the life of any proof."""
    nonces = Nonces()
    nonces.remember("a", now_s=0)

    assert not nonces.remember("a", now_s=LIFETIME_S)
    assert nonces.remember("a", now_s=LIFETIME_S + 1)


def test_a_full_memory_refuses_new_ones() -> None:
    """Bounded, and it fails closed: no nonce still of use is dropped to make room."""
    nonces = Nonces(limit=2)
    nonces.remember("a", now_s=0)
    nonces.remember("b", now_s=0)

    assert not nonces.remember("c", now_s=0)
    assert not nonces.remember("a", now_s=0)
    assert nonces.remember("c", now_s=LIFETIME_S + 1)
