"""Codec: each function against the one of tlslite-ng that it stands in for, on good data and on bad."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlslite.bufferedsocket import BufferedSocket
from tlslite.constants import ContentType
from tlslite.errors import TLSInternalError, TLSRecordOverflow
from tlslite.extensions import SNIExtension, SupportedGroupsExtension, TLSExtension
from tlslite.recordlayer import RecordSocket
from tlslite.utils.codec import DecodeError, Parser

from harness.world.tls import acceleration, codec
from harness.world.tls.connection import MemorySocket


@pytest.fixture(autouse=True)
def installed() -> None:
    """Install it, as every endpoint does."""
    acceleration.install()


class SlowParser:
    """How tlslite-ng reads, told by RFC 8446 section 3: big-endian numbers one after the other."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def number(self, length: int) -> int:
        """The next one."""
        if len(self.rest) < length:
            raise DecodeError
        data, self.rest = self.rest[:length], self.rest[length:]
        return sum(byte << 8 * (length - 1 - i) for i, byte in enumerate(data))

    def tuples(self, length: int, elements: int, size_length: int) -> list[tuple[int, ...]]:
        """Tuples after their size."""
        size = self.number(size_length)
        if size % (length * elements):
            raise DecodeError
        return [
            tuple(self.number(length) for _ in range(elements))
            for _ in range(size // (length * elements))
        ]


def outcome(read: Any) -> Any:
    """What it gives, or that it refuses."""
    try:
        return read()
    except DecodeError:
        return DecodeError


@given(
    data=st.binary(max_size=40),
    length=st.integers(1, 4),
    elements=st.integers(1, 3),
    size_length=st.integers(1, 2),
)
def test_parser(data: bytes, length: int, elements: int, size_length: int) -> None:
    """Numbers, lists and tuples of every size, whole and cut."""
    fast, slow = Parser(bytearray(data)), SlowParser(data)
    assert outcome(lambda: fast.get(length)) == outcome(lambda: slow.number(length))

    fast, slow = Parser(bytearray(data)), SlowParser(data)
    tuples = outcome(lambda: slow.tuples(length, elements, size_length))
    assert outcome(lambda: fast.getVarTupleList(length, elements, size_length)) == tuples
    if tuples is not DecodeError:
        assert fast.getRemainingLength() == len(slow.rest)

    fast, slow = Parser(bytearray(data)), SlowParser(data)
    singles = outcome(lambda: [one for (one,) in slow.tuples(length, 1, size_length)])
    assert outcome(lambda: fast.getVarList(length, size_length)) == singles

    fast, slow = Parser(bytearray(data)), SlowParser(data)
    listed = outcome(lambda: [slow.number(length) for _ in range(elements)])
    assert outcome(lambda: fast.getFixList(length, elements)) == listed


def test_fields() -> None:
    """Fields of extensions are what their names say."""
    extension = SupportedGroupsExtension().create([23, 24])
    extension.groups = [29]
    extension.mark = 7

    assert (extension.groups, extension._internal_value, extension.mark) == ([29], [29], 7)
    assert bytes(extension.write()).hex() == "000a00040002001d"
    assert extension == SupportedGroupsExtension().create([29])
    assert (extension.cert, extension.hrr, extension.serverType) == (False, False, False)
    assert SNIExtension().create(b"host").hostNames == (b"host",)
    with pytest.raises(AttributeError):
        _ = extension.nothing


def test_get_extension() -> None:
    """The one, none, or an error for two."""
    one, other = (TLSExtension(extType=code).create(bytearray()) for code in (1, 2))
    hello = SimpleNamespace(extensions=[one, other, other])

    assert codec.get_extension(hello, 1) is one
    assert codec.get_extension(hello, 3) is None
    assert codec.get_extension(SimpleNamespace(extensions=None), 1) is None
    with pytest.raises(TLSInternalError):
        codec.get_extension(hello, 2)


def test_get_extension_after_a_change() -> None:
    """What was found before is looked for again once another extension is there, or another list."""
    one, other = (TLSExtension(extType=code).create(bytearray()) for code in (1, 2))
    hello = SimpleNamespace(extensions=[one])
    assert codec.get_extension(hello, 2) is None
    hello.extensions.append(other)
    appended = codec.get_extension(hello, 2)
    hello.extensions = [one]

    assert (appended, codec.get_extension(hello, 2)) == (other, None)


HELLO_EXTENSIONS = (
    "000a00060004001d0017",  # supported_groups
    "00100003000101",  # alpn, cut short
    "000000080006000003612e62",  # server_name
    "ff0100020100",  # renegotiation_info
    "00330002001d",  # key_share, cut short
    "fafa0000",  # unknown
)


@pytest.mark.parametrize("written", HELLO_EXTENSIONS)
@pytest.mark.parametrize("is_server", [False, True])
def test_extensions(written: str, is_server: bool) -> None:
    """Read twice, each from the middle of a message, they are what tlslite-ng reads."""
    data = b"\x01" + bytes.fromhex(written) + b"\x02"
    read = []
    for parse in (codec._slow_parse, codec.parse_extension, codec.parse_extension):
        parser = Parser(bytearray(data))
        parser.index = 1
        extension = outcome(lambda p=parser, f=parse: f(TLSExtension(server=is_server), p))
        read.append((extension if extension is DecodeError else extension.write(), parser.index))

    assert read[0] == read[1] == read[2]


def test_few_extensions_are_remembered() -> None:
    """Those that a peer fills with what it likes do not stay."""
    for number in range(codec._EXTENSIONS + 10):
        alpn = (5).to_bytes(2) + b"\x04" + number.to_bytes(4)
        codec.parse_extension(
            TLSExtension(), Parser(bytearray(b"\x00\x10" + (7).to_bytes(2) + alpn))
        )

    assert len(codec._extensions) <= codec._EXTENSIONS


@pytest.mark.parametrize(
    ("cipher", "fixed", "is_tls13", "nonce"),
    [
        pytest.param("aes128gcm", "0102030405060708090a0b0c", True, "0102030405060708090a0a0e"),
        pytest.param("chacha20-poly1305", "00" * 11 + "0c", False, "00" * 10 + "010e"),
        pytest.param("aes256gcm", "01020304", False, "010203040000000000000102"),
    ],
)
def test_nonce(cipher: str, fixed: str, is_tls13: bool, nonce: str) -> None:
    """Exclusive or in TLS 1.3 and with ChaCha20, one after the other else."""
    layer = SimpleNamespace(_is_tls13_plus=lambda: is_tls13)
    state = SimpleNamespace(
        fixedNonce=bytearray.fromhex(fixed), encContext=SimpleNamespace(name=cipher)
    )

    assert codec.make_nonce(layer, state, bytearray.fromhex("0000000000000102")).hex() == nonce


def record_socket() -> tuple[Any, MemorySocket]:
    """A record socket of tlslite-ng, and where its bytes come from."""
    memory = MemorySocket()
    return RecordSocket(BufferedSocket(memory)), memory


def take(records: Any) -> tuple[int, tuple[int, int], int, bytes] | None:
    """One record, None while there is none."""
    result = next(records.recv())
    if result in (0, 1):
        return None
    header, data = result
    assert (header.ssl2, len(data)) == (False, header.length)
    return header.type, header.version, header.length, bytes(data)


@pytest.mark.parametrize("piece", [1, 3, 7, 100])
def test_records(piece: int) -> None:
    """However the bytes come, the records are the same."""
    records, memory = record_socket()
    wire = bytes.fromhex("160301000401020304" + "1703030001ff" + "1503030002010a")
    found = []
    waiting = None
    for start in range(0, len(wire), piece):
        memory.incoming += wire[start : start + piece]
        while True:
            # A reader in the middle of a record goes on with it.
            waiting = waiting or records.recv()
            result = next(waiting)
            if result in (0, 1):
                break
            header, data = result
            found.append((header.type, header.version, bytes(data).hex()))
            waiting = None

    assert found == [
        (ContentType.handshake, (3, 1), "01020304"),
        (ContentType.application_data, (3, 3), "ff"),
        (ContentType.alert, (3, 3), "010a"),
    ]


def test_record_too_long() -> None:
    """The limit is tlslite-ng's own."""
    records, memory = record_socket()
    memory.incoming += bytes.fromhex("170303ffff") + bytes(65535)

    with pytest.raises(TLSRecordOverflow):
        take(records)


def test_record_of_nothing() -> None:
    """A record without content is one, too."""
    records, memory = record_socket()
    memory.incoming += bytes.fromhex("1703030000")

    assert take(records) == (ContentType.application_data, (3, 3), 0, b"")
