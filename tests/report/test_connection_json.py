"""A connection as JSON: the keys that docs/decode.md promises, and nothing lost of the wire."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from harness.decode.decode import decode
from harness.report.connection_json import connection_json
from tests.packet_builder import START_NS, Talk, build_capture
from tests.tls_wire import Peers, converse

GET = b"GET /a\xff HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def told(talk: Talk, *, keys: bytes = b"", gone: int | None = None) -> dict[str, Any]:
    """The only connection of a talk, after one frame has gone."""
    frames = [frame for index, frame in enumerate(talk.frames) if index != gone]
    (connection,) = decode(build_capture(frames, keys=keys)).connections
    line = connection_json(connection)
    assert "\n" not in line
    value: dict[str, Any] = json.loads(line)
    return value


def test_a_plain_exchange() -> None:
    """Ends, bytes and hashes of both directions, the exchange with its packets."""
    got = told(Talk().open().send("client", GET).send("server", OK).close())

    assert list(got)[:4] == ["number", "tap", "client", "server"]
    assert (got["number"], got["client"], got["server"]) == (
        1,
        "203.0.113.5:50000",
        "10.20.0.10:443",
    )
    assert (got["opened_ns"], got["closed"]) == (START_NS, "fin")
    assert (got["client_bytes"], got["client_sha256"]) == (len(GET), sha256(GET).hexdigest())
    assert (got["server_bytes"], got["server_sha256"]) == (len(OK), sha256(OK).hexdigest())
    assert (got["gaps"], got["tls"], got["tunnel"], got["malformed"]) == ([], None, None, [])
    (exchange,) = got["exchanges"]
    assert exchange["packets"] == [4, 5]
    assert exchange["request"]["target"].encode("latin-1") == b"/a\xff"
    assert exchange["request"]["headers"] == [["Host", "x"]]
    assert (exchange["response"]["status"], exchange["response"]["body_bytes"]) == (200, 2)


def test_a_gap_takes_the_hash_away() -> None:
    """Of its direction only."""
    talk = Talk().open().send("client", b"abcdef", size=2).send("server", b"xy").close()

    got = told(talk, gone=4)

    assert got["gaps"] == [{"side": "client", "offset": 2, "bytes": 2}]
    assert (got["client_bytes"], got["client_sha256"]) == (4, None)
    assert got["server_sha256"] == sha256(b"xy").hexdigest()


@pytest.mark.parametrize("with_keys", [True, False])
def test_a_tls_session(*, with_keys: bool) -> None:
    """Hellos also without keys; plaintext only with them."""
    wire = converse(Peers(), [("client", GET), ("server", OK)])
    talk = Talk().open()
    for side, data in wire.chunks:
        talk.send(side, data, size=1448)

    tls = told(talk.close(), keys=wire.keylog if with_keys else b"")["tls"]

    assert (tls["version"], tls["version_name"]) == ("0x0304", "TLS 1.3")
    assert tls["cipher_suite_name"].startswith("TLS_")
    assert int(tls["cipher_suite"], 16) > 0
    assert len(bytes.fromhex(tls["client_random"])) == 32
    assert tls["decrypted"] == ("yes" if with_keys else "no")
    plain = sha256(GET).hexdigest() if with_keys else None
    assert tls["client_plaintext_sha256"] == plain


def test_a_tunnel_has_the_same_shape() -> None:
    """What CONNECT carries is told as what a connection carries."""
    talk = (
        Talk()
        .open()
        .send("client", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
        .send("server", b"HTTP/1.1 200 OK\r\n\r\n")
        .send("client", GET)
        .send("server", OK)
        .close()
    )

    got = told(talk)

    assert got["tunnel"]["target"] == "a:80"
    shape = {"proxy_header", "tls", "exchanges", "malformed", "tunnel"}
    assert shape <= set(got)
    assert shape == set(got["tunnel"]) - {"target"}
    assert [e["response"]["status"] for e in got["tunnel"]["exchanges"]] == [200]
