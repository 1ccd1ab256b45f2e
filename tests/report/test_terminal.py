"""The report on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.net.address import Endpoint, parse_address
from harness.report.terminal import FINDINGS_SHOWN, Row, build_table, tell, tell_briefly
from harness.trace.packet import PacketNumber
from harness.verdict.expectation import Expectation
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict

FINDING = Finding(
    message="node1 10.20.1.1:50001 opened 192.0.2.9:8443; allowed is access.example.com 10.20.0.10:443",
    packets=(PacketNumber(12), PacketNumber(14)),
    endpoints=(
        Endpoint(parse_address("10.20.1.1"), 50001),
        Endpoint(parse_address("192.0.2.9"), 8443),
    ),
)
HELD = CheckResult(
    check="V05", promise="The call-back reaches the right node.", outcome=Outcome.PASS
)
BROKEN = CheckResult(
    check="V15",
    promise="A node talks to allowed destinations only.",
    outcome=Outcome.FAIL,
    findings=(FINDING,),
)
UNCLEAR = CheckResult(
    check="V07",
    promise="The header tells the truth.",
    outcome=Outcome.UNKNOWN,
    reason="no keys for leg L4",
)


def verdict(
    *results: CheckResult,
    expectation: Expectation | None = None,
    signed_in: Mapping[str, str] | None = None,
) -> Verdict:
    """A verdict with these results."""
    return Verdict(
        results=results,
        mode="namespaces",
        completeness={},
        signed_in=signed_in or {},
        expectation=expectation,
    )


def test_first_five_lines_of_a_failure_say_everything() -> None:
    """Promise, hosts, addresses, ports, packet numbers and the command stand in the first five lines."""
    head = tell(
        verdict(UNCLEAR, BROKEN, HELD), name="stray", file="runs/stray.pcapng"
    ).splitlines()[:5]

    assert head == [
        "FAIL  stray: V15 (NOT as expected)",
        "V15 broke: A node talks to allowed destinations only.",
        "  node1 10.20.1.1:50001 opened 192.0.2.9:8443; allowed is access.example.com 10.20.0.10:443",
        "  packets 12 14, between 10.20.1.1:50001 192.0.2.9:8443",
        "  show them: harness show runs/stray.pcapng 12 14",
    ]


def test_pass_is_short() -> None:
    """A PASS takes four lines at most."""
    text = tell(
        verdict(HELD, signed_in={"pixel": "alice@example.com"}), name="one", file="one.pcapng"
    )

    assert text.splitlines() == [
        "PASS  one (as expected)",
        "held: V05",
        "signed in: pixel as alice@example.com",
        "recorded in: namespaces; capture: one.pcapng",
    ]


def test_expected_failure_is_marked() -> None:
    """A failure that the scenario foresees says so."""
    expectation = Expectation(verdict=Outcome.FAIL, findings=("V15",))
    lines = tell(verdict(BROKEN, expectation=expectation), name="f57", file="f.pcapng").splitlines()

    assert lines[0] == "FAIL  f57: V15 (as expected)"
    assert lines[1].startswith("V15 broke (as expected): ")


def test_unforeseen_check_is_not_marked() -> None:
    """Of two failing checks only the foreseen one is marked as expected."""
    other = CheckResult(
        check="V09", promise="Admin ports are closed.", outcome=Outcome.FAIL, findings=(FINDING,)
    )
    expectation = Expectation(verdict=Outcome.FAIL, findings=("V15",))
    text = tell(verdict(BROKEN, other, expectation=expectation), name="f57", file="f.pcapng")

    assert "V09 broke: Admin" in text
    assert "not as expected: failing checks are V09, V15, expected V15" in text


def test_missing_failure_is_explained() -> None:
    """A PASS where a failure was foreseen says what is different."""
    expectation = Expectation(verdict=Outcome.FAIL, findings=("V15",))
    lines = tell(verdict(HELD, expectation=expectation), name="f57", file="f.pcapng").splitlines()

    assert lines[:3] == [
        "PASS  f57 (NOT as expected)",
        "not as expected: verdict is pass, expected fail",
        "not as expected: failing checks are none, expected V15",
    ]


def test_who_is_missing_can_be_asked_about() -> None:
    """The command that explains the first of them, quoted as a shell wants it."""
    expectation = Expectation(signed_in={"old phone": "alice@example.com"})
    text = tell(verdict(HELD, expectation=expectation), name="x", file="my run.pcapng")

    assert "  see why: harness replay 'my run.pcapng' --explain 'old phone'" in text.splitlines()


def test_unknown_says_why() -> None:
    """Checks with the same reason share one line, without an expectation PASS is what was expected."""
    second = CheckResult(
        check="V08", promise="One value.", outcome=Outcome.UNKNOWN, reason="no keys for leg L4"
    )
    text = tell(verdict(UNCLEAR, second), name="dump", file="dump.pcap")

    assert text.splitlines()[:3] == [
        "UNKNOWN  dump: no keys for leg L4 (NOT as expected)",
        "not as expected: verdict is unknown, expected pass (no expectation in the file: PASS is expected)",
        "V07 V08 unknown: no keys for leg L4",
    ]


def test_no_check_at_all_is_said() -> None:
    """An empty verdict is UNKNOWN, and says so."""
    assert "unknown: no check was made" in tell(verdict(), name="x", file="x.pcap").splitlines()


def test_crashed_check_shows_its_traceback() -> None:
    """Our own bug is shown, not swallowed."""
    crashed = CheckResult(
        check="V05",
        promise="p",
        outcome=Outcome.UNKNOWN,
        reason="crashed",
        traceback="Traceback\nKeyError: 1",
    )
    text = tell(verdict(crashed), name="x", file="x.pcap")

    assert "    KeyError: 1" in text.splitlines()
    assert "please report" in text


def test_many_findings_are_counted() -> None:
    """What is left out is counted."""
    many = CheckResult(
        check="V15", promise="p", outcome=Outcome.FAIL, findings=(FINDING,) * (FINDINGS_SHOWN + 3)
    )
    text = tell(verdict(many), name="x", file="x.pcap")

    assert text.count("show them:") == FINDINGS_SHOWN
    assert "and 3 more of V15" in text


def test_command_is_quoted() -> None:
    """A file name with a blank gives a command that can be pasted."""
    assert "harness show 'my runs/a b.pcapng' 12 14" in tell(
        verdict(BROKEN), name="x", file="my runs/a b.pcapng"
    )


def test_wire_bytes_do_not_reach_the_terminal() -> None:
    """An escape sequence in a finding is written out, and does not make a line of its own."""
    nasty = Finding(
        message="RemotePort is \x1b[2J\nPASS", packets=FINDING.packets, endpoints=FINDING.endpoints
    )
    broken = CheckResult(check="V08", promise="p", outcome=Outcome.FAIL, findings=(nasty,))
    text = tell(verdict(broken), name="x", file="x.pcap")

    assert "  RemotePort is \\x1b[2J\\nPASS" in text.splitlines()


def test_people_are_counted_beyond_five() -> None:
    """A fleet is not listed in full."""
    signed_in = {f"d-{n}": f"u{n}@example.com" for n in range(1, 8)}
    text = tell(verdict(HELD, signed_in=signed_in), name="x", file="x.pcap")

    assert "d-5 as u5@example.com, and 2 more" in text
    assert "u6@" not in text


def test_tell_briefly() -> None:
    """One line, also for a name with a line end."""
    assert tell_briefly(verdict(BROKEN), name="a\nb") == "FAIL  a\\nb: V15 (NOT as expected)"


def test_table() -> None:
    """A row a run, and the wrong ones named under it."""
    expectation = Expectation(verdict=Outcome.FAIL, findings=("V15",))
    rows = [
        Row(name="single", verdict=verdict(HELD, signed_in={"p": "u"}), duration_ns=420_000_000),
        Row(
            name="f57", verdict=verdict(BROKEN, expectation=expectation), duration_ns=1_000_000_000
        ),
        Row(name="dump", verdict=verdict(UNCLEAR), duration_ns=9_999_999),
    ]

    assert build_table(rows).splitlines() == [
        "run     verdict  as expected  failing checks  signed in  seconds",
        "single  PASS     yes          -               1          0.42",
        "f57     FAIL     yes          V15             0          1.00",
        "dump    UNKNOWN  NO           -               0          0.01",
        "3 runs, 2 as expected, 1 not: dump",
    ]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, "1 run, 1 as expected"), (2, "2 runs, 2 as expected")]
)
def test_table_counts(count: int, expected: str) -> None:
    """The last line counts the runs."""
    rows = [Row(name=str(n), verdict=verdict(HELD), duration_ns=0) for n in range(count)]

    assert build_table(rows).splitlines()[-1] == expected


def test_packets_of_several_files_are_shown_by_file() -> None:
    """Numbers and commands are those of the files, and what was done to them is said."""
    one, two = PacketNumber(12), PacketNumber(14)
    merged = replace(
        verdict(BROKEN),
        notes=("b.pcap: clock moved by +1.000000000 s",),
        sources={one: ("a.pcap", PacketNumber(7)), two: ("b c.pcap", PacketNumber(3))},
    )
    text = tell(merged, name="event", file="a.pcap b c.pcap")

    assert "packets 7 of a.pcap and 3 of b c.pcap, between" in text
    assert "show them: harness show a.pcap 7 && harness show 'b c.pcap' 3" in text
    assert "merged: b.pcap: clock moved by +1.000000000 s" in text
