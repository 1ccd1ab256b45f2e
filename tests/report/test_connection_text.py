"""A connection for people."""

from __future__ import annotations

from harness.decode.decode import decode
from harness.report.connection_text import tell_connection, tell_summary
from harness.trace.trace import Damage
from tests.packet_builder import Talk, build_capture
from tests.tls_wire import Peers, converse

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def told(talk: Talk, *, keys: bytes = b"") -> list[str]:
    """The lines of the only connection of a talk."""
    (connection,) = decode(build_capture(talk.frames, keys=keys)).connections
    return tell_connection(connection).splitlines()


def test_a_plain_exchange() -> None:
    """Headline, bytes, exchange."""
    assert told(Talk().open().send("client", GET).send("server", OK).close()) == [
        "1  203.0.113.5:50000 > 10.20.0.10:443  on dmz  closed",
        "   client 28 bytes, server 40 bytes; packets 1-8",
        "   GET /a HTTP/1.1 -> 200 +2 bytes; packets 4 5",
    ]


def test_a_tunnel_is_indented() -> None:
    """What it carries stands below it, and what is wrong stands there too."""
    talk = (
        Talk()
        .open()
        .send("client", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
        .send("server", b"HTTP/1.1 200 OK\r\n\r\n")
        .send("client", b"GET / HTTP/1.1\r\nBad\x1b: 1\r\n\r\n")
        .close()
    )

    lines = told(talk)

    assert lines[3] == "   tunnel to a:80"
    assert lines[4].startswith("     GET / HTTP/1.1 -> (no response)")
    assert lines[5].startswith("     malformed http from the client: ")
    assert all(line.isprintable() for line in lines)


def test_a_tls_session() -> None:
    """Version, suite, name and how much was decrypted."""
    wire = converse(Peers(), [("client", GET), ("server", OK)])
    talk = Talk().open()
    for side, data in wire.chunks:
        talk.send(side, data, size=1448)

    with_keys, without = told(talk, keys=wire.keylog), told(talk)

    assert with_keys[2].startswith("   TLS 1.3  TLS_")
    assert "   decrypted: client 28 bytes, server 40 bytes" in with_keys
    assert "   not decrypted (no secret for this client random)" in without


def test_a_hole_is_told() -> None:
    """How many bytes are missing."""
    talk = Talk().open().send("client", b"abcdef", size=2).send("server", b"x").close()
    del talk.frames[4]

    assert told(talk)[1] == "   client 6 bytes (2 missing in 1 gap), server 1 bytes; packets 1-9"


def test_the_summary() -> None:
    """The most frequent reason first."""
    text = tell_summary(
        packet_count=9,
        connection_count=1,
        skipped={"ether type 0x0806": 1, "fragment": 3},
        damage=(Damage(offset=7, message="cut"),),
    )

    assert text.splitlines() == [
        "9 packets, 1 connections, 4 packets skipped, 1 places damaged",
        "  skipped 3: fragment",
        "  skipped 1: ether type 0x0806",
        "  damaged at byte 7: cut",
    ]
