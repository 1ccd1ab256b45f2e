"""No false alarm: the catalogue's list of what must not be flagged, and good deployments drawn by a seed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from harness.replay import replay
from harness.scenario.yaml import load_scenario
from harness.verdict.outcome import Outcome
from tests.end_to_end.false_alarms import draw, find_reasons, is_alarm, play
from tests.end_to_end.losses import judge, tell
from tests.end_to_end.scenario_files import CAPTURES, ROOT

ENHANCED_PACKET = b"\x06"

INNOCENT: dict[str, tuple[str, ...]] = {
    "several requests of one L3 flow with the same RemotePort": (
        "settings/keep-alive-terminating",
        "withstood/two-sign-ins-one-connection",
    ),
    "the same fingerprint under several keys at once": ("withstood/one-certificate-twice",),
    "a port reused after its entry was consumed/removed": (
        "withstood/port-after-its-entry",
        "defects/port-used-again",
    ),
    "5262 as admin port in a one-port single-node set-up when callers are nodes": (
        "topologies/single-node-one-port",
    ),
    "resumed session whose ancestor proved possession and whose certificate is still good": (
        "settings/resumption-by-tickets-tls-1.3",
        "settings/resumption-by-tickets-tls-1.2",
        "settings/resumption-by-session-ids-tls-1.2",
    ),
    "OCSP failure followed by a good CRL when that box is ticked": (
        "revocation/list-after-a-busy-responder",
        "revocation/list-after-a-slow-responder",
    ),
    "XFF with two elements when the LB count is 2": ("topologies/two-balancers",),
    "or with extra client-made elements on the left": (
        "settings/longer-forwarded-for",
        "withstood/forged-headers-left-of-the-true-one",
    ),
    "new thumbprint for the same user after profile reinstall": ("defects/renewed-certificate",),
    "TLS 1.3 client data before an alert when Ci did nothing with it": (
        "attacks/no-client-certificate",
        "attacks/expired-certificate",
        "attacks/foreign-certificate",
    ),
    "LB health probes that end without certificate": ("withstood/health-probes",),
    "retransmissions": ("time/lossy-radio",),
    "out-of-order segments": ("time/lossy-radio",),
    "duplicated packets": ("time/lossy-radio",),
}
"""What must not be flagged, and the scenarios that show that it passes."""

SHOWN = [(line, shown) for line, listed in INNOCENT.items() for shown in listed]


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=str)
def test_what_must_not_be_flagged_is_shown_to_pass(line: str, shown: str) -> None:
    """By a scenario without defects that expects PASS (test_scenarios.py runs it)."""
    assert line in INNOCENT
    file = ROOT / "scenarios" / f"{shown}.yaml"
    scenario = load_scenario(file.read_text("utf-8"), name=file.name)

    assert (scenario.defects, scenario.expect.verdict) == ((), "pass")


def test_every_line_of_the_catalogue_is_here(shared: Path) -> None:
    """Section 3 of failures.md, but for the captures that begin too late: those are below."""
    section = (shared / "spec" / "failures.md").read_text("utf-8").partition("## 3.")[2]
    text = section.partition("\n")[2].replace("**", "")
    # Last in the list, and the only one that is not to pass.
    listed = text.partition(" and captures that start mid-flow")[0]
    lines = {part.strip() for item in listed.split(";") for part in item.split(", ")}

    assert lines == set(INNOCENT)


def _split(pcapng: bytes) -> list[bytes]:
    """The blocks of a little-endian file: type, size, and so on."""
    blocks, at = [], 0
    while at < len(pcapng):
        size = int.from_bytes(pcapng[at + 4 : at + 8], "little")
        blocks.append(pcapng[at : at + size])
        at += size
    return blocks


@pytest.mark.parametrize(
    "capture",
    [c for c in CAPTURES if "-F" not in c.stem and "probe" not in c.stem],
    ids=lambda c: c.stem,
)
@pytest.mark.parametrize("share", [4, 2])
def test_a_capture_that_begins_too_late_is_unknown(capture: Path, share: int) -> None:
    """Whatever its first half held: neither PASS nor FAIL."""
    blocks = _split(capture.read_bytes())
    packets = [index for index, block in enumerate(blocks) if block[:1] == ENHANCED_PACKET]
    cut = set(packets[: len(packets) // share])
    rest = b"".join(block for index, block in enumerate(blocks) if index not in cut)

    assert replay(io.BytesIO(rest)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "capture", [c for c in CAPTURES if "-F" not in c.stem], ids=lambda c: c.stem
)
def test_packets_that_are_missing_are_no_failure(capture: Path) -> None:
    """Whichever they are; `python -m tests.end_to_end.losses` takes more runs, and more of each."""
    verdicts = list(judge(capture, each=12, seed=1))

    assert [tell(v) for v in verdicts if v.outcome is Outcome.FAIL] == []
    assert Outcome.UNKNOWN in {v.outcome for v in verdicts}


def test_a_seed_draws_the_same_run_again() -> None:
    """And another index another one."""
    assert draw(3, 7, wire="sim") == draw(3, 7, wire="sim")
    assert draw(3, 7, wire="sim") != draw(3, 8, wire="sim")


def test_what_is_drawn_differs_in_everything_that_matters() -> None:
    """Among a hundred: every topology, both versions, keep-alive, bad links, load, strangers."""
    drawn = [json.loads(draw(1, index, wire="sim")) for index in range(100)]
    text = "\n".join(json.dumps(one) for one in drawn)

    assert {one["scenario"].rpartition(" ")[2] for one in drawn} == {
        *("single", "localhost", "passthrough", "terminating"),
    }
    for word in (
        *('"tls": "1.2"', '"requests": 3', '"fleet"', '"stranger"', '"together"', '"restart"'),
        *("resumption", "revocation", "offload", "x_real_ip", "edge", "further_addresses", "probe"),
        *("to_proxy", "oldest_tls", "behind", "translated", '"clock"', '"wait"'),
        *("loss_percent", "reorder_percent", "duplicate_percent", '"mtu"', "port_ranges", "abort"),
    ):
        assert word in text


def _alarms(wire: str, indexes: range, folder: Path) -> list[tuple[str, list[str]]]:
    return [
        (told.name, find_reasons(told.verdict) or list(told.verdict.failing))
        for told in play(20, indexes, folder, wire=wire)
        if is_alarm(told.wire, told.verdict)
    ]


def test_good_simulated_runs_raise_no_alarm(tmp_path: Path) -> None:
    """Twenty of them; `make false-alarms` plays five hundred, on both wires."""
    assert _alarms("sim", range(20), tmp_path) == []


@pytest.mark.usefixtures("live")
def test_good_live_runs_raise_no_alarm(tmp_path: Path) -> None:
    """Ten, and nothing is UNKNOWN."""
    assert _alarms("kernel", range(10), tmp_path) == []
