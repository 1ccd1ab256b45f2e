"""What is printed for programs is what docs/output.schema.json says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its hints are a package of their own
import pytest

from harness.cli.exit_code import ExitCode
from harness.cli.main import main
from harness.report.json import verdict_json
from tests.certificate.material import AT, make, whole
from tests.report.test_json import VERDICT

ROOT = Path(__file__).parents[2]
CAPTURES = sorted(map(str, (ROOT / "captures").glob("*.pcapng")))
GOOD = make()
ACCOUNT: dict[str, object] = {
    "complete": True,
    "connections": 0,
    "damage": 0,
    "gaps": 0,
    "packets": 0,
    "problems": [],
    "taps": [],
}
FAILED = str(ROOT / "captures" / "wrong-node-F44.pcapng")


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((ROOT / "docs" / "output.schema.json").read_text("utf-8"))
    return schema


def _errors(text: str, kind: str) -> list[str]:
    schema = {**_schema(), "anyOf": [{"$ref": f"#/$defs/{kind}"}]}
    validator = jsonschema.Draft202012Validator(schema)
    data = [json.loads(line) for line in text.splitlines()]
    assert data
    return [
        f"{error.json_path}: {error.message}"
        for one in data
        for error in validator.iter_errors(one)
    ]


def test_is_a_schema() -> None:
    """Of the dialect it names."""
    jsonschema.Draft202012Validator.check_schema(_schema())


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        pytest.param(["replay", *CAPTURES, "--json"], "verdict", id="several"),
        pytest.param(["replay", FAILED, "--json"], "verdict", id="one"),
        pytest.param(["replay", "--merge", FAILED, FAILED, "--json"], "verdict", id="merge"),
        pytest.param(["replay", __file__, "--json"], "verdict", id="no capture"),
        pytest.param(
            ["replay", *CAPTURES[:2], "--explain", "pixel", "--json"], "explanation", id="explain"
        ),
        pytest.param(["doctor", "--json"], "diagnosis", id="doctor"),
    ],
)
def test_what_commands_print(
    arguments: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line is what the schema says, and nothing besides."""
    main(arguments)

    assert _errors(capsys.readouterr().out, kind) == []


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        pytest.param(whole(), 0, id="accepted"),
        pytest.param(GOOD.leaf + GOOD.high + GOOD.low, 1, id="refused"),
    ],
)
def test_what_the_import_page_says(
    chain: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accepted and refused."""
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "server.key").write_text(GOOD.key)
    files = [str(tmp_path / "chain.pem"), str(tmp_path / "server.key")]

    got = main(["certificate", "check", *files, "--on", f"{AT:%Y-%m-%d}", "--json"])

    assert got == code
    assert _errors(capsys.readouterr().out, "certificate") == []


DECODED = sorted((ROOT / "tests" / "peers" / "captures").glob("*.jsonl"))


@pytest.mark.parametrize("file", DECODED, ids=lambda file: file.stem)
def test_what_decode_prints(file: Path) -> None:
    """Of every capture of real peers, whose stored output another test holds against the decoder."""
    *connections, summary = file.read_text("utf-8").splitlines()

    assert _errors("\n".join(connections), "connection") == []
    assert _errors(summary, "summary") == []


def test_what_decode_prints_of_tunnels_and_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Connections with a tunnel in them, and a file that is cut."""
    (tmp_path / "cut.pcapng").write_bytes(Path(FAILED).read_bytes()[:-7])
    main(["decode", str(tmp_path / "cut.pcapng"), "--json"])
    *connections, summary = capsys.readouterr().out.splitlines()

    assert any(json.loads(line)["tunnel"] for line in connections)
    assert json.loads(summary)["summary"]["damaged"] == 1
    assert _errors("\n".join(connections), "connection") == []
    assert _errors(summary, "summary") == []


def test_a_crashed_check() -> None:
    """It says where."""
    crashed = replace(VERDICT, completeness=ACCOUNT)

    assert "traceback" in verdict_json(crashed)
    assert _errors(verdict_json(crashed), "verdict") == []


@pytest.mark.parametrize("change", [{"nmuber": 1}, {"closed": "no"}, {"tls": {}}], ids=str)
def test_what_is_not_in_the_schema_is_noticed(change: dict[str, object]) -> None:
    """A key that is not described, and a value of another kind."""
    line = DECODED[0].read_text("utf-8").splitlines()[0]

    assert _errors(json.dumps({**json.loads(line), **change}), "connection")


def test_several_captures_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line names its file, and a single capture needs no name."""
    main(["replay", *CAPTURES, "--json"])
    several = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    main(["replay", FAILED, "--json"])

    assert several == CAPTURES
    assert "file" not in json.loads(capsys.readouterr().out)


def test_the_page_has_every_exit_code() -> None:
    """In a table, each once."""
    page = (ROOT / "docs" / "output.md").read_text("utf-8")
    codes = [int(code) for code in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)]

    assert codes == sorted(ExitCode)
