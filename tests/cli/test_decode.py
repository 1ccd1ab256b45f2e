"""The command `decode`."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import main
from tests.cli.tiny_capture import tiny_pcap
from tests.decode.tls.test_rsa import key_pem, peers
from tests.packet_builder import Talk, build_capture
from tests.tls_wire import Peers, converse


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Somebody's tcpdump."""
    file = tmp_path / "dump.pcap"
    file.write_bytes(tiny_pcap())
    return file


def test_json_lines(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a connection, and the summary."""
    code = main(["decode", str(dump), "--json"])
    first, last = map(json.loads, capsys.readouterr().out.splitlines())

    assert code == 0
    assert (first["number"], first["client"]) == (1, "203.0.113.10:40001")
    assert last["summary"]["packets"] == 3


def test_text(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for people."""
    code = main(["decode", str(dump)])
    lines = capsys.readouterr().out.splitlines()

    assert code == 0
    assert lines[0].startswith("1  203.0.113.10:40001 > 10.20.1.1:443")
    assert lines[-1] == "3 packets, 1 connections, 0 packets skipped, 0 places damaged"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_stdin(
    pack: type[bytes],
    dump: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe gives what the file gives, packed or not."""
    main(["decode", str(dump), "--json"])
    expected = capsys.readouterr().out
    stdin = io.TextIOWrapper(io.BytesIO(pack(tiny_pcap())))
    monkeypatch.setattr(sys, "stdin", stdin)

    code = main(["decode", "-", "--json"])

    assert (code, capsys.readouterr().out) == (0, expected)


def test_key_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Secrets from a file of their own open the connection."""
    wire = converse(Peers(), [("client", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")])
    talk = Talk().open()
    for side, data in wire.chunks:
        talk.send(side, data, size=1448)
    (tmp_path / "a.pcapng").write_bytes(build_capture(talk.close().frames).getvalue())
    (tmp_path / "keys").write_bytes(wire.keylog)

    code = main(
        ["decode", str(tmp_path / "a.pcapng"), "--keylog", str(tmp_path / "keys"), "--json"]
    )
    first = json.loads(capsys.readouterr().out.splitlines()[0])

    assert code == 0
    assert first["tls"]["decrypted"] == "yes"
    assert [e["request"]["method"] for e in first["exchanges"]] == ["GET"]


@pytest.mark.parametrize(
    ("data", "found"), [(b"hello", "found 68 65 6c 6c"), (b"", "the file is empty")]
)
def test_junk_is_named(
    data: bytes, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no capture: exit 2, and the first line says what was expected and what was found."""
    (tmp_path / "junk").write_bytes(data)

    code = main(["decode", str(tmp_path / "junk")])
    told = capsys.readouterr()

    assert (code, told.out) == (2, "")
    assert "not a capture: expected pcapng, pcap or gzip of them" in told.err.splitlines()[0]
    assert found in told.err


def test_damage_is_no_failure(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What precedes the damage is used, and the damage is named with its place."""
    dump.write_bytes(tiny_pcap()[:-5])

    code = main(["decode", str(dump), "--json"])
    told = capsys.readouterr()
    summary = json.loads(told.out.splitlines()[-1])["summary"]

    assert code == 0
    assert (summary["packets"], summary["damaged"]) == (2, 1)
    assert summary["damage"][0]["offset"] == 24 + 2 * (16 + 54)
    assert summary["damage"][0]["packets_before"] == 2
    assert f"{dump}: damaged at byte 164: the file ends inside a record of" in told.err


def _talk_with_a_bad_block(place: int) -> bytes:
    """A connection in pcapng; the block of its packet `place` (0-based) says an odd length at its end."""
    talk = Talk().open().send("client", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    data = bytearray(build_capture(talk.send("server", b"x" * 9).close().frames).getvalue())
    offset = 0
    for _ in range(place + 2):  # Behind the section header and the interface.
        offset += int.from_bytes(data[offset + 4 : offset + 8], "little")
    offset += int.from_bytes(data[offset + 4 : offset + 8], "little")
    data[offset - 4 : offset] = b"\1\0\0\0"
    return bytes(data)


@pytest.mark.parametrize("form", [["--json"], ["--json", "--jobs", "2"], []])
def test_what_lies_past_damage_is_told_apart(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it without being asked; then each connection says how many of its packets lie there."""
    file = tmp_path / "a.pcapng"
    file.write_bytes(_talk_with_a_bad_block(3))

    assert main(["decode", str(file), *form]) == 0
    before = capsys.readouterr()
    assert main(["decode", str(file), *form, "--past-damage"]) == 0
    past = capsys.readouterr()

    words = '"packets_past_damage":' if form else "past the damage"
    assert "--past-damage looks for packets behind it" in before.err
    assert (words in before.out, words in past.out) == (False, True)
    assert "--past-damage" not in past.err
    assert "3 packets" in before.out or '"packets":3' in before.out
    assert "reading went on at" in past.out


def test_damage_is_told_beside_brief_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have no summary, and a list that ends early looks like any other."""
    file = tmp_path / "a.pcapng"
    file.write_bytes(_talk_with_a_bad_block(3))

    code = main(["decode", str(file), "--brief", "connections"])
    told = capsys.readouterr()

    assert (code, len(told.out.splitlines())) == (0, 2)
    assert "damaged at byte" in told.err


def test_json_has_a_summary_where_nothing_could_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads the lines sees the damage there as well; the exit code is that of bad input."""
    file = tmp_path / "a.pcapng"
    file.write_bytes(_talk_with_a_bad_block(0))

    code = main(["decode", str(file), "--json"])
    summary = json.loads(capsys.readouterr().out)["summary"]

    assert (code, summary["packets"], summary["damaged"]) == (2, 0, 1)


def test_a_missing_file_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its name."""
    code = main(["decode", str(tmp_path / "none.pcap")])

    assert code == 2
    assert "none.pcap: cannot be read" in capsys.readouterr().err


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`harness decode FILE | head` ends quietly."""
    frames = [f for n in range(2000) for f in Talk(client=("203.0.113.5", 20000 + n)).open().frames]
    (tmp_path / "many.pcapng").write_bytes(build_capture(frames).getvalue())
    command = [sys.executable, "-m", "harness.cli", "decode", str(tmp_path / "many.pcapng")]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=60)
        told = process.stderr.read()

    assert first.startswith(b"1  ")
    assert told == b""


def test_rsa_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A private key opens RSA key exchange; a file that is none is bad input."""
    talk = Talk().open()
    for side, data in converse(peers(), [("client", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")]).chunks:
        talk.send(side, data, size=1448)
    file, key = tmp_path / "a.pcapng", tmp_path / "key.pem"
    file.write_bytes(build_capture(talk.close().frames).getvalue())
    key.write_bytes(key_pem())

    code = main(["decode", str(file), "--rsa-key", str(key), "--json"])
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    refused = main(["decode", str(file), "--rsa-key", str(file)])

    assert code == 0
    assert [e["request"]["method"] for e in first["exchanges"]] == ["GET"]
    assert refused == 2
    assert "expected an RSA private key" in capsys.readouterr().err


def test_briefly(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of columns for each connection, and the summary of --json."""
    code = main(["decode", str(dump), "--brief", "connections"])
    *lines, summary = capsys.readouterr().out.splitlines()
    main(["decode", str(dump), "--json"])

    assert code == 0
    assert [line.split("\t")[:3] for line in lines] == [["1", "interface 0", "203.0.113.10:40001"]]
    assert summary == capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("level", ["connections", "handshakes", "exchanges"])
def test_damage_is_told_briefly(
    dump: Path, tmp_path: Path, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that was cut: how much was read, and where it ends."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(dump.read_bytes()[:-7])

    code = main(["decode", str(cut), "--brief", level])
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]

    assert code == 0
    assert summary["damaged"] == 1
    assert summary["damage"][0]["message"]
    assert (summary["connections"], summary["packets"] > 0) == (1, True)


def test_only_a_port(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In all forms."""
    for form in (["--json"], ["--json", "--jobs", "2"], ["--brief", "connections"]):
        assert main(["decode", str(dump), *form, "--port", "40001"]) == 0
        with_port = capsys.readouterr().out
        assert main(["decode", str(dump), *form, "--port", "1"]) == 0
        without = capsys.readouterr().out

        assert "203.0.113.10:40001" in with_port
        assert "203.0.113.10:40001" not in without


@pytest.mark.parametrize(
    "arguments",
    [["--brief", "all"], ["--brief", "exchanges", "--json"], ["--port", "0"], ["--port", "x"]],
    ids=["level", "two forms", "no port", "no number"],
)
def test_wrong_choices(
    dump: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """They are refused with the value."""
    try:
        code = main(["decode", str(dump), *arguments])
    except SystemExit as end:
        code = int(str(end.code))

    assert code == 2
    assert arguments[-1].removeprefix("--") in capsys.readouterr().err
