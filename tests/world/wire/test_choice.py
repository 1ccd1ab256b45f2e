"""The choice: proven, said, and never silent."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from harness.world.job import WorldError
from harness.world.wire import choice
from harness.world.wire.choice import choose, find_refusal
from harness.world.wire.doctor import Diagnosis


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    find_refusal.cache_clear()
    yield
    find_refusal.cache_clear()


def test_what_is_asked_for_is_taken() -> None:
    """Without a proof; and a simulation says that it is one and what it cannot show."""
    assert (choose("kernel").kind, choose("kernel").line) == ("kernel", "")
    assert choose("sim").line.startswith("wire: simulated (as asked); it shows no kernel's TCP")


def test_auto_takes_the_kernel_where_the_doctor_proves_it(diagnosis: Diagnosis) -> None:
    """And only there."""
    assert choose("auto").kind == ("sim" if diagnosis.mode is None else "kernel")


def test_auto_says_why_it_simulates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal stands in the first line."""
    monkeypatch.setattr(choice, "find_refusal", lambda: "namespaces: cannot do this: refused")

    assert choose("auto").kind == "sim"
    assert choose("auto").line.startswith("wire: simulated (namespaces: cannot do this: refused)")


@pytest.mark.parametrize("name", ["darwin", "win32"])
def test_elsewhere_there_is_no_kernel_wire(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of Linux is even imported."""
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr("platform.system", lambda: "Elsewhere")
    monkeypatch.setitem(sys.modules, "harness.world.wire.doctor", None)

    assert find_refusal() == "the kernel wire needs Linux, and this is Elsewhere"
    with pytest.raises(WorldError, match="this is Elsewhere; use --wire sim or auto"):
        choose("kernel")
