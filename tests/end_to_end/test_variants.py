"""The same conversation in another form: what was said is the same in other files, links, tunnels and segments."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.decode.connections import decode_connections
from harness.report.connection_json import connection_json
from tests.peers.reading import CAPTURES
from tests.peers.variants import (
    CHANGES,
    FORMS,
    choose_changes,
    read_recording,
    write_pcapng,
)

NAMES = (
    "openssl-mutual-ec",
    "openssl-resumed",
    "http-forms",
    "haproxy-passed-through",
    "tinyproxy-tunnelled",
)
FILES = sorted(CAPTURES.glob("*.pcapng"))


def facts(data: bytes, *, secrets: bytes = b"", window: int = 0) -> list[dict[str, Any]]:
    """What was said: all but packet numbers, places and times."""
    reader = decode_connections(BytesIO(data), key_log=secrets, window=window)
    told = [json.loads(connection_json(c)) for c in sorted(reader, key=lambda c: c.number)]
    return [_bare(connection) for connection in told]


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = {"packets", "opened_ns", "closed_ns", "client", "server", "carried_in", "tap"}
    # Of an exchange's own client and server nothing is dropped: they have other names there.
    return {key: _bare(item) for key, item in value.items() if key not in dropped}


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["singly", "together"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_other_files(name: str, form: str, window: int) -> None:
    """Byte orders, units of time, sections, secrets at the end, unknown blocks, gzip."""
    data = (CAPTURES / f"{name}.pcapng").read_bytes()
    recording = read_recording(data)

    changed = facts(FORMS[form](recording), secrets=recording.secrets, window=window)

    assert changed == facts(data)


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["singly", "together"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_other_packets(name: str, change: str, window: int) -> None:
    """Links, tunnels, IPv6, and segments cut, swapped, repeated, in fragments."""
    data = (CAPTURES / f"{name}.pcapng").read_bytes()
    changed = write_pcapng(CHANGES[change](read_recording(data)))

    assert facts(changed, window=window) == facts(data)


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_several_changes_together(file: Path) -> None:
    """Drawn by the name of the file."""
    data = file.read_bytes()
    name, change = choose_changes(Random(file.stem))

    assert facts(write_pcapng(change(read_recording(data)))) == facts(data), name
