"""The hot loops of tlslite-ng's reading and writing: the same bytes and the same errors in fewer steps.

Each function stands in for the method of tlslite-ng that its docstring names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from tlslite.constants import ContentType, ExtensionType
from tlslite.errors import TLSInternalError
from tlslite.extensions import TLSExtension
from tlslite.messages import RecordHeader3
from tlslite.recordlayer import RecordSocket
from tlslite.utils.codec import DecodeError

_slow_receive = RecordSocket.recv
_slow_parse = TLSExtension.parse
_RECORD_HEAD = struct.Struct("!BBBH")
_LETTERS = {1: "B", 2: "H"}
_EXTENSION_HEAD_BYTES = 4
_ALIKE = frozenset(
    (
        *(ExtensionType.server_name, ExtensionType.status_request, ExtensionType.supported_groups),
        *(ExtensionType.ec_point_formats, ExtensionType.signature_algorithms, ExtensionType.alpn),
        *(ExtensionType.extended_master_secret, ExtensionType.supported_versions),
        *(ExtensionType.psk_key_exchange_modes, ExtensionType.client_hello_padding),
    )
)
"""Extensions that are the same in all hellos of a client, and that nobody changes once they are read."""
_EXTENSIONS = 1024
"""Of these so many are remembered: peers choose what is in them."""

_extensions: dict[tuple[object, ...], Any] = {}


def read_number(parser: Any, length: int) -> int:
    """`Parser.get`: a number of so many bytes.

    Raises:
        DecodeError: the data ends before it.
    """
    start = parser.index
    end = start + length
    if end > len(parser.bytes):
        raise DecodeError("Read past end of buffer")
    parser.index = end
    return int.from_bytes(parser.bytes[start:end], "big")


@lru_cache(maxsize=256)
def _numbers(length: int, count: int) -> struct.Struct:
    return struct.Struct(f"!{count}{_LETTERS[length]}")


def read_numbers(parser: Any, length: int, count: int) -> list[int]:
    """`Parser.getFixList`: so many numbers of one size.

    Raises:
        DecodeError: the data ends before the last.
    """
    if length not in _LETTERS:
        return [read_number(parser, length) for _ in range(count)]
    start = parser.index
    end = start + length * count
    if end > len(parser.bytes):
        raise DecodeError("Read past end of buffer")
    parser.index = end
    return list(_numbers(length, count).unpack_from(parser.bytes, start))


def read_list(parser: Any, length: int, size_length: int) -> list[int]:
    """`Parser.getVarList`: numbers of one size, after the bytes that they take.

    Raises:
        DecodeError: that is no whole number of them, or the data ends before the last.
    """
    size = read_number(parser, size_length)
    if size % length:
        raise DecodeError("Encoded length not a multiple of element length")
    return read_numbers(parser, length, size // length)


def read_tuples(parser: Any, length: int, elements: int, size_length: int) -> list[tuple[int, ...]]:
    """`Parser.getVarTupleList`: tuples of numbers of one size, after the bytes that they take.

    Raises:
        DecodeError: that is no whole number of them, or the data ends before the last.
    """
    size = read_number(parser, size_length)
    if size % (length * elements):
        raise DecodeError("Encoded length not a multiple of element length")
    numbers = iter(read_numbers(parser, length, size // length))
    return list(zip(*(numbers,) * elements, strict=True))


def start_extension(extension: Any, field_name: str, extType: int) -> None:
    """`CustomNameExtension.__init__`: all fields at once, past its `__setattr__`."""
    extension.__dict__.update(
        extType=extType,
        _extData=bytearray(),
        serverType=False,
        encExtType=False,
        cert=False,
        hrr=False,
        _field_name=field_name,
        _internal_value=None,
    )


def set_field(extension: Any, name: str, value: Any) -> None:
    """`CustomNameExtension.__setattr__`, without an exception raised and caught for each field of a new object."""
    if extension.__dict__.get("_field_name") == name:
        name = "_internal_value"
    object.__setattr__(extension, name, value)


def get_extension(hello: Any, ext_type: int) -> Any:
    """`HelloMessage.getExtension`: the extension of this type, or None.

    Raises:
        TLSInternalError: two have it.
    """
    extensions = hello.extensions
    if not extensions:
        return None
    kept, count, by_type = hello.__dict__.get("_by_type", _NOTHING)
    if kept is not extensions or count != len(extensions):
        by_type = {extension.extType: extension for extension in extensions}
        if len(by_type) < len(extensions):
            return _find_alone(extensions, ext_type)
        hello.__dict__["_by_type"] = extensions, len(extensions), by_type
    return by_type.get(ext_type)


_NOTHING: tuple[Any, int, Mapping[int, Any]] = (None, 0, {})


def _find_alone(extensions: list[Any], ext_type: int) -> Any:
    found = [extension for extension in extensions if extension.extType == ext_type]
    if len(found) > 1:
        raise TLSInternalError("Multiple extensions of the same type present")
    return found[0] if found else None


def parse_extension(extension: Any, parser: Any) -> Any:
    """`TLSExtension.parse`: equal bytes give the object that they gave before."""
    start, data = parser.index, parser.bytes
    head = data[start : start + _EXTENSION_HEAD_BYTES]
    end = start + _EXTENSION_HEAD_BYTES + int.from_bytes(head[2:], "big")
    if int.from_bytes(head[:2], "big") not in _ALIKE or end > len(data):
        return _slow_parse(extension, parser)
    where = extension.cert, extension.serverType, extension.hrr, extension.encExtType
    key = bytes(data[start:end]), *where
    known = _extensions.get(key)
    if known is not None:
        parser.index = end
        return known
    if len(_extensions) >= _EXTENSIONS:
        _extensions.clear()
    read = _extensions[key] = _slow_parse(extension, parser)
    return read


def make_nonce(record_layer: Any, state: Any, sequence: bytes | bytearray) -> bytearray:
    """`RecordLayer._getNonce` (RFC 8446 section 5.3; for TLS 1.2 RFC 5288 section 3 and RFC 7905 section 2)."""
    fixed = state.fixedNonce
    is_chacha = state.encContext.name == "chacha20-poly1305" and len(fixed) == 12
    if is_chacha or record_layer._is_tls13_plus():
        number = int.from_bytes(fixed, "big") ^ int.from_bytes(sequence, "big")
        return bytearray(number.to_bytes(len(fixed), "big"))
    return bytearray(fixed + sequence)


def receive_record(record_socket: Any) -> Iterator[Any]:
    """`RecordSocket.recv`: cut a record that is there in one piece; leave all others to tlslite-ng."""
    buffered = record_socket.sock
    buffer, incoming = buffered._read_buffer, buffered.socket.incoming
    if incoming:
        buffer += incoming
        incoming.clear()
    if len(buffer) >= _RECORD_HEAD.size:
        kind, major, minor, size = _RECORD_HEAD.unpack_from(buffer)
        end = _RECORD_HEAD.size + size
        # The smallest of the limits that tlslite-ng applies; over it, it decides itself.
        if (
            kind in ContentType.all
            and 0 < size <= record_socket.recv_record_limit
            and len(buffer) >= end
        ):
            data = buffer[_RECORD_HEAD.size : end]
            del buffer[:end]
            yield RecordHeader3().create((major, minor), kind, size), data
            return
    yield from _slow_receive(record_socket)
