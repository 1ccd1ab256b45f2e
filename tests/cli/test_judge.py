"""The commands `run` and `replay`, as far as no network is needed; end_to_end/ has the rest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.decode.spool import SpoolError
from tests.cli.scenario_text import SINGLE_NODE
from tests.cli.tiny_capture import tiny_pcap


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Somebody's tcpdump."""
    file = tmp_path / "dump.pcap"
    file.write_bytes(tiny_pcap())
    return file


def test_replay_without_a_site_is_unknown(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can be said without a site: exit 3, and the reason tells what to give."""
    code = main(["replay", str(dump)])

    assert code == 3
    assert "--site" in capsys.readouterr().out


def test_replay_json_is_one_line(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has sorted keys, and nothing else stands on stdout."""
    main(["replay", str(dump), "--json"])
    lines = capsys.readouterr().out.splitlines()
    verdict = json.loads(lines[0])

    assert len(lines) == 1
    assert (verdict["verdict"], verdict["mode"]) == ("unknown", "foreign")
    assert list(verdict) == sorted(verdict)


def test_replay_says_where_a_large_capture_did_not_fit(
    dump: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by what another folder is named: the environment is at fault."""

    def fill(*_: object, **__: object) -> None:
        raise SpoolError("7 connections did not fit: No space left on device")

    monkeypatch.setattr("harness.replay.replay", fill)
    monkeypatch.setattr("tempfile.tempdir", "/full")

    assert main(["replay", str(dump)]) == 4
    told = "did not fit: No space left on device; the temporary folder is /full, TMPDIR names"
    assert told in capsys.readouterr().err


def test_replay_of_a_folder_has_a_table(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several captures: progress on stderr, a table on stdout, gzip among them."""
    (dump.parent / "packed.pcap.gz").write_bytes(gzip.compress(tiny_pcap()))

    code = main(["replay", str(dump.parent)])
    told = capsys.readouterr()

    assert code == 3
    assert told.out.splitlines()[-1] == "2 runs, 0 as expected, 2 not: dump, packed"
    assert [line.split("]")[0] for line in told.err.splitlines()] == ["[1/2", "[2/2"]


def test_replay_with_a_site(dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a site the checks are asked; a dump that proves no completeness stays unknown."""
    (tmp_path / "one.yaml").write_text(SINGLE_NODE)

    code = main(["replay", str(dump), "--site", str(tmp_path / "one.yaml"), "--json"])
    verdict = json.loads(capsys.readouterr().out)

    assert code == 3
    assert "no site description" not in json.dumps(verdict)


def test_merged_files_get_one_verdict(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for two files, and what was done to them; without --merge there would be two."""
    (tmp_path / "other.pcap").write_bytes(tiny_pcap())
    code = main(["replay", "--merge", "--json", str(dump), str(tmp_path / "other.pcap")])
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)

    assert (code, told["verdict"], told["completeness"]["packets"]) == (3, "unknown", 6)
    assert told["completeness"]["connections"] == 1
    assert "by 3 packets that both files hold" in told["notes"][0]


@pytest.mark.parametrize("keep", [0, 3, 24, 40, 100])
def test_replay_of_a_cut_file(dump: Path, keep: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A file cut anywhere, even to nothing, is unknown; never a crash, never a pass."""
    dump.write_bytes(tiny_pcap()[:keep])

    assert main(["replay", str(dump), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["replay", "gone.pcapng"], "gone.pcapng: no such file or folder", id="no capture"
        ),
        pytest.param(
            ["replay", "dump.pcap", "--site", "gone.yaml"],
            "gone.yaml: cannot be read",
            id="no site",
        ),
        pytest.param(
            ["replay", "dump.pcap", "--keylog", "gone.log"],
            "gone.log: cannot be read",
            id="no keys",
        ),
        pytest.param(["run", "gone.yaml"], "gone.yaml: no such file or folder", id="no scenario"),
        pytest.param(
            ["run", "."], "holds no file that ends in .yaml", id="folder without scenarios"
        ),
        pytest.param(
            ["show", "gone.pcapng", "1"], "gone.pcapng: cannot be read", id="nothing to show"
        ),
        pytest.param(
            ["show", "dump.pcap", "4"], "got packet 4; expected numbers from 1 to 3", id="beyond"
        ),
        pytest.param(["show", "dump.pcap", "2-4"], "got packet 2-4; expected", id="range beyond"),
        pytest.param(
            ["show", "dump.pcap", "0"], "got '0'; expected a packet number", id="no packet 0"
        ),
        pytest.param(
            ["show", "dump.pcap", "x"], "got 'x'; expected a packet number", id="no number"
        ),
        pytest.param(
            ["show", "dump.pcap", "3-1"], "expected the smaller number first", id="backwards"
        ),
        pytest.param(
            ["show", "dump.pcap", "1-999999999"], "at most 10000 packets", id="mistyped range"
        ),
    ],
)
def test_bad_input(
    dump: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 2, and stderr names the place, the value and what was expected."""
    monkeypatch.chdir(dump.parent)

    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_folder_named_as_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` wants a file."""
    assert main(["show", str(tmp_path), "1"]) == 2
    assert "Is a directory" in capsys.readouterr().err


def test_no_scenario_is_run_when_one_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files are read before the first is run: problems come at once, and nothing is recorded."""
    (tmp_path / "good.yaml").write_text(SINGLE_NODE)
    (tmp_path / "wrong.yaml").write_text(SINGLE_NODE.replace("sign_in:", "signin:"))
    output = tmp_path / "runs"

    code = main(["run", str(tmp_path), "--output", str(output)])

    assert code == 2
    assert "wrong.yaml:9:" in capsys.readouterr().err
    assert not output.exists()


def test_a_simulated_run_says_so_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout for people; on stderr for programs, whose lines are all JSON."""
    (tmp_path / "one.yaml").write_text(SINGLE_NODE)
    command = ["run", str(tmp_path / "one.yaml"), "--wire", "sim", "--output", str(tmp_path)]

    assert main(command) == 0
    told = capsys.readouterr().out.splitlines()
    assert main([*command, "--json"]) == 0
    data = capsys.readouterr()

    assert told[0].startswith("wire: simulated (as asked); it shows no kernel's TCP")
    assert told[1].startswith("PASS")
    assert [json.loads(line)["mode"] for line in data.out.splitlines()] == ["simulated"]
    assert data.err.startswith("wire: simulated")


def test_what_needs_a_simulation_is_refused_on_the_kernel_wire(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its place and the remedy, before anything is run."""
    text = SINGLE_NODE.replace("steps:\n", "steps:\n  - {wait: 11m}\n", 1)
    assert "11m" in text
    (tmp_path / "late.yaml").write_text(text)
    (tmp_path / "one.yaml").write_text(SINGLE_NODE)

    code = main(["run", str(tmp_path), "--wire", "kernel", "--output", str(tmp_path / "runs")])
    told = capsys.readouterr()

    assert code == 4
    assert "late.yaml: steps[0] lets 11m pass, which needs the simulated wire" in told.err
    assert "--wire auto" in told.err
    assert not (tmp_path / "runs").exists()
