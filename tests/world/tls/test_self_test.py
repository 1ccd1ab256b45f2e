"""The self-test itself: it must fail when the fast functions are not reached."""

from __future__ import annotations

import pytest
from tlslite.keyexchange import ECDHKeyExchange

from harness.world.tls import acceleration, self_test


def test_passes() -> None:
    """With acceleration in place every path is right and counted."""
    acceleration.install()
    self_test.check_paths(acceleration.calls, parse_private_key=acceleration.parse_private_key)


def test_uncounted() -> None:
    """A path whose counter stands still is not in use."""
    acceleration.install()

    with pytest.raises(RuntimeError, match="not in use: seal ran 0 times; expected 3"):
        self_test.check_paths(dict, parse_private_key=acceleration.parse_private_key)


def test_wrong_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that gives wrong results is named."""
    acceleration.install()
    monkeypatch.setattr(ECDHKeyExchange, "calc_shared_key", lambda *_: object())

    with pytest.raises(RuntimeError, match="wrong result: agree: x25519"):
        self_test.check_paths(acceleration.calls, parse_private_key=acceleration.parse_private_key)
