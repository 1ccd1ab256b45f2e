"""TLS: conversations of a real OpenSSL, broken at records and messages, with whole, missing and wrong keys.

What the application sent is in the material, in lines that occur once: a decrypted byte can be told from an
invention.
"""

from __future__ import annotations

import hashlib
import ssl
from functools import cache

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import cut, mutate, rearrange
from fuzz.target import Target
from harness.capture.keylog import parse_keylog
from harness.decode.tls.plaintext import Plaintext
from harness.decode.tls.session import TlsDecoder
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests.tls_wire import Chunk, Peers, Talk, converse, converse_resumable

_V12 = ssl.TLSVersion.TLSv1_2
_TURNS = 4
"""Messages of each side."""


def build_sends() -> tuple[Chunk, ...]:
    """What the ends say: numbered lines, so that a run of a few bytes is at one place only."""
    sends: list[Chunk] = []
    for turn in range(_TURNS):
        for side in ("client", "server"):
            name: Side = "client" if side == "client" else "server"
            lines = (f"{side} turn {turn} line {n:05d}\r\n" for n in range(1 + 20 * turn))
            sends.append((name, "".join(lines).encode()))
    return tuple(sends)


@cache
def talks() -> tuple[Talk, ...]:
    """Conversations of every version and of the kinds of suites, made once a process."""
    sends = build_sends()
    made = [
        converse(Peers(), sends),
        converse(Peers(client_certificate_required=False, with_client_certificate=False), sends),
        converse(Peers(version=_V12, ciphers="ECDHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM"), sends),
        converse(Peers(version=_V12, ciphers="ECDHE+CHACHA20"), sends),
        converse(Peers(version=_V12, ciphers="ECDHE+AES128+SHA256:ECDHE+AES"), sends),
        converse(Peers(version=ssl.TLSVersion.TLSv1, ciphers="ECDHE+AES+SHA"), sends),
    ]
    for version in (ssl.TLSVersion.TLSv1_3, _V12):
        peers = Peers(version=version)
        _, session = converse_resumable(peers, sends[:2])
        made.append(converse_resumable(peers, sends, session=session)[0])
    good = tuple(talk for talk in made if talk.error is None)
    assert len(good) >= 5, [talk.error for talk in made]
    return good


@cache
def _records(index: int) -> tuple[Chunk, ...]:
    """A talk cut at its record headers, in order of sending."""
    out: list[Chunk] = []
    for side, data in talks()[index].chunks:
        at = 0
        while at < len(data):
            size = 5 + int.from_bytes(data[at + 3 : at + 5], "big")
            out.append((side, data[at : at + size]))
            at += size
    return tuple(out)


def grow_tls(choices: Choices) -> bytes:
    """A conversation with some records changed, moved, lost; cut into pieces; keys perhaps not all there."""
    index = choices.below(len(talks()))
    talk, records = talks()[index], list(_records(index))
    records = rearrange(records, choices, most=3)
    for _ in range(choices.below(4)):
        if records:
            at = choices.below(len(records))
            records[at] = (records[at][0], change_record(records[at][1], choices))
    parts: list[list[str | bytes | int]] = []
    for side, data in records:
        if choices.rarely():
            size = choices.pick((len(data), 0, choices.below(2000)))
            parts.append([side, size])
            continue
        parts += [[side, piece] for piece in (cut(data, choices) if choices.flag() else [data])]
    return pack([_change_keys(talk.keylog, choices), parts])


def change_record(record: bytes, choices: Choices) -> bytes:
    """A record with another header, another message inside, or any changed bytes."""
    kind = choices.below(6)
    if kind == 0:
        return bytes((choices.pick((20, 21, 22, 23, 24, 0, 255)),)) + record[1:]
    if kind == 1:
        return record[:3] + choices.number(2).to_bytes(2, "big") + record[5:]
    if kind == 2:  # cut in two records: legal for every type
        at = 5 + choices.below(max(len(record) - 5, 1))
        first, second = record[5:at], record[at:]
        return b"".join(record[:3] + len(p).to_bytes(2, "big") + p for p in (first, second))
    if kind == 3:  # the length is right again after the change
        body = mutate(record[5:], choices)
        return record[:3] + min(len(body), 65535).to_bytes(2, "big") + body
    if kind == 4:  # a message length, where a message begins
        return record[:6] + choices.number(3).to_bytes(3, "big") + record[9:]
    return mutate(record, choices)


def _change_keys(keylog: bytes, choices: Choices) -> bytes:
    way = choices.below(8)
    lines = keylog.splitlines(keepends=True)
    if way == 1:
        return b"".join(rearrange(lines, choices))
    if way == 2:  # each secret under another one's label
        fields = [line.split() for line in lines]
        secrets = [f[2] for f in fields if len(f) == 3]
        moved = zip(fields, secrets[1:] + secrets[:1], strict=False)
        return b"".join(b" ".join((*f[:2], s)) + b"\n" for f, s in moved)
    if way == 3:
        return mutate(keylog, choices)
    return b"" if way == 4 else keylog


@cache
def tell_said(side: Side) -> bytes:
    """All that one side says."""
    return b"".join(data for who, data in build_sends() if who == side)


def check_tls(material: bytes) -> None:
    """What is decrypted was sent by that side, in that order; hashes are those of what was given out."""
    keylog, parts = unpack(material)
    decoder = TlsDecoder(parse_keylog(keylog))
    pieces: list[Plaintext] = []
    for number, (side, part) in enumerate(parts, 1):
        if isinstance(part, int):
            pieces += decoder.gap(side, part, PacketNumber(number), number)
        else:
            pieces += decoder.feed(side, part, PacketNumber(number), number)
    pieces += decoder.close()
    session, _ = decoder.finish()
    _check_pieces(pieces, len(parts))
    for side, size, digest in (
        ("client", session.client_plaintext_size, session.client_plaintext_sha256),
        ("server", session.server_plaintext_size, session.server_plaintext_sha256),
    ):
        data = b"".join(piece.data for piece in pieces if piece.side == side)
        assert size == len(data), f"{side}: {size} bytes are counted, {len(data)} were given out"
        if digest is not None:
            holes = [piece for piece in pieces if piece.side == side and piece.follows_gap]
            assert not holes, f"{side}: a hash of all of the plaintext, with a hole in it"
            assert digest == hashlib.sha256(data).hexdigest()


def _check_pieces(pieces: list[Plaintext], last: int) -> None:
    place: dict[Side, int] = {"client": 0, "server": 0}
    broken: set[Side] = set()
    for piece in pieces:
        if piece.follows_gap:
            broken.add(piece.side)
        assert piece.seen.packets
        assert max(piece.seen.packets) <= last
        if not piece.data:
            assert piece.follows_gap
            continue
        said = tell_said(piece.side)
        found = said.find(piece.data, place[piece.side])
        assert found >= 0, f"{piece.side}: plaintext that was not sent there: {piece.data[:60]!r}"
        if piece.side not in broken:
            assert found == place[piece.side], f"{piece.side}: bytes are missing without a word"
        broken.discard(piece.side)
        place[piece.side] = found + len(piece.data)


TLS = Target(
    name="tls",
    promise="No plaintext comes out that was not sent, in that order; wrong tags and keys open nothing.",
    grow=grow_tls,
    check=check_tls,
)
