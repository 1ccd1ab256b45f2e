"""PEM text: tags that are missing, wrong, or nearly right."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.certificate.pem import read_blocks
from harness.certificate.rule import Rule

BODY = base64.b64encode(bytes(range(90))).decode()
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
BLOCK = f"{BEGIN}\n{BODY[:64]}\n{BODY[64:]}\n{END}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BLOCK, id="plain"),
        pytest.param(BLOCK.replace("\n", "\r\n"), id="CR LF"),
        pytest.param("\ufeff" + BLOCK, id="UTF-8 mark"),
        pytest.param(BLOCK.rstrip("\n"), id="no line break at the end"),
        pytest.param("\n\n" + BLOCK + "\n \n", id="blank lines"),
        pytest.param(BLOCK.replace("\n", "  \n"), id="blanks at the end of lines"),
    ],
)
def test_a_sound_file(text: str) -> None:
    """Its one block, and nothing to complain of."""
    blocks, flaws = read_blocks("f", text.encode())

    assert [(block.label, block.der) for block in blocks] == [("CERTIFICATE", bytes(range(90)))]
    assert flaws == ()


@pytest.mark.parametrize(
    ("text", "rule", "place"),
    [
        pytest.param(BLOCK.replace(END, ""), Rule.END_MISSING, "f:1", id="no END"),
        pytest.param(BLOCK.replace(END, "") + BLOCK, Rule.END_MISSING, "f:1", id="next BEGIN"),
        pytest.param(BODY + "\n" + END, Rule.BEGIN_MISSING, "f:2", id="no BEGIN"),
        pytest.param(BLOCK.replace(BEGIN, BEGIN[1:]), Rule.BAD_TAG, "f:1", id="four hyphens"),
        pytest.param(BLOCK.replace(BEGIN, BEGIN.replace("-----", "\u2013")), Rule.BAD_TAG, "f:1", id="dash"),
        pytest.param(BLOCK.replace(BEGIN, " " + BEGIN), Rule.BAD_TAG, "f:1", id="blank before"),
        pytest.param(BLOCK.replace(BEGIN, BEGIN.lower()), Rule.BAD_TAG, "f:1", id="lower case"),
        pytest.param(BLOCK.replace(END, END[:-2]), Rule.BAD_TAG, "f:4", id="short END"),
        pytest.param(BLOCK.replace("END CERT", "END X509 CERT"), Rule.BAD_TAG, "f:4", id="other END"),
        pytest.param(BLOCK.replace(BODY[:10], "!!" + BODY[2:10]), Rule.BAD_BASE64, "f:2", id="letters"),
        pytest.param(BLOCK.replace(BODY[64:], BODY[64:-3]), Rule.BAD_BASE64, "f:1", id="cut line"),
        pytest.param("subject=x\n" + BLOCK, Rule.TEXT_OUTSIDE, "f:1", id="text before"),
        pytest.param(BLOCK + "issued by us\n", Rule.TEXT_OUTSIDE, "f:5", id="text after"),
    ],
)  # fmt: skip
def test_each_slip_is_told_in_its_line(text: str, rule: Rule, place: str) -> None:
    """One flaw with its own name; text before a lost BEGIN counts as text."""
    _, flaws = read_blocks("f", text.encode())

    assert [(f.rule, f.place) for f in flaws if f.is_refused or f.rule is rule] == [(rule, place)]


@pytest.mark.parametrize(
    "data",
    [b"\x30\x82\x01\x00\x02", BLOCK.encode("utf-16"), b"\x00\x01"],
    ids=["DER", "UTF-16", "binary"],
)
def test_what_is_no_text_is_told_at_once(data: bytes) -> None:
    """Without one message a line."""
    blocks, flaws = read_blocks("f", data)

    assert (blocks, [flaw.rule for flaw in flaws]) == ((), [Rule.BINARY])


def test_headers_are_kept_apart() -> None:
    """RFC 1421: the old form of encrypted keys."""
    text = BLOCK.replace(BEGIN, f"{BEGIN}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n")
    blocks, _ = read_blocks("f", text.encode())

    assert blocks[0].headers == ("Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,00")


@given(st.binary(max_size=300))
def test_nothing_raises(data: bytes) -> None:
    """Whatever is uploaded."""
    read_blocks("f", data)
    read_blocks("f", BEGIN.encode() + b"\n" + data + b"\n" + END.encode())


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(blobs: list[bytes], end: str) -> None:
    """Any number of blocks, with either line break."""
    text = "".join(
        f"{BEGIN}{end}{base64.b64encode(blob).decode()}{end}{END}{end}" for blob in blobs
    )
    blocks, flaws = read_blocks("f", text.encode())

    assert [block.der for block in blocks] == blobs
    assert flaws == ()
