"""The run note: read strictly, with the value in each complaint."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from harness.checks.run_note import CertificateInForce, parse_run_note
from harness.net.address import Endpoint
from tests.trace_builder import PIXEL

GOOD = {
    "mode": "namespaces",
    "canary": True,
    "complete": True,
    "devices": {str(PIXEL): "pixel"},
    "seed": 7,
}


def test_a_note_is_read() -> None:
    """Keys that the judge does not need are left alone."""
    note = parse_run_note(json.dumps(GOOD))

    assert (note.mode, note.canary, note.complete) == ("namespaces", True, True)
    assert dict(note.devices) == {PIXEL: "pixel"}


def test_devices_behind_one_address_are_told_by_their_ports() -> None:
    """IPv4 and IPv6; outside of the blocks there is nobody."""
    devices = {
        "198.51.100.7:1024-2047": "pixel",
        "198.51.100.7:2048-4095": "galaxy",
        "[2001:db8::7]:1-9": "six",
        str(PIXEL): "alone",
    }
    note = parse_run_note(json.dumps(GOOD | {"devices": devices}))

    ends = [("198.51.100.7", 1024), ("198.51.100.7", 4095), ("198.51.100.7", 9), ("2001:db8::7", 9)]
    told = [note.device(Endpoint(ip_address(a), p)) for a, p in ends]
    assert told == ["pixel", "galaxy", None, "six"]
    assert note.device(Endpoint(PIXEL, 9)) == "alone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "Expecting"),
        ("[]", "got list"),
        ("[" * 100_000, "brackets in brackets"),
        (json.dumps(GOOD | {"mode": 3}), "mode: got 3"),
        (json.dumps(GOOD | {"canary": "yes"}), "canary: got 'yes'"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "complete"}), "complete: got None"),
        (json.dumps(GOOD | {"devices": {"010.0.0.1": "pixel"}}), "010.0.0.1"),
        (json.dumps(GOOD | {"devices": {str(PIXEL): 1}}), "devices: got"),
        (json.dumps(GOOD | {"other_keys": ["00"]}), "other_keys: expected"),
        (json.dumps(GOOD | {"settings": {}}), "settings: got dict"),
        (json.dumps(GOOD | {"settings": [{"node": "node1"}]}), "expected at_ns, node and page"),
        (json.dumps(GOOD | {"settings": [{"at_ns": "1", "node": "x", "page": {}}]}), "got '1'"),
        (json.dumps(GOOD | {"settings": [{"at_ns": 1, "node": "x", "page": {"a": 1}}]}), "a\n"),
    ],
)
def test_a_bad_note_is_refused(text: str, expected: str) -> None:
    """ValueError, always."""
    with pytest.raises(ValueError, match=expected):
        parse_run_note(text)


def test_what_the_nodes_share_is_read() -> None:
    """The key of the call-backs and the authorities of users travel as hex digits."""
    note = parse_run_note(json.dumps(GOOD | {"proxy_key": "00ff", "user_authorities": ["aa"]}))

    assert (note.proxy_key, note.user_authorities) == (b"\x00\xff", ("aa",))


def test_certificates_in_force_are_read() -> None:
    """In the order of the services' starts."""
    one = {"at": "node1:443", "sha256": ["aa", "bb"], "since_ns": 5}
    note = parse_run_note(json.dumps(GOOD | {"certificates": [one]}))

    assert note.certificates == (
        CertificateInForce(at="node1:443", sha256=("aa", "bb"), since_ns=5),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"certificates": {}},
        {"certificates": [{"at": "x", "sha256": [], "since_ns": 1}]},
        {"proxy_key": 1},
        {"proxy_key": "xyz"},
        {"user_authorities": "aa"},
        {"user_authorities": [1]},
    ],
    ids=str,
)
def test_a_shared_value_of_the_wrong_kind_is_an_error(wrong: dict[str, object]) -> None:
    """Neither numbers nor text that is no hex."""
    with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
        parse_run_note(json.dumps(GOOD | wrong))
