"""Texts: the annotations of a capture, key logs, allow-lists, header values, certificates."""

from __future__ import annotations

import contextlib
import json
from io import BytesIO
from ipaddress import ip_address, ip_network

from fuzz.choices import Choices
from fuzz.material import pack, unpack
from fuzz.mutation import mutate, rearrange
from fuzz.target import Target
from harness.capture.annotation import build_annotations, decode_annotations
from harness.capture.keylog import LABELS, parse_keylog
from harness.capture.writer import PcapngWriter
from harness.net.allow_list import AllowList, AllowListError
from harness.net.forwarding import (
    ForwardingError,
    is_named_in_connection,
    parse_forwarded_for,
    parse_remote_port,
    pick_forwarded_for,
)
from harness.replay import replay
from harness.site.callback import find_port
from harness.site.sign_in import find_app, find_user
from harness.verdict.outcome import Outcome

_SITE = {
    "fqdn": "access.example.com",
    "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
    "balancers": {"vip": {"address": "10.20.0.10", "443": "terminate"}},
    "cert_proxy": {"ports": [5262], "accept_remote_port_from": "10.20.0.10"},
}
_RUN = {"mode": "namespaces", "canary": True, "complete": True, "devices": {"203.0.113.1": "pixel"}}
_EXPECTATION = {"verdict": "pass", "findings": ["V15"], "signed_in": {"pixel": "alice@example.com"}}
_ODD: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    1e400,
    "",
    "\0",
    "x",
    [],
    {},
    [[]],
    {"a": {}},
    10**30,
    "\ud800",
    "::1",
)


def grow_annotation(choices: Choices) -> bytes:
    """The three JSON texts of a file with odd values, changed pieces, and comments of others."""
    comments: list[str] = []
    for tag, data in (("site/1", _SITE), ("run/1", _RUN), ("expectation/1", _EXPECTATION)):
        text = json.dumps(_spoil(data, choices) if choices.flag() else data)
        if choices.rarely():
            deep = choices.pick((100, 1000, 20000))
            text = choices.pick(("[", '{"a":')) * deep
        if choices.rarely():
            text = mutate(text.encode(), choices).decode("latin-1")
        comments += build_annotations(tag, text.replace("\0", " "))
    comments = rearrange(comments, choices)
    if choices.flag() and comments:
        at = choices.below(len(comments))
        changed = mutate(comments[at].encode("utf-8", "replace"), choices)
        comments[at] = changed.decode("utf-8", "replace")
    return pack(comments)


def _spoil(data: object, choices: Choices) -> object:
    if isinstance(data, dict):
        out = {k: _spoil(v, choices) for k, v in data.items() if not choices.rarely()}
        if choices.rarely():
            out[choices.pick(("x", "", "nodes", "443", "\ud800"))] = choices.pick(_ODD)
        return out
    if isinstance(data, list):
        return [_spoil(item, choices) for item in data]
    return choices.pick(_ODD) if choices.rarely() else data


def check_annotation(material: bytes) -> None:
    """What stands in the comments of a file never stops the judge, and never makes a PASS of nothing."""
    comments = unpack(material)
    found = decode_annotations(comments)
    assert all(any(text[:50] in c for c in comments) for text in found.texts.values())
    stream = BytesIO()
    sized = [c for c in comments if len(c.encode("utf-8", "replace")) < 65000]
    writer = PcapngWriter(stream, comments=[c.encode("utf-8", "replace").decode() for c in sized])
    writer.write_interface("dmz")
    stream.seek(0)
    verdict = replay(stream)
    assert verdict.outcome is Outcome.UNKNOWN, f"a file without a packet is {verdict.outcome}"
    assert verdict.signed_in == {}


def grow_keylog(choices: Choices) -> bytes:
    """Lines of key logs, good and nearly good."""
    lines: list[bytes] = []
    labels = (*sorted(LABELS), "RSA", "EXPORTER_SECRET", "client_random", "")
    for _ in range(choices.below(12)):
        label = choices.pick(labels).encode()
        client_random = choices.take(choices.pick((32, 32, 32, 31, 0))).hex().encode()
        secret = choices.take(choices.pick((32, 48, 0, 1))).hex().encode()
        gap = choices.pick((b" ", b" ", b"  ", b"\t", b""))
        lines.append(gap.join((label, client_random, secret)) + choices.pick((b"\n", b"\r\n", b"")))
    return mutate(b"".join(lines), choices)


def check_keylog(material: bytes) -> None:
    """Only secrets that stand in the text come out, under the random they stand beside; twice is once."""
    secrets = parse_keylog(material)
    assert secrets.add(material) == 0, "the same log gives new secrets the second time"
    hexes = material.lower().split()
    for number, word in enumerate(hexes):
        if len(word) != 64:
            continue
        try:
            client_random = bytes.fromhex(word.decode("ascii"))
        except ValueError:
            continue
        for secret in secrets.find(client_random).values():
            assert secret.hex().encode() in hexes, f"word {number}: a secret from nowhere"


_ENTRIES = (
    "10.20.0.10",
    "10.20.9.0 255.255.255.0",
    "10.0.0.0/8",
    "2001:db8::/32",
    "::ffff:10.0.0.0/104",
    "0.0.0.0/0",
    "127.0.0.1",
    "::1",
    "10.0.0.1/33",
    "10.0.0.0 255.0.255.0",
    "fe80::1%eth0",
    "010.0.0.1",
    "1.2.3",
    "host.example",
    "",
    " ",
    "\u0661.2.3.4",
)


def grow_allow_list(choices: Choices) -> bytes:
    """Entries between semicolons; addresses to ask about are in the check."""
    entries = [choices.pick(_ENTRIES) for _ in range(choices.below(6))]
    text = choices.pick((";", "; ", " ;", ",", "\n")).join(entries).encode()
    return mutate(text, choices, most=3)


def check_allow_list(material: bytes) -> None:
    """A list is refused with its problems, or allows what the standard library's networks hold."""
    text = material.decode("utf-8", "replace")
    try:
        listed = AllowList.parse(text)
    except AllowListError as error:
        problems = error.problems
    else:
        _check_networks(text, listed)
        return
    assert problems
    assert all("\n" not in str(problem) for problem in problems)


def _check_networks(text: str, listed: AllowList) -> None:
    if not text.strip(" \t;"):
        assert listed.entries == ()
    for address in map(ip_address, ("10.20.0.10", "10.20.9.77", "8.8.8.8", "2001:db8::7", "::1")):
        holds = any(
            address in ip_network(str(entry)) and (entry.is_loopback or not address.is_loopback)
            for entry in listed.entries
            if entry.version == address.version
        )
        assert listed.allows(address) == holds, f"{address} in {text!r}"


_VALUES: tuple[bytes, ...] = (
    b"40001",
    b"1",
    b"65535",
    b"65536",
    b"0",
    b"+1",
    b"1_0",
    b" 7",
    b"",
    b"10.0.0.1",
    b"::1",
)
_VALUES += (b"10.0.0.1:80", b"[::1]:80", b"[10.0.0.1]", b"a", b"10.0.0.1, 10.0.0.2", b",", b"\xb2")
_VALUES += (b"/certificate/40001", b"/certificate/1234567890", b"/SAAS/auth/login?app=a&request=")
_VALUES += (b'{"user":"a"}', b'{"user":1}', b"[1]", b'{"user":' * 2000, b"[" * 3000, b"1" * 5000)


def grow_header(choices: Choices) -> bytes:
    """Field values, targets and bodies as a stranger may send them."""
    values = [mutate(choices.pick(_VALUES), choices, most=2) for _ in range(choices.below(4) + 1)]
    return pack([choices.below(4) + 1, values])


def check_header(material: bytes) -> None:
    """Each value is read or refused in its own way; what is read is a port or an address."""
    from_right, listed = unpack(material)
    values = tuple(listed)
    with contextlib.suppress(ForwardingError):
        port = parse_remote_port(values)
        assert 1 <= port <= 65535
        assert values == (str(port).encode(),), "another spelling of a port is believed"
    elements: tuple[object, ...] = ()
    with contextlib.suppress(ForwardingError):
        elements = parse_forwarded_for(values)
    with contextlib.suppress(ForwardingError):
        picked = pick_forwarded_for(values, from_right=from_right)
        assert not elements or picked == elements[-from_right]
    is_named_in_connection("RemotePort", values)
    for value in values:
        key = find_port(value)
        assert (
            key is None or str(key).encode() == value.rpartition(b"/")[2].lstrip(b"0") or key == 0
        )
        find_app(value)
        user = find_user(200, value)
        assert user is None or isinstance(user, str)


ANNOTATION = Target(
    name="annotation",
    promise="No comment of a file stops the judge or turns nothing into PASS.",
    grow=grow_annotation,
    check=check_annotation,
)
KEYLOG = Target(
    name="keylog",
    promise="A key log gives the secrets that stand in it, and no others.",
    grow=grow_keylog,
    check=check_keylog,
)
ALLOW_LIST = Target(
    name="allow_list",
    promise="An allow-list is refused or means what the standard library says.",
    grow=grow_allow_list,
    check=check_allow_list,
)
HEADER = Target(
    name="header",
    promise="A header value is refused or is one port, one address; nothing else raises.",
    grow=grow_header,
    check=check_header,
)
