"""The page about certificates: its rules are the rules, and its examples are what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from harness.certificate.rule import WARNINGS, Rule
from harness.cli.main import main
from tests.certificate.material import AT, make, pfx, rewrite_key, whole
from tests.cli.scenario_text import SINGLE_NODE
from tests.end_to_end.scenario_files import ROOT

PAGE = (ROOT / "docs" / "certificates.md").read_text("utf-8")
EXAMPLES = re.findall(r"^    \$ harness (.*)\n((?:    (?!\$).*\n)+)", PAGE, re.MULTILINE)


def test_every_rule_is_on_the_page() -> None:
    """In the order of the code, and with what becomes of it."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| .* \| (refused|warning) \|$", PAGE, re.MULTILINE)

    assert rows == [(rule, "warning" if rule in WARNINGS else "refused") for rule in Rule]


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[c for c, _ in EXAMPLES])
def test_an_example_is_what_is_printed(
    command: str,
    printed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Word for word; what is new in each certificate is left out."""
    _write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    on = [] if " csr " in command else ["--on", f"{AT:%Y-%m-%d}"]
    code = main([*command.split(), *on])
    out = re.sub(
        r"(,O[U]?=)[^,]*? sha256 [0-9a-f]{64}", r"\1... sha256 ...", capsys.readouterr().out
    )
    out = re.sub(r"(CN=access.example.com,OU=)[^\n]* sha256", r"\1... sha256", out)

    assert out.splitlines() == [line.strip() for line in printed.splitlines()]
    assert code == int("refused" in printed or "name-missing" in printed)


def test_there_are_examples() -> None:
    """Parametrizing over nothing would prove nothing."""
    assert len(EXAMPLES) >= 6


def _write_files(folder: Path) -> None:
    good = make()
    texts = {
        "chain.pem": whole(),
        "wrong-order.pem": good.leaf + good.high + good.low,
        "leaf-alone.pem": good.leaf,
        "server.key": good.key,
        "pkcs8.key": rewrite_key(PrivateFormat.PKCS8),
        "site.yaml": SINGLE_NODE,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "server.pfx").write_bytes(pfx(good.low, good.high))
