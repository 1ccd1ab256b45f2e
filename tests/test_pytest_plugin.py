"""The pytest plug-in, in pytest runs of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.capture.annotation import build_annotations
from tests.cli.scenario_text import SINGLE_NODE
from tests.cli.tiny_capture import tiny_pcap


@pytest.fixture(autouse=True)
def _settings(pytester: pytest.Pytester) -> None:
    """Runs of their own, without a cache; another plug-in warns unless it is told a scope."""
    pytester.makeini(
        "[pytest]\naddopts = -p no:cacheprovider\nasyncio_default_fixture_loop_scope = function\n"
    )


def write(pytester: pytest.Pytester, name: str, data: bytes) -> Path:
    """A file below the root folder."""
    file = pytester.path / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_bytes(data)
    return file


def itemids(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """Node ids that `pytest --collect-only -q` lists."""
    lines = pytester.runpytest_subprocess("--collect-only", "-q", *arguments).outlines
    return [line for line in lines if "::" in line]


def test_scenarios_are_collected(pytester: pytest.Pytester) -> None:
    """YAML with the key `scenario` is an item; other YAML is not."""
    write(pytester, "scenarios/one.yaml", SINGLE_NODE.encode())
    write(pytester, "scenarios/two.yml", SINGLE_NODE.encode())
    write(pytester, "compose.yaml", b"services: {}\n")
    write(pytester, "latin.yaml", b"scenario: \xff\n")

    assert itemids(pytester) == ["scenarios/one.yaml::one", "scenarios/two.yml::two"]


def test_captures_of_others_are_left_alone(pytester: pytest.Pytester) -> None:
    """Below a folder only our own captures, and those with a verdict beside them, are items."""
    mark = build_annotations("run/1", "{}")[0].encode()
    write(pytester, "captures/ours.pcapng", b"\x0a\x0d\x0d\x0a" + mark)
    write(pytester, "captures/stated.pcapng", tiny_pcap())
    write(pytester, "captures/stated.verdict.json", b"{}\n")
    write(pytester, "captures/foreign.pcapng", tiny_pcap())

    assert itemids(pytester) == ["captures/ours.pcapng::ours", "captures/stated.pcapng::stated"]


def test_named_capture_is_collected(pytester: pytest.Pytester) -> None:
    """What the user names is taken."""
    write(pytester, "foreign.pcapng", tiny_pcap())

    assert itemids(pytester, "foreign.pcapng") == ["foreign.pcapng::foreign"]


def test_other_runs_are_not_slowed(pytester: pytest.Pytester) -> None:
    """A run without our files imports nothing of the harness but the plug-in itself."""
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            ours = {name for name in sys.modules if name.startswith("harness")}
            assert ours == {"harness", "harness.pytest_plugin"}
            assert not {"scapy", "pydantic", "cryptography"} & set(sys.modules)
        """
    )

    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_unknown_capture_fails_with_the_report(pytester: pytest.Pytester) -> None:
    """The failure text is the report, not a traceback."""
    write(pytester, "foreign.pcapng", tiny_pcap())

    result = pytester.runpytest_subprocess("foreign.pcapng")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["UNKNOWN  foreign: *(NOT as expected)"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_verdict_beside_the_capture_decides(pytester: pytest.Pytester) -> None:
    """A capture whose stated verdict comes out byte for byte passes, whatever the verdict is."""
    capture = write(pytester, "foreign.pcapng", tiny_pcap())
    stated = pytester.run(
        sys.executable, "-m", "harness.cli", "replay", capture, "--json"
    ).outlines[0]
    write(pytester, "foreign.verdict.json", f"{stated}\n".encode())

    pytester.runpytest_subprocess("foreign.pcapng").assert_outcomes(passed=1)


def test_another_verdict_fails(pytester: pytest.Pytester) -> None:
    """One byte of difference is a failure that shows both texts."""
    write(pytester, "foreign.pcapng", tiny_pcap())
    write(pytester, "foreign.verdict.json", b"{}\n")

    result = pytester.runpytest_subprocess("foreign.pcapng")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["foreign.verdict.json says something else:", "*expected {}"])


def test_broken_scenario_fails_with_its_problems(pytester: pytest.Pytester) -> None:
    """A wrong scenario fails with place, value and what was expected."""
    write(pytester, "one.yaml", SINGLE_NODE.replace("10.20.1.1", "10.20.1").encode())

    result = pytester.runpytest_subprocess("one.yaml")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*one.yaml:4:18: $.site.nodes.node1: got*"])


def test_a_real_balancer_that_cannot_run_here_is_skipped(pytester: pytest.Pytester) -> None:
    """With the reason: the simulated wire carries no programs."""
    vip = "  balancers: {vip: {address: 10.20.0.10, 443: passthrough, engine: nginx}}\n  cert_proxy"
    write(pytester, "one.yaml", SINGLE_NODE.replace("  cert_proxy", vip).encode())

    result = pytester.runpytest_subprocess("one.yaml", "--harness-wire=sim", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*$.site.balancers.vip.engine: nginx is a real program*"])


def test_junit(pytester: pytest.Pytester) -> None:
    """JUnit XML carries the report."""
    write(pytester, "foreign.pcapng", tiny_pcap())

    pytester.runpytest_subprocess("foreign.pcapng", "--junit-xml=junit.xml")

    assert "UNKNOWN  foreign" in (pytester.path / "junit.xml").read_text()
