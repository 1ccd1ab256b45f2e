"""Tests of the key log."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets, build_keylog_line, parse_keylog

ONE, TWO = bytes(32), b"\x01" * 32


def test_written_lines_are_found_by_client_random() -> None:
    """What build_keylog_line writes, find gives back, each under its own client random."""
    text = build_keylog_line("CLIENT_RANDOM", ONE, b"a" * 48)
    text += build_keylog_line("SERVER_TRAFFIC_SECRET_0", TWO, b"b" * 32)

    secrets = parse_keylog(text)

    assert dict(secrets.find(ONE)) == {"CLIENT_RANDOM": b"a" * 48}
    assert dict(secrets.find(TWO)) == {"SERVER_TRAFFIC_SECRET_0": b"b" * 32}
    assert len(secrets) == 2


def test_nothing_is_found_for_an_unknown_client_random() -> None:
    """No entry is an empty mapping, not an error."""
    assert dict(parse_keylog(b"").find(ONE)) == {}


def test_of_a_repeated_label_the_first_stays() -> None:
    """A second secret of the same label changes nothing, in one file or in two; it can be asked for."""
    secrets = parse_keylog(build_keylog_line("CLIENT_RANDOM", ONE, b"a" * 48))

    added = secrets.add(build_keylog_line("CLIENT_RANDOM", ONE, b"b" * 48))

    assert added == 0
    assert secrets.find(ONE)["CLIENT_RANDOM"] == b"a" * 48
    assert secrets.find_others(ONE) == {"CLIENT_RANDOM": (b"b" * 48,)}


def test_sole_secrets_are_sure() -> None:
    """None at all is as sure as one of each label; two of one label, or keys that must be derived, are not."""
    line = build_keylog_line("CLIENT_RANDOM", ONE, b"a" * 48)
    secrets = parse_keylog(line)
    late = Secrets()
    late.use_later(lambda: late.use_private_keys(lambda encrypted, certificate: None))

    assert secrets.find_sole(ONE) == {"CLIENT_RANDOM": b"a" * 48}
    assert secrets.find_sole(TWO) == {}
    assert late.find_sole(ONE) is None
    secrets.add(build_keylog_line("CLIENT_RANDOM", ONE, b"b" * 48))
    assert secrets.find_sole(ONE) is None
    assert secrets.find_sole(TWO) == {}


def test_other_secrets_are_kept_once_and_few() -> None:
    """A key log that repeats itself says nothing new, and one that never ends takes no memory."""
    lines = [build_keylog_line("CLIENT_RANDOM", ONE, bytes((n,)) * 48) for n in range(20)]
    secrets = parse_keylog(b"".join((*lines, *lines)))

    assert [s[0] for s in secrets.find_others(ONE)["CLIENT_RANDOM"]] == list(range(1, 9))


@pytest.mark.parametrize(
    "line",
    [
        b"# CLIENT_RANDOM " + b"00" * 32 + b" 11",
        b"EXPORTER_SECRET " + b"00" * 32 + b" 11",
        b"CLIENT_TRAFFIC_SECRET_N " + b"00" * 32 + b" 11",
        b"CLIENT_RANDOM " + b"00" * 31 + b" 11",
        b"CLIENT_RANDOM " + b"0g" * 32 + b" 11",
        b"CLIENT_RANDOM " + b"00" * 32 + b" 1",
        b"CLIENT_RANDOM " + b"00" * 32,
        b"CLIENT_RANDOM " + b"00" * 32 + b" 11 22",
        b"\xff\xfe\x00",
    ],
    ids=[
        "comment",
        "exporter",
        "key update",
        "short random",
        "no hex",
        "odd hex",
        "no secret",
        "extra",
        "binary",
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_what_is_no_secret_is_passed_over(line: bytes, end: bytes) -> None:
    """Such a line neither raises nor hides the good line after it."""
    secrets = parse_keylog(line + end + build_keylog_line("CLIENT_RANDOM", ONE, b"a"))

    assert dict(secrets.find(ONE)) == {"CLIENT_RANDOM": b"a"}


@pytest.mark.parametrize(
    ("label", "client_random", "secret"),
    [("CLIENT", ONE, b"a"), ("CLIENT_RANDOM", b"short", b"a"), ("CLIENT_RANDOM", ONE, b"")],
    ids=["label", "random", "secret"],
)
def test_a_wrong_line_is_not_built(label: str, client_random: bytes, secret: bytes) -> None:
    """Each part is checked before it gets into a file."""
    with pytest.raises(ValueError, match="got"):
        build_keylog_line(label, client_random, secret)


def test_older_forms_of_rsa_key_exchange() -> None:
    """Session id and master key, encrypted and plain pre-master secret; what is none of them is passed over."""
    secrets = Secrets()
    added = secrets.add(
        b"RSA Session-ID:0102 Master-Key:aabb\n"
        b"RSA 0102030405060708 " + b"cc" * 48 + b"\r\n"
        b"RSA 01 ccdd\nRSA zz zz\nRSA Session-ID: Master-Key:aa\n"
    )

    assert added == 2
    assert secrets.needs_key_exchange
    assert secrets.find_master(b"\1\2") == b"\xaa\xbb"
    assert secrets.find_pre_master(bytes(range(1, 200)), None) == b"\xcc" * 48
    assert secrets.find_pre_master(bytes(128), None) is None


def test_the_key_log_goes_before_what_was_derived() -> None:
    """A derived secret may come from a ticket that the server refused; a logged one is what was used."""
    secrets = Secrets()
    secrets.keep_master(ONE, b"derived")
    derived = dict(secrets.find(ONE))
    secrets.add(b"CLIENT_RANDOM " + ONE.hex().encode() + b" aabb\n")

    assert derived == {"CLIENT_RANDOM": b"derived"}
    assert secrets.find(ONE) == {"CLIENT_RANDOM": b"\xaa\xbb"}


LINES = [
    b"CLIENT_RANDOM " + b"ab" * 32 + b" 11",
    b"CLIENT_RANDOM " + b"AB" * 32 + b" 22",
    b"SERVER_TRAFFIC_SECRET_0 " + b"ab" * 32 + b" 33",
    b"EXPORTER_SECRET " + b"ab" * 32 + b" 44",
    b"CLIENT_RANDOM " + b"cd" * 32 + b" 5",
    b"CLIENT_RANDOM  " + b"cd" * 32 + b"\t66\r",
    b"PMS_CLIENT_RANDOM " + b"cd" * 32 + b" 77",
    b"# a comment",
    b"RSA 0011223344556677 88",
    b"",
]


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.sampled_from(LINES), max_size=8))
def test_lines_together_are_lines_one_by_one(lines: list[bytes]) -> None:
    """Whatever stands among them."""
    together, singly = Secrets(), Secrets()

    added = together.add(b"\n".join(lines))

    assert added == sum([singly.add(line) for line in lines])
    for name in (b"\xab" * 32, b"\xcd" * 32):
        assert together.find(name) == singly.find(name)
    assert together.needs_key_exchange == singly.needs_key_exchange


def test_a_large_log_is_read_in_chunks_of_lines() -> None:
    """Of two megabytes, with the last line not ended."""
    lines = [build_keylog_line("CLIENT_RANDOM", n.to_bytes(32, "big"), b"s") for n in range(20_000)]

    secrets = parse_keylog(b"".join(lines).rstrip(b"\n"))

    assert len(secrets) == 20_000
    assert secrets.find((19_999).to_bytes(32, "big")) == {"CLIENT_RANDOM": b"s"}
