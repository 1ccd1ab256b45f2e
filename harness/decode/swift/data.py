"""SwiftData: the application data of an ordinary TLS connection, and nothing of its handshake but the hellos.

Nothing is guessed: the first record of application data is the one that the keys of application data open as their
first. What came before it belongs to the handshake, and is not read. After it every record must open.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.capture.keylog import Secrets
from harness.decode.swift.hello import OddError, find_record, read_hellos
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.cipher import BadRecordError, Opener, Tls13Opener
from harness.decode.tls.keys import build_tls13_opener, derive_key_block
from harness.decode.tls.message import TLS_1_3
from harness.decode.tls.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE
from harness.decode.tls.suite import Suite
from harness.trace.tls import Side

Records = Sequence["Record"]
Record = tuple[bytes, int, int]
"""What was in a record of application data; where the record begins and ends in its run."""
_TICKET = 4
_MAX_TRIES = 16
"""Records that are tried for the first one of application data."""
_FINISHED_SIZE = {"sha256": 58, "sha384": 74}
"""Bytes of a record with a Finished alone: two headers, hash, content type, tag (RFC 8446 sections 4.4.4 and 5.2)."""


def read_application_data(talk: Talk, secrets: Secrets) -> tuple[Records, Records]:
    """What the client sent, and what the server; raises OddError."""
    hellos = read_hellos(talk)
    if secrets.needs_key_exchange:
        raise OddError
    known = secrets.find(hellos.client_random)
    if not known:
        return (), ()
    if secrets.find_others(hellos.client_random):
        raise OddError
    if hellos.version == TLS_1_3:
        client_secret = known.get("CLIENT_TRAFFIC_SECRET_0")
        server_secret = known.get("SERVER_TRAFFIC_SECRET_0")
        return (
            _read_tls13(talk.client, hellos.client_end, hellos.suite, client_secret),
            _read_tls13(talk.server, hellos.server_end, hellos.suite, server_secret),
        )
    master = known.get("CLIENT_RANDOM")
    if master is None:
        raise OddError
    block = derive_key_block(
        hellos.suite,
        master,
        client_random=hellos.client_random,
        server_random=hellos.server_random,
        version=hellos.version,
        encrypt_then_mac=hellos.encrypt_then_mac,
    )
    sides: tuple[tuple[Run, int, Side], ...] = (
        (talk.client, hellos.client_end, "client"),
        (talk.server, hellos.server_end, "server"),
    )
    client, server = (_read_tls12(run, at, block.build_opener(side)) for run, at, side in sides)
    return client, server


def _read_tls12(run: Run, at: int, opener: Opener) -> list[Record]:
    """RFC 5246: after ChangeCipherSpec all is protected, Finished first; the types stay in the clear."""
    data, size = run.data, len(run.data)
    if opener.has_state:
        raise OddError
    found: list[Record] = []
    seq: int | None = None
    while at < size:
        end, kind = find_record(run, at), data[at]
        if seq is None:
            if kind == CHANGE_CIPHER_SPEC and data[at + 5 : end] == b"\1":
                seq = 0
            elif kind != HANDSHAKE:
                raise OddError
            at = end
            continue
        if kind == APPLICATION_DATA and seq:
            try:
                _, content = opener.open(seq, data[at : at + 5], data[at + 5 : end])
            except BadRecordError:
                raise OddError from None
            if content:
                found.append((content, at, end))
        elif kind != (ALERT if seq else HANDSHAKE):
            # Finished comes first, and no other message of a handshake after it.
            raise OddError
        seq += 1
        at = end
    return found


def _read_tls13(run: Run, at: int, suite: Suite, secret: bytes | None) -> list[Record]:
    """RFC 8446 section 5.2: protected records say that they are application data, whatever they are."""
    if secret is None:
        raise OddError
    data = run.data
    places, finished = _find_places(run, at, _FINISHED_SIZE[suite.hash])
    if not places:
        return []
    opener = build_tls13_opener(suite, secret)
    first, kind, content = _open_first(data, places, finished, opener)
    found: list[Record] = []
    seq = 0
    begin, end = places[first]
    while True:
        if kind == APPLICATION_DATA:
            if content:
                found.append((content, begin, end))
        elif kind == HANDSHAKE:
            _pass_tickets(content)
        elif kind != ALERT:
            raise OddError
        seq += 1
        if first + seq == len(places):
            return found
        begin, end = places[first + seq]
        try:
            kind, content = opener.open(seq, data[begin : begin + 5], data[begin + 5 : end])
        except BadRecordError:
            raise OddError from None


def _find_places(run: Run, at: int, finished_size: int) -> tuple[list[tuple[int, int]], int]:
    """Where the protected records are, and the index of the one after what has the size of a Finished."""
    data, size = run.data, len(run.data)
    places: list[tuple[int, int]] = []
    finished = 0
    while at < size:
        end = find_record(run, at)
        if data[at] == APPLICATION_DATA:
            places.append((at, end))
            if end - at == finished_size and not finished:
                finished = len(places)
        elif data[at] != CHANGE_CIPHER_SPEC or data[at + 5 : end] != b"\1":
            raise OddError
        at = end
    return places, finished


def _open_first(
    data: bytes, places: list[tuple[int, int]], finished: int, opener: Tls13Opener
) -> tuple[int, int, bytes]:
    """Index, type and content of the first record of application data; raises OddError."""
    for index in (finished, *range(_MAX_TRIES)):
        if index < len(places):
            begin, end = places[index]
            try:
                return index, *opener.open(0, data[begin : begin + 5], data[begin + 5 : end])
            except BadRecordError:
                continue
    raise OddError


def _pass_tickets(content: bytes) -> None:
    """Whole NewSessionTickets and nothing else; raises OddError."""
    at, size = 0, len(content)
    while at < size:
        if content[at] != _TICKET or at + 4 > size:
            raise OddError
        at += 4 + int.from_bytes(content[at + 1 : at + 4], "big")
    if at != size:
        raise OddError
