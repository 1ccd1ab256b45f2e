"""What tshark sees in a capture, in the form of the truth.json of the reference captures.

One run for each file: the fields of every frame, and the bytes of the first streams.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Row = Mapping[str, list[str]]

STREAMS = 30
"""Whose bytes are followed; of more, the first."""
TIMEOUT_S = 120
HELLO_RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3)."""
MISSING = re.compile(rb"\[\d+ bytes missing in capture file\]")
"""What tshark writes into a stream where segments are missing."""
RULE = b"=" * 67
"""Before and after each stream that was followed."""

_RECORD, _UNIT = "\x1e", "\x1f"
_FIELDS = (
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "http.request.method",
    "http.request.uri",
    "tls.record.content_type",
    "tls.handshake.type",
    "tls.handshake.random",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "tls.handshake.ciphersuite",
    "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.extensions.psk.identity.selected",
    "tls.handshake.certificate_length",
    "tls.resumed",
    "tls.alert_message.desc",
)
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = "1", "2", "11"


class NoTruthError(Exception):
    """tshark is missing or could not read the file at all; the text says why."""


def make_truth(path: Path, key_file: Path | None, *, expected: int = 0) -> Json:
    """What tshark sees in one capture.

    Args:
        path: the capture.
        key_file: its key log.
        expected: TCP streams that it probably has; a right guess saves a second run.

    Raises:
        NoTruthError: tshark is missing, took too long, or cannot open the file.
    """
    rows, followed = _ask(path, key_file, min(expected, STREAMS))
    count = max((int(n) for row in rows for n in row["tcp.stream"][-1:]), default=-1) + 1
    if min(count, STREAMS) > min(expected, STREAMS):
        rows, followed = _ask(path, key_file, min(count, STREAMS))
    by_stream: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        for number in row["tcp.stream"][-1:]:
            by_stream[int(number)].append(row)
    truth: Json = {
        "frames": len(rows),
        "keylog": key_file.name if key_file is not None else None,
        "tcp_streams": len(by_stream),
        "streams_detail": {str(n): told for kind, n, told in followed if kind == "tcp"},
        "tls_streams": {},
        "http_requests": [
            {"method": method, "uri": uri}
            for row in rows
            for method, uri in zip(
                row["http.request.method"], _pad(row, "http.request.uri"), strict=False
            )
        ],
    }
    for kind, number, told in followed:
        own = by_stream[number]
        if kind == "tls" and any(row["tls.record.content_type"] for row in own):
            session = _session(own)
            session["plaintext"] = _by_way(session.pop("client_port"), told)
            truth["tls_streams"][str(number)] = session
    return truth


def _pad(row: Row, name: str) -> list[str]:
    """The values of a field that some messages of the frame may lack."""
    return row[name] + [""] * len(row["http.request.method"])


def _run(path: Path, key_file: Path | None, options: Sequence[str]) -> bytes:
    program = shutil.which("tshark")
    if program is None:
        raise NoTruthError("tshark is not installed (Debian: apt-get install tshark)")
    command = [program, "-n", "-r", str(path), "-o", "tcp.reassemble_out_of_order:TRUE", *options]
    if key_file is not None:
        command += ["-o", f"tls.keylog_file:{key_file}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoTruthError(f"{path}: tshark took more than {TIMEOUT_S} s") from error
    if done.returncode and not done.stdout.strip():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word"]
        raise NoTruthError(f"{path}: {said[-1]}")
    return done.stdout


def _ask(
    path: Path, key_file: Path | None, count: int
) -> tuple[list[Row], list[tuple[str, int, Json]]]:
    """The fields of every frame, and what was followed of the first streams."""
    options = ["-T", "fields", "-E", f"separator={_RECORD}", "-E", f"aggregator={_UNIT}"]
    options += ["-e", "frame.number", *(part for name in _FIELDS for part in ("-e", name))]
    for number in range(count):
        options += ["-z", f"follow,tcp,raw,{number}", "-z", f"follow,tls,raw,{number}"]
    text = _run(path, key_file, options)
    lines, _, rest = text.partition(RULE)
    rows: list[Row] = []
    for line in lines.decode("utf-8", "replace").split("\n"):
        cells = line.split(_RECORD)
        if len(cells) == len(_FIELDS) + 1:
            values = (cell.split(_UNIT) if cell else [] for cell in cells[1:])
            rows.append(dict(zip(_FIELDS, values, strict=True)))
    return rows, list(_read_followed(rest))


def _session(rows: Sequence[Row]) -> Json:
    """What the TLS of one stream shows."""
    session: Json = {
        "client_hellos": [],
        "server_hellos": [],
        "client_certificate_messages": [],
        "resumed": False,
        "alerts": [],
        "client_port": None,
    }
    for row in rows:
        kinds = row["tls.handshake.type"]
        hellos = [kind for kind in kinds if kind in (_CLIENT_HELLO, _SERVER_HELLO)]
        for kind, random in zip(hellos, row["tls.handshake.random"], strict=False):
            _note_hello(session, row, kind, random, alone=len(hellos) == 1)
        if _CERTIFICATE in kinds and row["tcp.srcport"][-1] == session["client_port"]:
            lengths = [int(length) for length in row["tls.handshake.certificate_length"]]
            session["client_certificate_messages"].append({"certificate_lengths": lengths})
        if len(session["client_hellos"]) == 1:  # Of the first handshake, not of renegotiations.
            session["resumed"] |= bool(row["tls.resumed"])
        session["alerts"] += [int(description) for description in row["tls.alert_message.desc"]]
    return session


def _note_hello(session: Json, row: Row, kind: str, random: str, *, alone: bool) -> None:
    """One hello; what may belong to another hello of the same frame is left out."""
    if kind == _CLIENT_HELLO:
        session["client_port"] = session["client_port"] or row["tcp.srcport"][-1]
        session["client_hellos"].append(
            {
                "client_random": [random],
                "sni": row["tls.handshake.extensions_server_name"][:1],
                "alpn": row["tls.handshake.extensions_alpn_str"] if alone else None,
            }
        )
        return
    session["resumed"] |= bool(row["tls.handshake.extensions.psk.identity.selected"])
    session["server_hellos"].append(
        {
            "hrr": random == HELLO_RETRY,
            "cipher": row["tls.handshake.ciphersuite"] if alone else [],
            "version": row["tls.handshake.version"],
            "selected_version": row["tls.handshake.extensions.supported_version"],
        }
    )


def _read_followed(text: bytes) -> Iterator[tuple[str, int, Json]]:
    """Protocol, stream, and the bytes of each direction."""
    for part in text.split(RULE):
        head = re.match(
            rb"\s*Follow: (tcp|tls),raw\nFilter: tcp\.stream eq (\d+)\nNode 0: (.*)\nNode 1: (.*)\n",
            part,
        )
        if head is None:
            continue
        sides: tuple[list[bytes], list[bytes]] = ([], [])
        for line in part[head.end() :].splitlines():
            sides[line.startswith(b"\t")].append(bytes.fromhex(line.strip().decode("ascii")))
        followed: Json = {"node0": head[3].decode(), "node1": head[4].decode()}
        for side, parts in enumerate(sides):
            data = b"".join(parts)
            followed[f"from_node{side}"] = {
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            if marks := len(MISSING.findall(data)):
                followed[f"from_node{side}"]["tshark_gap_markers"] = marks
        yield head[1].decode(), int(head[2]), followed


def _by_way(client_port: str | None, followed: Json) -> Json:
    """Plaintext of each direction; the client is the end with the port of the ClientHello.

    Node 0 is whose data came first; tshark names the other one only when it has sent some as well.
    """
    client = int(client_port is None or not followed["node0"].endswith(f":{client_port}"))
    return {
        "client_to_server": followed[f"from_node{client}"],
        "server_to_client": followed[f"from_node{1 - client}"],
    }
