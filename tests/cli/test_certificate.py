"""The commands `certificate check` and `certificate csr`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from tests.certificate.material import AT, FQDN, make, pfx, whole
from tests.cli.scenario_text import SINGLE_NODE

ON = ("--on", f"{AT:%Y-%m-%d}")
GOOD = make()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good chain, its key, and a site."""
    (tmp_path / "chain.pem").write_text(whole())
    (tmp_path / "server.key").write_text(GOOD.key)
    (tmp_path / "root.pem").write_text(GOOD.root)
    (tmp_path / "site.yaml").write_text(SINGLE_NODE)
    (tmp_path / "password").write_text("secret\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("files", [("chain.pem", "server.key"), ("server.key", "chain.pem")])
def test_a_good_import(
    folder: Path, files: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Accepted, whichever file comes first."""
    assert main(["certificate", "check", *files, *ON, "--roots", "root.pem"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"accepted: {FQDN}"
    assert f"names: {FQDN}" in out
    assert out[-3].startswith(f"1: CN={FQDN},")


def test_a_refused_import(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and each broken rule on a line that begins with its place."""
    (folder / "chain.pem").write_text(GOOD.leaf + GOOD.high + GOOD.low)

    assert main(["certificate", "check", "chain.pem", "server.key", *ON]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "refused: 1 rule broken",
        f"chain.pem:20: wrong-order: got {FQDN}, High, Low; expected {FQDN}, Low, High",
    ]


def test_a_chain_without_a_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page wants both."""
    assert main(["certificate", "check", "chain.pem", *ON]) == 1
    assert "no-key" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--password-file", "password"), 0, "accepted"),
        ((), 1, "no-password"),
    ],
)
def test_pfx(
    folder: Path, options: tuple[str, ...], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known by its content; the password comes from a file."""
    (folder / "bundle").write_bytes(pfx(GOOD.low, GOOD.high))

    assert main(["certificate", "check", "bundle", *options, *ON]) == code
    assert told in capsys.readouterr().out


def test_names_of_a_site(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B07: accepted, but nodes will refuse it: exit code 1."""
    arguments = ("chain.pem", "server.key", "--site", "site.yaml", "--at", "node1:443", *ON)

    assert main(["certificate", "check", *arguments]) == 1
    out = capsys.readouterr().out
    assert out.startswith("accepted")
    assert "warning: name-missing: got names access.example.com; expected node1: nodes that" in out


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: what was decided, why, and the fingerprints."""
    (folder / "server.key").write_text(make("other.example.com").key)

    assert main(["certificate", "check", "chain.pem", "server.key", "--json", *ON]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["accepted"], told["certificate"]) == (False, None)
    assert [flaw["rule"] for flaw in told["flaws"]] == ["foreign-key"]

    (folder / "server.key").write_text(GOOD.key)
    assert main(["certificate", "check", "chain.pem", "server.key", "--json", *ON]) == 0
    chain = json.loads(capsys.readouterr().out)["certificate"]["chain"]
    assert [len(link["sha256"]) for link in chain] == [64, 64, 64]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.pem",), "none.pem: cannot be read"),
        (("chain.pem", "server.key", "root.pem"), "got 3 files"),
        (("chain.pem", "--site", "site.yaml"), "--site and --at go together"),
        (("chain.pem", "--site", "site.yaml", "--at", "node9:443"), "expected a port that ends"),
        (("chain.pem", "server.key", "--password-file", "password"), "only a PFX file"),
        (("chain.pem", "--roots", "password"), "password: got no certificate"),
    ],
)
def test_wrong_usage(
    folder: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with place and remedy."""
    assert main(["certificate", "check", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_csr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A request with the names of the place; the key is for its owner's eyes."""
    assert main(["certificate", "csr", "site.yaml", "--at", "node1:443", "--output", "new"]) == 0
    assert capsys.readouterr().out.startswith("request for access.example.com, node1\n")
    key = folder / "new" / "node1-443.key"
    assert key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert key.stat().st_mode & 0o777 == 0o600
    assert "CERTIFICATE REQUEST" in (folder / "new" / "node1-443.csr").read_text()


def test_csr_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that is gone cannot be had again."""
    (folder / "node1-443.key").write_text("old")

    assert main(["certificate", "csr", "site.yaml", "--at", "node1:443"]) == 2
    assert "node1-443.key: exists already" in capsys.readouterr().err
    assert (folder / "node1-443.key").read_text() == "old"
