"""SwiftHandshake: what the handshake of one ordinary TLS connection shows, briefly."""

from __future__ import annotations

from functools import lru_cache

from harness.capture.keylog import Secrets
from harness.decode.swift.hello import OddError, find_record, read_extensions, read_hellos
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.certificate import parse_certificate
from harness.decode.tls.message import (
    TLS_1_3,
    MessageError,
    parse_certificate_list,
    parse_server_name,
)
from harness.decode.tls.record import CHANGE_CIPHER_SPEC, HANDSHAKE
from harness.trace.brief import BriefTls

_SERVER_NAME, _CERTIFICATE = 0, 11


def read_handshake(talk: Talk, secrets: Secrets) -> BriefTls:
    """Both hellos and, where it is in the clear, the client's certificate; raises OddError."""
    hellos = read_hellos(talk)
    if hellos.version == TLS_1_3:
        if secrets.find(hellos.client_random):
            # The certificate can be had, but it takes the keys of the handshake.
            raise OddError
        subjects: tuple[str, ...] = ()
    else:
        subjects = _read_subjects(talk.client, hellos.client_end, is_cut=talk.is_cut)
    sni = _read_sni(talk.client.data, hellos.client_end)
    return BriefTls(hellos.version, hellos.suite.code_point, sni, subjects)


def _read_sni(data: bytes, end: int) -> str | None:
    """RFC 8446 section 4.1.2: session id, suites and compression methods stand before the extensions."""
    try:
        at = 44 + data[43]
        at += 2 + (data[at] << 8 | data[at + 1])
        at += 1 + data[at]
    except IndexError:
        raise OddError from None
    if at > end:
        raise OddError
    place = read_extensions(data, at, end).get(_SERVER_NAME)
    return _parse_sni(data[place[0] : place[1]]) if place is not None else None


@lru_cache(maxsize=1024)  # names come again
def _parse_sni(extension: bytes) -> str | None:
    try:
        return parse_server_name(extension)
    except MessageError:
        raise OddError from None


def _read_subjects(run: Run, at: int, *, is_cut: bool) -> tuple[str, ...]:
    """Of the first Certificate message before ChangeCipherSpec; nothing where there is none."""
    data, size = run.data, len(run.data)
    while at < size:
        end = find_record(run, at)
        if data[at] == CHANGE_CIPHER_SPEC:
            return ()
        if data[at] != HANDSHAKE:
            raise OddError
        at += 5
        while at < end:
            after = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
            if after > end:
                raise OddError
            if data[at] == _CERTIFICATE:
                return _parse_subjects(data[at + 4 : after])
            at = after
    if is_cut:
        raise OddError
    return ()


@lru_cache(maxsize=1024)  # a chain comes again on every connection of its user
def _parse_subjects(body: bytes) -> tuple[str, ...]:
    try:
        chain = parse_certificate_list(body, is_tls13=False)
    except MessageError:
        raise OddError from None
    return tuple(parse_certificate(der).subject for der in chain)
