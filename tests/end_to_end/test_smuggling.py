"""Requests that others found to be read in two ways, sent through the balancer: the default actors withstand all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.net.address import parse_address
from harness.report.terminal import tell
from harness.run import run
from harness.scenario.scenario import Attacker, Scenario
from harness.scenario.step import ForgedRequest
from tests.end_to_end.scenario_files import TERMINATING, load_scenario_file

FILES = ("garden_payloads.json", "h11_cases.json", "llhttp_cases.json")


def read_requests(file: Path) -> Iterator[bytes]:
    """Every case of a file that a client could send."""
    for case in json.loads(file.read_text(encoding="utf-8"))["cases"]:
        kind = str(case.get("side") or case.get("type") or "request")
        if kind.startswith("request"):
            yield base64.b64decode(case["raw_b64"])


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_smuggled(file: str, shared: Path, tmp_path: Path) -> None:
    """After all of them no promise is broken, and a device signs in as ever.

    Which of several requests in one packet was refused cannot always be told: that is unknown, not broken.
    """
    raw = tuple(dict.fromkeys(read_requests(shared / "corpus" / "http-cases" / file)))
    scenario, _ = load_scenario_file(TERMINATING)
    mallory = Attacker(address=parse_address("203.0.113.200"))
    steps = tuple(
        ForgedRequest(attacker="mallory", request="vip:443", raw=text.decode("latin-1"))
        for text in raw
    )
    attacked = scenario.model_copy(
        update={"attackers": {"mallory": mallory}, "steps": (*steps, *scenario.steps)}
    )
    assert isinstance(attacked, Scenario)
    done = run(attacked, text="", file=tmp_path / "smuggling.pcapng", wire="sim")

    told = tell(done.verdict, name=file, file=str(done.file))
    assert len(raw) > 20
    assert done.verdict.failing == (), told
    assert done.verdict.signed_in == {"pixel": "alice@example.com"}
