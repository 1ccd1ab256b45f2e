"""Hellos: what both ends of an ordinary connection agreed on, read at known places of their first records.

Swift reading gives up on whatever is not ordinary: here a hello that does not fill its record, a retry, early data.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.message import RETRY_RANDOM, TLS_1_3
from harness.decode.tls.record import FRAGMENT_LIMIT, HANDSHAKE
from harness.decode.tls.suite import Suite, find_suite

TLS_1_2 = 0x0303
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_USUAL = (b"\x17\3\3", b"\x16\3\3")
"""How most records begin: type and version."""
_EARLY_DATA = b"\0\x2a\0\0"
"""RFC 8446 section 4.2.10: the extension of a ClientHello, its length included."""
_ENCRYPT_THEN_MAC, _SUPPORTED_VERSIONS = 22, 43


class OddError(Exception):
    """Something that only the careful decoder can judge."""


@dataclass(slots=True)
class Hellos:
    """Both hellos of TLS 1.2 or 1.3."""

    client_random: bytes
    server_random: bytes
    version: int
    suite: Suite
    encrypt_then_mac: bool
    client_end: int
    """Offset after the client's hello."""
    server_end: int
    """Offset after the record with the server's hello."""


def find_record(run: Run, begin: int) -> int:
    """Where the record ends that begins there; raises OddError."""
    data = run.data
    try:
        length = data[begin + 3] << 8 | data[begin + 4]
    except IndexError:
        raise OddError from None
    end = begin + 5 + length
    if (
        end <= len(data)
        and length <= FRAGMENT_LIMIT
        and (
            data.startswith(_USUAL, begin)
            or (20 <= data[begin] <= 23 and data[begin + 1] == 3 and data[begin + 2] <= 4)
        )
    ):
        return end
    raise OddError


def read_hellos(talk: Talk) -> Hellos:
    """The hellos of a connection; raises OddError."""
    data = talk.client.data
    client_end = find_record(talk.client, 0)
    # Type and size of the message, version, random (RFC 8446 sections 4 and 4.1.2).
    if (
        data[0] != HANDSHAKE
        or client_end < 43
        or data[5] != _CLIENT_HELLO
        or int.from_bytes(data[6:9], "big") + 9 != client_end
        or data.find(_EARLY_DATA, 43, client_end) >= 0
        or not talk.server.numbers
        or talk.server.numbers[0] < talk.client.numbers[talk.client.find_packet(client_end)]
    ):
        raise OddError
    answer = talk.server.data
    server_end = find_record(talk.server, 0)
    end = int.from_bytes(answer[6:9], "big") + 9
    if answer[0] != HANDSHAKE or not 47 <= end <= server_end or answer[5] != _SERVER_HELLO:
        raise OddError
    at = 44 + answer[43]
    version = answer[9] << 8 | answer[10]
    if at + 3 > end or answer[at + 2]:
        raise OddError
    suite = find_suite(answer[at] << 8 | answer[at + 1])
    extensions = read_extensions(answer, at + 3, end)
    if _SUPPORTED_VERSIONS in extensions:
        begin, after = extensions[_SUPPORTED_VERSIONS]
        version = int.from_bytes(answer[begin:after], "big")
    random = answer[11:43]
    if (
        suite is None
        or version not in (TLS_1_2, TLS_1_3)
        or suite.is_tls13 != (version == TLS_1_3)
        or random == RETRY_RANDOM
    ):
        raise OddError
    return Hellos(
        data[11:43],
        random,
        version,
        suite,
        _ENCRYPT_THEN_MAC in extensions,
        client_end,
        server_end,
    )


def read_extensions(data: bytes, begin: int, end: int) -> dict[int, tuple[int, int]]:
    """RFC 8446 section 4.2: where the body of each extension begins and ends; raises OddError."""
    found: dict[int, tuple[int, int]] = {}
    if begin == end:
        return found
    if begin + 2 > end or begin + 2 + (data[begin] << 8 | data[begin + 1]) != end:
        raise OddError
    at = begin + 2
    while at < end:
        if at + 4 > end:
            raise OddError
        kind = data[at] << 8 | data[at + 1]
        after = at + 4 + (data[at + 2] << 8 | data[at + 3])
        if after > end or kind in found:
            raise OddError
        found[kind] = (at + 4, after)
        at = after
    return found
