"""The PROXY protocol header: what a balancer writes before the client's bytes to tell whom it speaks for.

Version 1 is a line of text, `PROXY TCP4 SOURCE DESTINATION PORT PORT`; version 2 is binary:

| bytes | what |
|---|---|
| 12 | the signature |
| 1 | version 2, then the command: 0 LOCAL, 1 PROXY |
| 1 | family: 1 IPv4, 2 IPv6; then transport: 1 TCP |
| 2 | size of what follows: source, destination, source port, destination port, further fields |

Source: haproxy.org, "The PROXY protocol", sections 2.1 and 2.2.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from harness.net.address import Endpoint, parse_address

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD = 16
_MAX_V1_SIZE = 107
_FOR_A_CLIENT = 0x21
_TCP4, _TCP6 = 0x11, 0x21


def find_proxy_header(data: bytes) -> int | None:
    """Size of the header at the start of `data`; 0: there is none; None: more bytes are needed to tell."""
    if data.startswith(_V2):
        return (
            _V2_HEAD + int.from_bytes(data[14:_V2_HEAD], "big") if len(data) >= _V2_HEAD else None
        )
    if data.startswith(_V1):
        end = data.find(b"\r\n", 0, _MAX_V1_SIZE)
        if end >= 0:
            return end + 2
        return None if len(data) < _MAX_V1_SIZE else 0
    # Four bytes tell version 2 from the empty lines before a request.
    return None if data and (_V2[:5].startswith(data) or _V1.startswith(data)) else 0


def decode_proxy_header(header: bytes) -> tuple[Literal[1, 2], Endpoint | None]:
    """Version, and the client that a whole header names; None: nobody, or it cannot be read."""
    return (2, _decode_v2(header)) if header.startswith(_V2) else (1, _decode_v1(header))


def _decode_v1(header: bytes) -> Endpoint | None:
    fields = header.removesuffix(b"\r\n").split(b" ")
    if len(fields) != 6 or fields[1] not in (b"TCP4", b"TCP6"):
        return None
    try:
        return Endpoint(parse_address(fields[2].decode("ascii")), int(fields[4]))
    except ValueError:
        return None


def _decode_v2(header: bytes) -> Endpoint | None:
    body = header[_V2_HEAD:]
    if header[12] != _FOR_A_CLIENT:
        return None
    if header[13] == _TCP4 and len(body) >= 12:
        return Endpoint(IPv4Address(body[:4]), int.from_bytes(body[8:10], "big"))
    if header[13] == _TCP6 and len(body) >= 36:
        return Endpoint(IPv6Address(body[:16]), int.from_bytes(body[32:34], "big"))
    return None
