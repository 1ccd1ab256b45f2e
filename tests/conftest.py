"""For all tests: the corpus beside the checkout, a live world, and no skip where nothing may be left out."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, so that a red test is about the change and can be repeated; `make fuzz` explores.
# No deadline: machines are shared, and time belongs to the benchmarks.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")

# A shell that starts the tests in the background has them ignore Ctrl-C, and every program they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

IS_CI = os.environ.get("CI", "").lower() == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test is a failure, with its reason: what was left out proves nothing."""
    report = yield
    if IS_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: nothing may be left out with CI=true, but: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself."""
    report = yield
    if IS_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = (
            f"{collector.nodeid}: nothing may be left out with CI=true, but: {report.longrepr}"
        )
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference captures: CERTPROXY_SHARED, or `shared` beside the checkout."""
    folder = Path(
        os.environ.get("CERTPROXY_SHARED", Path(__file__).resolve().parents[2] / "shared")
    )
    if not folder.is_dir():
        pytest.skip(
            f"no reference captures: {folder} does not exist; CERTPROXY_SHARED names another place"
        )
    return folder


@pytest.fixture(scope="session")
def live() -> str:
    """The mode in which worlds are built here; without one the live tests are left out, and the doctor says why."""
    from harness.world.wire.doctor import probe

    diagnosis = probe()
    if diagnosis.mode is None:
        pytest.skip("no live world on this machine: " + "; ".join(diagnosis.lines))
    return str(diagnosis.mode)
