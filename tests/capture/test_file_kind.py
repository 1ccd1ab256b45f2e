"""Tests of the file kinds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from harness.capture.block import Damage
from harness.capture.file_kind import tell_kind
from harness.capture.pcapng import read_blocks


def build_zip() -> bytes:
    """An archive with one file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.pcap", b"abc")
    return target.getvalue()


def build_tar() -> bytes:
    """The same."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.pcap"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: bz2.compress(b"abc"), "bzip2 data (first: bzip2 -d FILE)"),
        (lambda: lzma.compress(b"abc"), "xz data (first: xz -d FILE)"),
        (build_zip, "a ZIP archive (first: unzip FILE)"),
        (build_tar, "a tar archive (first: tar xf FILE)"),
        (lambda: gzip.compress(build_tar()), "a tar archive (first: tar xf FILE)"),
        (lambda: bytes.fromhex("28b52ffd2403190000616263"), "zstd data (first: zstd -d FILE)"),
        (lambda: bytes.fromhex("04224d186440a7"), "LZ4 data (first: lz4 -d FILE)"),
        (
            lambda: b"snoop\0\0\0\0\0\0\2\0\0\0\4",
            "a Solaris snoop capture (first: editcap -F pcapng FILE FILE.pcapng)",
        ),
        (lambda: b"btsnoop\0\0\0\0\1", "a Bluetooth capture"),
        (lambda: b"hello, world", "68 65 6c 6c 6f 2c 20 77"),
    ],
    ids=["bzip2", "xz", "zip", "tar", "tar.gz", "zstd", "lz4", "snoop", "btsnoop", "text"],
)
def test_other_files_are_named_with_what_helps(build: Callable[[], bytes], told: str) -> None:
    """What is no capture that is read here is told by its name and the command that makes one of it."""
    found = list(read_blocks(io.BytesIO(build())))

    assert found == [
        Damage(
            offset=0, message=f"not a capture: expected pcapng, pcap or gzip of them; found {told}"
        )
    ]


def test_what_is_not_known_has_no_name() -> None:
    """No guess is made."""
    assert tell_kind(b"") == ""
    assert tell_kind(bytes(300)) == ""


def test_gzip_that_ends_at_once_is_told_once() -> None:
    """Nothing came out of it."""
    found = list(read_blocks(io.BytesIO(gzip.compress(b"abc")[:11])))

    assert found == [
        Damage(
            offset=0,
            message="not a capture: expected pcapng, pcap or gzip of them; the gzip data ends early, "
            "at byte 11 of the compressed file",
        )
    ]
