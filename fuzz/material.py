"""Material: a document of bytes and numbers as one run of bytes, for targets that need more than a single blob.

JSON. Text begins with `s`, bytes with `b` (as latin-1 text) or, long ones, with `z` (base64 of zlib): found cases can
be read, and mostly edited, by hand.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

Value = None | bool | int | bytes | str | Sequence["Value"] | Mapping[str, "Value"]

_LONG = 4096
"""Bytes that are worth compressing."""


def pack(value: Value) -> bytes:
    """One document."""
    return json.dumps(_out(value), ensure_ascii=True, separators=(",", ":")).encode()


def unpack(data: bytes) -> Any:
    """The document again, sequences as lists; its shape is known to who packed it."""
    return _back(json.loads(data))


def _out(value: Value) -> object:
    match value:
        case bytes() if len(value) > _LONG:
            return "z" + base64.b64encode(zlib.compress(value, 1)).decode()
        case bytes():
            return "b" + value.decode("latin-1")
        case str():
            return "s" + value
        case Mapping():
            return {key: _out(item) for key, item in value.items()}
        case None | bool() | int():
            return value
        case _:
            return [_out(item) for item in value]


def _back(value: object) -> Any:
    match value:
        case str() if value[:1] == "z":
            return zlib.decompress(base64.b64decode(value[1:]))
        case str():
            return value[1:].encode("latin-1") if value[:1] == "b" else value[1:]
        case dict():
            return {str(key): _back(item) for key, item in value.items()}
        case list():
            return [_back(item) for item in value]
        case None | bool() | int():
            return value
        case _:
            raise ValueError(f"got {type(value).__name__}; expected a packed document")
