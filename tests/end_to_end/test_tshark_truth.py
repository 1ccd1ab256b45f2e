"""What tshark sees, made into a reference: it agrees with us on captures whose ends are other people's programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.reference import compare, differences, main
from tests.end_to_end.tshark_truth import NoTruthError, make_truth

CAPTURES = Path(__file__).parents[1] / "peers" / "captures"
CUT = b"\xd4\xc3\xb2\xa1\x02\x00"
"""Six bytes of a file header."""
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (apt-get install tshark)"
)


@needs_tshark
@pytest.mark.parametrize("name", ["openssl-mutual-rsa", "openssl-resumed", "nginx-mutual"])
def test_tshark_and_we_agree(name: str) -> None:
    """Every fact of every connection: sizes, hashes, hellos, certificates, alerts, plaintext, requests."""
    path = CAPTURES / f"{name}.pcapng"
    truth = make_truth(path, None)

    facts = compare(path, truth)

    assert differences(facts) == []
    assert len(facts) > 20
    assert any(what.endswith("plaintext") for what in facts)


@needs_tshark
def test_a_folder_without_a_reference_gets_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what tshark cannot read is named."""
    shutil.copy(CAPTURES / "openssl-resumed.pcapng", tmp_path / "a.pcapng")
    (tmp_path / "b.pcap").write_bytes(CUT)

    main(tmp_path)
    told = capsys.readouterr().out

    assert (tmp_path / "truth.json").exists()
    assert told.startswith(f"left out: {tmp_path}/b.pcap: ")
    assert "1 of 1 captures" in told


@needs_tshark
def test_what_tshark_cannot_read_is_an_error(tmp_path: Path) -> None:
    """With the name of the file and tshark's own words."""
    (tmp_path / "cut.pcap").write_bytes(CUT)

    with pytest.raises(NoTruthError, match=r"cut\.pcap: "):
        make_truth(tmp_path / "cut.pcap", None)
