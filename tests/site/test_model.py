"""The model: what every record has in common."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.site.model import Model


class _Record(Model):
    size: int


def test_is_frozen() -> None:
    """A site does not change while it is judged."""
    record = _Record(size=1)

    with pytest.raises(ValidationError, match="frozen"):
        record.size = 2


def test_refuses_what_it_does_not_know() -> None:
    """A mistyped key is no setting."""
    with pytest.raises(ValidationError, match="sice"):
        _Record.model_validate({"size": 1, "sice": 2})
