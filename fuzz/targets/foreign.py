"""What people bring with the captures of others: several files of one event, private keys, and what tshark prints.

Merged files, and the site that a capture proposes, begin as stored runs with packets lost, moved and changed.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from functools import cache, lru_cache

from fuzz.capture_blocks import PACKET, join_blocks, split_blocks, stored_runs
from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import mutate, rearrange
from fuzz.target import Target
from fuzz.targets.replay import grow_replay
from fuzz.targets.tls import build_sends, change_record, tell_said
from harness.capture.keylog import Secrets
from harness.decode.decode import decode
from harness.decode.merge import Source, merge
from harness.decode.tls.rsa import KeyFileError, RsaKeys
from harness.report.site_proposal import propose
from harness.report.site_yaml import build_site_yaml
from harness.scenario.document import parse_document
from harness.second_opinion.comparison import find_disagreements
from harness.second_opinion.opinion import read_lines
from harness.second_opinion.ours import OfTrace
from harness.second_opinion.tshark import SecondOpinionError
from harness.trace.trace import Trace
from tests.decode.tls.test_rsa import key_pem, peers
from tests.tls_wire import Part, converse
from tests.tls_wire import decode as decode_tls

# Several files of one event


def grow_merge(choices: Choices) -> bytes:
    """A stored run shared out among two or three files, packets in several of them, some changed; clocks apart."""
    blocks = split_blocks(choices.pick(stored_runs()).read_bytes())
    files = []
    for _ in range(choices.below(2) + 2):
        kept = [b for b in blocks if b.kind != PACKET or choices.below(3)]
        for at in range(len(kept)):
            if kept[at].kind == PACKET and choices.rarely():
                kept[at] = kept[at].with_frame(mutate(kept[at].frame, choices, most=3))
        data = join_blocks(kept)
        files.append(mutate(data, choices, most=3) if choices.rarely() else data)
    return pack(list(files))


def check_merge(material: bytes) -> None:
    """Every packet of the merged trace comes from one packet of one file, and each of those is told once."""
    files = unpack(material)

    def read() -> Trace:
        sources = [Source(name=f"{n}.pcapng", stream=io.BytesIO(f)) for n, f in enumerate(files)]
        merged = merge(sources)
        (trace,) = merged.decode()
        assert len(merged.origins) == len(trace.packets)
        assert len({str(origin) for origin in merged.origins}) == len(merged.origins)
        return trace

    alone = sum(len(decode(io.BytesIO(file)).packets) for file in files)
    trace = read()
    assert len(trace.packets) <= alone, f"{len(trace.packets)} packets out of {alone}"
    assert [c.packets for c in read().connections] == [c.packets for c in trace.connections]


MERGE = Target(
    name="merge",
    promise="Files of one event become one capture, each packet once, or their damage is told.",
    grow=grow_merge,
    check=check_merge,
    max_size=512,
    is_guided=False,
    patience_s=8.0,
)

# Private keys


@cache
def _rsa_talk() -> tuple[Part, ...]:
    """A talk whose keys RSA carries, cut at its record headers."""
    talk = converse(peers(), build_sends())
    assert talk.error is None, talk.error
    out: list[Part] = []
    for side, data in talk.chunks:
        at = 0
        while at < len(data):
            size = 5 + int.from_bytes(data[at + 3 : at + 5], "big")
            out.append((side, data[at : at + size]))
            at += size
    return tuple(out)


def grow_rsa_key(choices: Choices) -> bytes:
    """A private key that is good or nearly so, and a talk with some records changed."""
    records = rearrange(list(_rsa_talk()), choices, most=2)
    for _ in range(choices.below(3)):
        at = choices.below(max(len(records), 1))
        if at < len(records) and isinstance(records[at][1], bytes):
            side, data = records[at]
            records[at] = (side, change_record(bytes(data), choices))
    key = key_pem()
    return pack(
        [mutate(key, choices, most=2) if choices.flag() else key, [list(r) for r in records]]
    )


def check_rsa_key(material: bytes) -> None:
    """The key is read or refused by name; what it opens was sent by that side, in that order."""
    key, parts = unpack(material)
    store = Secrets()
    with suppress(KeyFileError):
        store.use_private_keys(RsaKeys((key,)).open)
    got = decode_tls([(side, part) for side, part in parts], store)
    for side in ("client", "server"):
        place = 0
        for piece in got.plaintexts:
            if piece.side == side and piece.data:
                place = tell_said(side).find(piece.data, place)
                assert place >= 0, f"{side}: plaintext that was not sent, or not in this order"


RSA_KEY = Target(
    name="rsa_key",
    promise="A private key opens what was encrypted for it, gives nothing that was not sent, or is refused by name.",
    grow=grow_rsa_key,
    check=check_rsa_key,
    max_size=512,
    is_guided=False,
)

# The second opinion


@lru_cache(4)
def _decode(data: bytes) -> Trace:
    return decode(io.BytesIO(data))


@lru_cache(4)
def _print(data: bytes) -> tuple[str, ...]:
    """Lines as tshark prints them, made up from what we see: its program is not needed."""
    return tuple(_print_lines(_decode(data)))


def _print_lines(trace: Trace) -> list[str]:
    streams = {n: c.number - 1 for c in trace.connections for n in c.packets}
    hellos = {
        c.tls.client_hello.packets[0]: c.tls
        for c in trace.connections
        if c.tls is not None and c.tls.client_hello is not None
    }
    lines = []
    for packet in trace.packets:
        row = [str(packet.number), *[""] * 11]
        if packet.flow is not None and packet.number in streams:
            row[1:5] = [str(streams[packet.number]), str(packet.flow.src_port), "1", "0"]
        if (tls := hellos.get(packet.number)) is not None:
            row[5:8] = ["1", (tls.client_random or b"").hex(), tls.sni or ""]
        lines.append("\x1e".join(row))
    return lines


def grow_second_opinion(choices: Choices) -> bytes:
    """Those lines, some of them changed."""
    data = choices.pick(stored_runs()[:3]).read_bytes()
    lines = rearrange(list(_print(data)), choices)
    for _ in range(choices.below(4)):
        if lines:
            n = choices.below(len(lines))
            lines[n] = mutate(lines[n].encode(), choices, most=3).decode("utf-8", "replace")
    return pack([data, [line.replace("\n", " ") for line in lines]])


def check_second_opinion(material: bytes) -> None:
    """Whatever tshark prints: sentences that can be told, or that it cannot be read."""
    data, lines = unpack(material)
    trace = _decode(data)
    try:
        opinion = read_lines(lines, ("remoteport",))
    except SecondOpinionError:
        return
    told = list(find_disagreements(OfTrace(trace), opinion, ("remoteport",)))
    json.dumps(told)
    assert all(sentence for sentence in told)


SECOND_OPINION = Target(
    name="second_opinion",
    promise="Whatever another reader prints is compared, or refused as not readable.",
    grow=grow_second_opinion,
    check=check_second_opinion,
    max_size=256,
    is_guided=False,
)

# The proposal of a site


def grow_site_template(choices: Choices) -> bytes:
    """A stored run, changed as for the judge, without what it says about itself."""
    data = unpack(grow_replay(choices))[-1]
    return pack([data])


def check_site_template(material: bytes) -> None:
    """A text that is YAML of the kind that site files are, the same twice, without control characters."""
    (data,) = unpack(material)
    trace = decode(io.BytesIO(data))
    text = build_site_yaml(propose(trace), name="odd\nname.pcapng")
    assert text == build_site_yaml(propose(trace), name="odd\nname.pcapng")
    assert all(c.isprintable() or c == "\n" for c in text), "a proposal with control characters"
    if trace.packets:
        document = parse_document(text, name="proposed.yaml")
        assert isinstance(document.data, dict)
        assert "fqdn" in document.data


SITE_TEMPLATE = Target(
    name="site_template",
    promise="Any capture gives a proposal that can be read as a site file's YAML.",
    grow=grow_site_template,
    check=check_site_template,
    max_size=512,
    is_guided=False,
    patience_s=5.0,
)
