"""The command site-template."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import main
from harness.scenario.yaml import load_site
from tests.split_capture import read_key_log, split

RUNS = Path(__file__).parents[2] / "captures"


def test_the_output_judges_the_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded run: its proposed site replaces the one inside, and F59 is still found."""
    capture = RUNS / "other-port-F59.pcapng"
    assert main(["site-template", str(capture)]) == 0
    site = tmp_path / "site.yaml"
    site.write_text(capsys.readouterr().out)

    assert main(["replay", "--site", str(site), str(capture)]) == 0
    assert "V15 broke" in capsys.readouterr().out


def test_keys_show_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without them the content is told as not seen."""
    run = RUNS / "terminating-cluster.pcapng"
    capture, keys = tmp_path / "dmz.pcap", tmp_path / "keys.log"
    capture.write_bytes(split(run)["dmz"].getvalue())
    keys.write_bytes(read_key_log(run))
    main(["site-template", str(capture)])
    blind = capsys.readouterr().out
    main(["site-template", str(capture), "--keylog", str(keys)])
    seeing = capsys.readouterr().out

    assert "give --keylog or --rsa-key to see requests and headers" in blind
    assert 'remote_port: "RemotePort"' in seeing
    assert [load_site(text, name="site").fqdn for text in (blind, seeing)]


def test_a_file_that_is_no_capture_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and why."""
    (tmp_path / "junk.pcap").write_bytes(b"hello world, this is no capture")

    assert main(["site-template", str(tmp_path / "junk.pcap")]) == 2
    assert "no packet could be read" in capsys.readouterr().err
