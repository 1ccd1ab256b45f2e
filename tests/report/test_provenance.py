"""The report on provenance."""

from __future__ import annotations

import json

from harness.report.provenance import chains_json, tell_chains
from harness.trace.packet import PacketNumber
from harness.verdict.provenance import Chain, Link
from tests.trace_builder import PIXEL

LINKS = (
    Link(part="port", text="node1 10.20.1.1:40000", packets=(PacketNumber(7),)),
    Link(part="certificate", text="\x1b[31m", packets=tuple(map(PacketNumber, (1, 2, 3)))),
    Link(part="user", text="nobody"),
)
CHAIN = Chain(links=LINKS, is_ambiguous=False, devices=frozenset({PIXEL}), users=frozenset({"a@b"}))


def test_each_link_is_a_line_with_its_packets() -> None:
    """What came off the wire steers no terminal."""
    lines = tell_chains("pixel", [CHAIN]).splitlines()

    assert lines == [
        "pixel: 1 call-back",
        "1. nobody",
        "   port         node1 10.20.1.1:40000  (packets 7)",
        "   certificate  \\x1b[31m  (packets 1-3)",
        "   user         nobody",
    ]


def test_what_is_ambiguous_is_told_first() -> None:
    """With how many owners."""
    chain = Chain(
        links=(*LINKS, LINKS[0]), is_ambiguous=True, devices=frozenset(), users=frozenset()
    )

    assert "1. AMBIGUOUS: 2 tunnels had this port" in tell_chains("pixel", [chain])


def test_nothing_is_told_as_such() -> None:
    """A device that caused no call-back."""
    assert tell_chains("pixel", []) == "pixel: 0 call-backs"


def test_the_json_is_one_line() -> None:
    """Sorted, and whole."""
    text = chains_json("pixel", [CHAIN], verdict="pass")
    told = json.loads(text)

    assert "\n" not in text
    assert (told["explain"], told["verdict"]) == ("pixel", "pass")
    (chain,) = told["chains"]
    assert (chain["ambiguous"], chain["devices"], chain["users"]) == (False, [str(PIXEL)], ["a@b"])
    assert chain["links"][0] == {"packets": [7], "part": "port", "text": "node1 10.20.1.1:40000"}


def test_requests_without_a_call_back() -> None:
    """They are counted apart, and a page has many."""
    lines = tell_chains("pixel", [], [CHAIN] * 22).splitlines()

    assert lines[0] == "pixel: 0 call-backs, 22 requests without one"
    assert sum(line[0].isdigit() for line in lines) == 20
    assert lines[-1] == "and 2 more"
