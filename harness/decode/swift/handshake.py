"""SwiftHandshake: what the handshakes of ordinary TLS connections show, briefly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from harness.capture.keylog import Secrets
from harness.decode.swift.hello_table import Places, read_hellos
from harness.decode.swift.record_table import RecordTable, find_records, read_number
from harness.decode.tcp.segment_table import Bools
from harness.decode.tcp.talk_table import TalkTable
from harness.decode.tls.certificate import parse_certificate
from harness.decode.tls.message import (
    TLS_1_3,
    MessageError,
    parse_certificate_list,
    parse_server_name,
)
from harness.decode.tls.record import CHANGE_CIPHER_SPEC, HANDSHAKE
from harness.trace.brief import BriefTls

_CERTIFICATE = 11
_NOWHERE = 1 << 62


def read_handshakes(talks: TalkTable, secrets: Secrets) -> list[BriefTls | None]:
    """Both hellos and, where it is in the clear, the client's certificate; None: something is odd."""
    data, records = talks.data, find_records(talks)
    hellos = read_hellos(talks, records)
    is_new = hellos.version == TLS_1_3
    chain, fits = _find_chains(talks, records)
    columns = (
        hellos.is_ordinary & (is_new | fits),
        is_new,
        hellos.begin + 11,
        hellos.version,
        hellos.suite,
        *hellos.sni,
        *chain,
    )
    found: list[BriefTls | None] = []
    for is_good, is_tls13, random, version, suite, *places in zip(
        *map(np.ndarray.tolist, columns), strict=True
    ):
        # With keys the certificate of TLS 1.3 can be had, but it takes those of the handshake.
        if not is_good or (is_tls13 and secrets.find(data[random : random + 32])):
            found.append(None)
            continue
        begin, end, first, last = places
        try:
            sni = _parse_sni(data[begin:end]) if end else None
            subjects = _parse_subjects(data[first:last]) if last and not is_tls13 else ()
        except MessageError:
            found.append(None)
        else:
            found.append(BriefTls(version, suite, sni, subjects))
    return found


def _find_chains(talks: TalkTable, records: RecordTable) -> tuple[Places, Bools]:
    """Of TLS 1.2 the first Certificate message of each client before ChangeCipherSpec; and whether it can be told."""
    data, count = talks.bytes, len(talks)
    index = np.arange(len(records.side))
    first, last = records.start[:-1:2], records.start[1::2]
    changes = np.flatnonzero((records.kind == CHANGE_CIPHER_SPEC) & (records.side & 1 == 0))
    change = last.copy()
    # Backwards, so that the first of each client is written last.
    change[records.side[changes[::-1]] >> 1] = changes[::-1]
    row = records.side >> 1
    before = np.flatnonzero((index > first[row]) & (index < change[row]))
    fits = np.ones(count, bool)
    fits[row[before[records.kind[before] != HANDSHAKE]]] = False
    row, at, end = row[before], records.begin[before] + 5, records.end[before]
    begin = np.full(count, _NOWHERE)
    while len(at):
        after = at + 4 + read_number(data, at + 1, 3)
        fits[row[after > end]] = False
        mine = (after <= end) & (read_number(data, at, 1) == _CERTIFICATE)
        np.minimum.at(begin, row[mine], at[mine] + 4)
        # A chain is enough, and so is one message that does not fit.
        more = (after < end) & fits[row] & (begin[row] == _NOWHERE)
        row, at, end = row[more], after[more], end[more]
    is_found = begin < _NOWHERE
    fits &= is_found | (change < last) | (records.is_whole[::2] & ~talks.is_cut)
    begin[~is_found] = 0
    size = np.where(is_found, read_number(data, begin - 3, 3), 0)
    return (begin, begin + size), fits


@lru_cache(maxsize=1024)  # names come again
def _parse_sni(extension: bytes) -> str | None:
    return parse_server_name(extension)


@lru_cache(maxsize=1024)  # a chain comes again on every connection of its user
def _parse_subjects(body: bytes) -> tuple[str, ...]:
    chain = parse_certificate_list(body, is_tls13=False)
    return tuple(parse_certificate(der).subject for der in chain)
