"""For the tests of the whole: can this machine run scenarios at all?"""

from __future__ import annotations

import pytest

from harness.world.wire.doctor import probe


@pytest.fixture(scope="session")
def live() -> str:
    """The mode in which worlds are built here; without one the live tests are left out, and the doctor says why."""
    diagnosis = probe()
    if diagnosis.mode is None:
        pytest.skip("no live world on this machine: " + "; ".join(diagnosis.lines))
    return str(diagnosis.mode)
