"""`harness replay --explain`: names that are known, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from tests.cli.tiny_capture import tiny_pcap

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
CLUSTER = str(CAPTURES / "terminating-cluster.pcapng")


def test_a_device_s_chain_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """From the device to the user, and the verdict after it."""
    code = main(["replay", CLUSTER, "--explain", "pixel"])
    lines = capsys.readouterr().out.splitlines()

    assert code == 0
    assert lines[0] == "pixel: 1 call-back"
    parts = [line.split()[0] for line in lines[2:-1]]
    assert parts == ["device", "tunnel", "port", "header", "call-back", "certificate", "user"]
    assert lines[-1].startswith("PASS ")


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """By user, for a program."""
    main(["replay", CLUSTER, "--explain", "alice@example.com", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)

    assert (told["explain"], told["verdict"], len(told["chains"])) == (
        "alice@example.com",
        "pass",
        1,
    )


def test_the_exit_code_is_that_of_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """A defect that was expected."""
    code = main(["replay", str(CAPTURES / "wrong-node-F44.pcapng"), "--explain", "pixel"])

    assert code == 0
    assert "no tunnel of node" in capsys.readouterr().out


def test_an_unknown_device_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage error, with all names."""
    code = main(["replay", CLUSTER, "--explain", "tablet"])

    assert code == 2
    assert "one of 203.0.113.10, alice@example.com, pixel" in capsys.readouterr().err


def test_a_misspelt_device_names_the_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    """One name is enough."""
    assert main(["replay", CLUSTER, "--explain", "pixle"]) == 2
    assert "pixel (did you mean that?)" in capsys.readouterr().err


def test_a_capture_without_a_site_cannot_be_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason says what to give."""
    file = tmp_path / "dump.pcap"
    file.write_bytes(tiny_pcap())

    assert main(["replay", str(file), "--explain", "pixel"]) == 2
    assert "--site" in capsys.readouterr().err


@pytest.mark.parametrize("other", [["--merge"], ["--second-opinion", "tshark"]], ids=str)
def test_what_does_not_go_together_is_refused(
    other: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Said before anything is read."""
    assert main(["replay", CLUSTER, "--explain", "pixel", *other]) == 2
    assert "--explain" in capsys.readouterr().err
