"""Captures of programs that others wrote: they decode as they did when they were made, and tshark agrees."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from harness.decode.decode import decode
from harness.second_opinion.comparison import find_disagreements, read_opinion
from harness.second_opinion.ours import OfTrace
from harness.second_opinion.tshark import NO_KEYS
from tests.end_to_end.test_readers import output, tool
from tests.peers.reading import CAPTURES, find_requests, is_opened, read_lines
from tests.peers.scenes import SCENES

FILES = sorted(CAPTURES.glob("*.pcapng"))
by_file = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])


def read(file: Path, *, window: int) -> list[str]:
    """The lines of `harness decode --json`."""
    with file.open("rb") as stream:
        return read_lines(stream, window=window)


def test_every_scene_is_kept_and_small() -> None:
    """A scene without its capture and decode, or the other way round, was forgotten."""
    kept = sorted(path.name for path in CAPTURES.iterdir())

    assert kept == sorted(f"{name}{end}" for name in SCENES for end in (".jsonl", ".pcapng"))
    assert max(file.stat().st_size for file in FILES) <= 50_000
    assert sum(file.stat().st_size for file in FILES) <= 1_500_000


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["singly", "together"])
@by_file
def test_decode_is_that_of_the_recording(file: Path, window: int) -> None:
    """Byte for byte; when it was recorded, the requests were compared with those that the peers had made."""
    assert read(file, window=window) == file.with_suffix(".jsonl").read_text().splitlines()


@by_file
def test_everything_is_opened(file: Path) -> None:
    """The secrets are in the file, and nothing stays closed: nothing skipped, nothing malformed."""
    *connections, summary = file.with_suffix(".jsonl").read_text().splitlines()
    counts = json.loads(summary)["summary"]

    assert connections
    assert [line for line in connections if not is_opened(line)] == []
    assert [json.loads(line)["malformed"] for line in connections] == [[]] * len(connections)
    assert (counts["skipped"], counts["damaged"]) == (0, 0)


@by_file
def test_another_reader_agrees(file: Path) -> None:
    """Tshark sees the same connections, bytes, hellos, certificates and requests."""
    tool("tshark")
    with file.open("rb") as stream:
        trace = decode(stream)
    opinion = read_opinion(
        trace, capture=file, keys=NO_KEYS, names=("remoteport", "x-forwarded-for")
    )

    assert (
        list(find_disagreements(OfTrace(trace), opinion, ("remoteport", "x-forwarded-for"))) == []
    )


@by_file
def test_another_reader_decrypts_the_same(file: Path) -> None:
    """Plaintext of every session outside tunnels, byte for byte, as tshark follows it."""
    tool("tshark")
    connections = [json.loads(line) for line in file.with_suffix(".jsonl").read_text().splitlines()]
    wanted: dict[int, int] = {}
    options: list[str] = []
    for index, connection in enumerate(connections[:-1]):
        tls = connection["tls"]
        if tls is not None and tls["client_plaintext_bytes"]:
            wanted[index] = tls["client_plaintext_bytes"] + tls["server_plaintext_bytes"]
            options += ["-z", f"follow,tls,raw,{index}", "-d", f"tcp.port=={_port(connection)},tls"]

    lines = output("tshark", "-n", "-q", "-r", file, *options)

    assert dict(_followed(lines)) == wanted


def _port(connection: dict[str, str]) -> str:
    return connection["server"].rpartition(":")[2]


def _followed(lines: list[str]) -> Counter[int]:
    """Bytes by stream in the output of `-z follow,tls,raw`."""
    sizes: Counter[int] = Counter()
    stream = -1
    for line in lines:
        if line.startswith("Filter: tcp.stream eq "):
            stream = int(line.rpartition(" ")[2])
        elif (text := line.strip()) and all(c in "0123456789abcdef" for c in text):
            sizes[stream] += len(text) // 2
    return sizes


def test_requests_are_spread_over_all_kinds() -> None:
    """The kept captures hold what they are for."""
    every = [
        json.loads(line)
        for file in FILES
        for line in file.with_suffix(".jsonl").read_text().splitlines()
    ]
    sessions = [c["tls"] for c in every if c.get("tls")]
    methods = Counter(request.split()[0] for request in find_requests(every))

    assert {tls["version_name"] for tls in sessions} == {"TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}
    assert len({tls["cipher_suite"] for tls in sessions}) >= 90
    assert methods.keys() >= {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT"}
    assert {tls["early_data"] for tls in sessions} == {None, "accepted"}
    assert any(tls["later_client_certificates"] or tls["client_certificates"] for tls in sessions)
    assert sum(tls["resumed"] for tls in sessions) >= 4
    assert sum(c["tunnel"] is not None for c in every if "tunnel" in c) >= 4


def test_another_reader_sees_the_same_fields_of_http_2() -> None:
    """Every field of every message, from the header tables of curl, nginx and HAProxy."""
    tool("tshark")
    file = CAPTURES / "http-2.pcapng"
    ports = ("-d", "tcp.port==8445,tls", "-d", "tcp.port==5262,tls")
    fields = (
        "-T",
        "fields",
        "-E",
        "aggregator=\x1f",
        "-e",
        "http2.header.name",
        "-e",
        "http2.header.value",
    )
    lines = output("tshark", "-n", "-r", file, *ports, "-Y", "http2.header", *fields)
    theirs: Counter[tuple[str, str]] = Counter()
    for line in lines:
        names, values = (part.split("\x1f") for part in line.split("\t"))
        theirs.update(zip(names, values, strict=True))
    with file.open("rb") as stream:
        exchanges = [e for c in decode(stream).connections for e in c.exchanges]
    messages = [m for e in exchanges for m in (e.request, e.response) if m is not None]
    ours = Counter(
        (h.name.decode(), h.value.decode())
        for m in messages
        for h in m.headers
        if m.version == b"HTTP/2" and h.name != b"host"
    )

    assert ours == Counter({f: n for f, n in theirs.items() if not f[0].startswith(":")})
    assert ours.total() > 60
