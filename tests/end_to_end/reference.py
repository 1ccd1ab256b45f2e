"""What the reference captures show by `harness decode`, beside what independent tools saw in them (truth.json).

python -m tests.end_to_end.reference FOLDER     the score of each folder, and every difference

A folder without a truth.json gets one: tshark is asked what it sees in each capture (key log: FILE.keys beside it).
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.decode.connections import decode_connections
from harness.report.connection_json import connection_json
from harness.report.summary_json import summary_json
from tests.end_to_end.tshark_truth import NoTruthError, make_truth

CAPTURE = re.compile(r"\.(pcap|pcapng|cap)(\.gz)?$")
Json = dict[str, Any]
Facts = dict[str, tuple[object, object]]
"""What is compared, by name: theirs and ours."""


def read(path: Path, key_file: str | None) -> tuple[list[Json], Json]:
    """The connections of a capture in order, and the summary, as the command prints them."""
    keys = path.with_name(key_file).read_bytes() if key_file else b""
    with path.open("rb") as stream:
        reader = decode_connections(stream, key_log=keys)
        told = [json.loads(connection_json(connection)) for connection in reader]
        summary = summary_json(
            packet_count=reader.packet_count,
            connection_count=len(told),
            skipped=+reader.skipped,
            damage=tuple(reader.damage),
        )
    return sorted(told, key=lambda c: int(c["number"])), json.loads(summary)["summary"]


def compare(path: Path, truth: Json) -> Facts:
    """All facts of one capture that the reference names."""
    connections, summary = read(path, truth.get("keylog"))
    facts: Facts = {
        "packets": (truth["frames"], summary["packets"]),
        "connections": (truth["tcp_streams"], len(connections)),
    }
    used: set[int] = set()
    for index, stream in truth["streams_detail"].items():
        if stream["node0"].startswith(":"):
            continue  # The reference could not name its ends.
        found = _find(connections, stream, int(index), used)
        facts[f"stream {index}"] = (True, found is not None)
        if found is not None:
            used.add(found["number"])
            facts |= _compare_stream(index, stream, found)
    for index, session in (truth.get("tls_streams") or {}).items():
        facts |= _compare_session(index, session, _at(connections, truth, int(index)))
    facts |= _compare_http(truth, connections)
    return facts


def _find(connections: list[Json], stream: Json, index: int, used: set[int]) -> Json | None:
    """The connection with the same ends: the one with the same number, or the first that is left."""
    ends = {stream["node0"], stream["node1"]}
    same = [c for c in connections if {c["client"], c["server"]} == ends]
    same.sort(key=lambda c: (c["number"] != index + 1, c["number"] in used))
    return same[0] if same else None


def _compare_stream(index: str, stream: Json, found: Json) -> Facts:
    """Bytes of each direction; where the reference marks a gap, only that we have one too."""
    facts: Facts = {}
    if stream["node0"] == stream["node1"]:
        return facts
    for node in ("0", "1"):
        side = "client" if found["client"] == stream[f"node{node}"] else "server"
        theirs = stream[f"from_node{node}"]
        holes = [gap for gap in found["gaps"] if gap["side"] == side]
        what = f"stream {index} {side}"
        if theirs.get("tshark_gap_markers"):
            facts[f"{what} gap"] = (True, bool(holes))
            continue
        facts[f"{what} bytes"] = (theirs["bytes"], found[f"{side}_bytes"])
        if not holes:
            facts[f"{what} sha256"] = (theirs["sha256"], found[f"{side}_sha256"])
    return facts


def _at(connections: list[Json], truth: Json, index: int) -> list[Json]:
    """The TLS sessions of one stream, the outer one first."""
    stream = truth["streams_detail"].get(str(index))
    if stream is not None:
        found = _find(connections, stream, index, set())
    else:  # The reference describes the first streams only.
        found = connections[index] if len(connections) == truth["tcp_streams"] else None
    if found is None:
        return []
    return [layers["tls"] for layers in _layers(found) if layers["tls"] is not None]


def _layers(connection: Json) -> Iterator[Json]:
    layers: Json | None = connection
    while layers is not None:
        yield layers
        layers = layers["tunnel"]


def _compare_session(index: str, theirs: Json, ours: list[Json]) -> Facts:
    """The session that agrees best: tshark counts those of a tunnel and of its outside as one stream."""
    if not ours:
        return {f"tls {index}": (True, False)}
    every = [_session_facts(index, theirs, session) for session in ours]
    return min(every, key=lambda facts: sum(a != b for a, b in facts.values()))


def _session_facts(index: str, theirs: Json, ours: Json) -> Facts:
    facts: Facts = {}

    def note(what: str, their: object, our: object) -> None:
        facts[f"tls {index} {what}"] = (their, our)

    hellos = [h for h in theirs.get("client_hellos", []) if h["client_random"]]
    answers = [h for h in theirs.get("server_hellos", []) if not h["hrr"] and h["cipher"]]
    shown = theirs.get("client_certificate_messages") or []
    note("client random", hellos[0]["client_random"][0] if hellos else None, ours["client_random"])
    if hellos:
        note("sni", (hellos[0]["sni"] or [None])[0], ours["sni"])
        note("alpn offered", hellos[0]["alpn"], ours["alpn_offered"])
    if answers:
        first = answers[0]
        note("version", (first["selected_version"] or first["version"])[0], ours["version"])
        note("cipher suite", int(first["cipher"][0], 16), int(ours["cipher_suite"] or "0", 16))
    note("resumed", bool(theirs.get("resumed")), ours["resumed"])
    alerts = sorted(alert["description"] for alert in ours["alerts"])
    note("alerts", sorted(theirs.get("alerts") or []), alerts)
    certificates = len(shown[0]["certificate_lengths"]) if shown else 0
    note("client certificates", certificates, len(ours["client_certificates"]))
    note("client certificate sent", bool(shown), ours["client_certificate_sent"])
    plaintext = theirs.get("plaintext") or {}
    for side, way in (("client", "client_to_server"), ("server", "server_to_client")):
        their = plaintext.get(way) or {"bytes": 0}
        note(f"{side} plaintext bytes", their["bytes"], ours[f"{side}_plaintext_bytes"])
        if their["bytes"]:
            note(f"{side} plaintext", their["sha256"], ours[f"{side}_plaintext_sha256"])
    return facts


def _compare_http(truth: Json, connections: list[Json]) -> Facts:
    """Every request that is named there: method and target."""
    named = truth.get("http_requests") or []
    theirs = Counter((r["method"], r["uri"] or "") for r in named if r["method"])
    ours = Counter(
        (exchange["request"]["method"], exchange["request"]["target"])
        for connection in connections
        for layers in _layers(connection)
        for exchange in layers["exchanges"]
        if exchange["request"] is not None
    )
    return {
        f"request {method} {target[:60]}": (count, min(ours[method, target], count))
        for (method, target), count in theirs.items()
    }


def differences(facts: Facts) -> list[str]:
    """One line for each fact that differs."""
    return [f"{what}: {a!r} there, {b!r} here" for what, (a, b) in facts.items() if a != b]


def _load(folder: Path) -> Json:
    """The reference of a folder; where there is none, what tshark sees becomes it."""
    file = folder / "truth.json"
    if file.exists():
        loaded: Json = json.loads(file.read_text())
        return loaded
    truth: Json = {}
    for path in sorted(path for path in folder.rglob("*") if CAPTURE.search(path.name)):
        keys = path.with_name(f"{path.name}.keys")
        try:
            truth[str(path.relative_to(folder))] = make_truth(path, keys if keys.exists() else None)
        except NoTruthError as error:
            sys.stdout.write(f"left out: {error}\n")
    file.write_text(json.dumps(truth))
    return truth


def main(folder: Path) -> None:
    """Print the score of each folder, and what differs."""
    truth = _load(folder)
    score: dict[str, Counter[str]] = defaultdict(Counter)
    for name, row in truth.items():
        facts = compare(folder / name, row)
        wrong = differences(facts)
        count = score[name.split("/")[0]]
        count["captures"] += 1
        count["agree"] += not wrong
        count["facts"] += len(facts)
        count["same"] += len(facts) - len(wrong)
        if wrong:
            sys.stdout.write("\n    ".join([name, *wrong]) + "\n")
    for part, count in sorted(score.items()):
        captures, facts_ = (
            f"{count[a]} of {count[b]}" for a, b in (("agree", "captures"), ("same", "facts"))
        )
        sys.stdout.write(f"{part}: {captures} captures, {facts_} facts\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
