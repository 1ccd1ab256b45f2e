"""What `harness decode --json` prints of a kept capture, and where the kept ones are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from harness.decode.connections import decode_connections
from harness.report.connection_json import connection_json
from harness.report.summary_json import summary_json

CAPTURES = Path(__file__).parent / "captures"


def read_lines(stream: BinaryIO, *, window: int | None = None) -> list[str]:
    """The lines of the command, by number."""
    reader = decode_connections(stream, window=window)
    told = sorted((connection for connection in reader), key=lambda c: c.number)
    summary = summary_json(
        packet_count=reader.packet_count,
        connection_count=len(told),
        skipped=+reader.skipped,
        damage=tuple(reader.damage),
    )
    return [*map(connection_json, told), summary]


def find_requests(connections: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Method and target of every request, those inside tunnels too."""
    for connection in connections:
        layers: dict[str, Any] | None = connection if "exchanges" in connection else None
        while layers is not None:
            for exchange in layers["exchanges"]:
                if exchange["request"] is not None:
                    yield f"{exchange['request']['method']} {exchange['request']['target']}"
            layers = layers["tunnel"]


def is_opened(line: str) -> bool:
    """Every TLS session of a connection was decrypted whole, also those in its tunnels."""
    layers: dict[str, Any] | None = json.loads(line)
    while layers is not None:
        if layers["tls"] is not None and layers["tls"]["decrypted"] != "yes":
            return False
        layers = layers["tunnel"]
    return True
