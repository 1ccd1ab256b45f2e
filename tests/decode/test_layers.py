"""Tests of layers: HTTP in TLS in a CONNECT tunnel in TLS, made by OpenSSL."""

from __future__ import annotations

import ssl
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.keylog import Secrets, parse_keylog
from harness.decode.layer_fields import build_nothing
from harness.decode.layers import LayerFields, LayerStack
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side
from tests import tls_wire
from tests.tls_wire import Chunk, Peers, converse

Part = tuple[Side, bytes | int | None]
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONNECT = b"CONNECT access.example.com:443 HTTP/1.1\r\n\r\n"
OPENED = b"HTTP/1.1 200 OK\r\n\r\n"


def play(parts: list[Part], secrets: Secrets | None = None) -> LayerFields:
    """Feed parts as packets 1, 2, 3; a number is a gap."""
    stack = LayerStack(secrets or Secrets())
    for index, (side, part) in enumerate(parts, 1):
        if isinstance(part, bytes):
            stack.feed(side, part, PacketNumber(index), index)
        else:
            stack.gap(side, part, PacketNumber(index), index)
    return stack.finish(client_closed=True, server_closed=True)


def targets(fields: LayerFields) -> list[bytes]:
    """The targets of all complete exchanges of the outermost level."""
    return [e.request.target for e in fields["exchanges"] if e.request and e.response]


@cache
def nested() -> tuple[tuple[Chunk, ...], bytes]:
    """The flow of the product: outer TLS, CONNECT, inner TLS with a request in it."""
    inner = converse(
        Peers(with_client_certificate=False, client_certificate_required=False),
        [("client", GET), ("server", OK)],
    )
    sends: tuple[Chunk, ...] = (("client", CONNECT), ("server", OPENED), *inner.chunks)
    outer = converse(Peers(), sends)
    return outer.chunks, outer.keylog + inner.keylog


def test_plain_http() -> None:
    """No TLS, no tunnel."""
    fields = play([("client", GET), ("server", OK)])

    assert targets(fields) == [b"/a"]
    assert (fields["tls"], fields["tunnel"], fields["malformed"]) == (None, None, ())


def test_http_in_tls() -> None:
    """The session and the exchange stand on the same level."""
    talk = converse(Peers(), [("client", GET), ("server", OK)])

    fields = play(list(talk.chunks), talk.secrets)

    assert targets(fields) == [b"/a"]
    assert fields["tls"] is not None
    assert fields["tls"].certificate_verify is not None
    assert fields["malformed"] == ()


def test_tls_without_keys_shows_its_handshake_only() -> None:
    """Nothing is guessed about what is inside."""
    talk = converse(Peers(), [("client", GET), ("server", OK)])

    fields = play(list(talk.chunks))

    assert fields["exchanges"] == ()
    assert fields["tls"] is not None
    assert fields["tls"].decrypted == "no"


@pytest.mark.parametrize("size", [100_000, 97, 1], ids=["whole", "97 bytes", "byte by byte"])
def test_tls_in_a_tunnel_in_tls(size: int) -> None:
    """Each level has its session and its exchanges, however the bytes are cut."""
    chunks, keylog = nested()

    fields = play(list(tls_wire.split(chunks, size)), parse_keylog(keylog))

    assert targets(fields) == [b"access.example.com:443"]
    tunnel = fields["tunnel"]
    assert tunnel is not None
    assert tunnel.target == b"access.example.com:443"
    assert tunnel.tls is not None
    assert fields["tls"] is not None
    assert tunnel.tls.client_random != fields["tls"].client_random
    assert (tunnel.tls.decrypted, fields["tls"].decrypted) == ("yes", "yes")
    assert [e.request.target for e in tunnel.exchanges if e.request] == [b"/a"]
    assert [e.response.body for e in tunnel.exchanges if e.response] == [b"ok"]
    assert fields["malformed"] == ()
    assert tunnel.malformed == ()


def test_inner_messages_name_outer_packets() -> None:
    """Evidence for what is inside a tunnel is the packets of the outer connection."""
    chunks, keylog = nested()

    tunnel = play(list(chunks), parse_keylog(keylog))["tunnel"]

    assert tunnel is not None
    request = tunnel.exchanges[0].request
    assert request is not None
    assert request.packets
    assert tunnel.opened.packets[-1] < request.packets[0] <= len(chunks)


def test_tunnels_are_opened_to_a_limit() -> None:
    """Four CONNECTs inside one another; the fourth is named and not opened."""
    parts: list[Part] = []
    for _ in range(5):
        parts += [("client", CONNECT), ("server", OPENED)]
    level = play([*parts, ("client", GET), ("server", OK)])["tunnel"]

    depth = 0
    while level is not None:
        depth, level = depth + 1, level.tunnel

    assert depth == 4


@pytest.mark.parametrize(
    "head",
    [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)],
    ids=["version 1", "version 2"],
)
def test_a_proxy_header_is_stepped_over(head: bytes) -> None:
    """A balancer may put one before the bytes of the client."""
    whole = play([("client", head + GET), ("server", OK)])
    slow: list[Part] = [("client", bytes([byte])) for byte in head + GET]
    bytewise = play([*slow, ("server", OK)])

    assert targets(whole) == targets(bytewise) == [b"/a"]
    preamble, slowly = whole["preamble"], bytewise["preamble"]
    assert preamble is not None
    assert slowly is not None
    assert (preamble.size, preamble.seen.packets) == (len(head), (1,))
    assert (slowly.size, slowly.seen.packets) == (len(head), tuple(range(1, len(head) + 1)))


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_tls_alert_may_answer_plain_http(size: int) -> None:
    """A server that expects TLS refuses HTTP with an alert: no answer, and nothing malformed."""
    alert = b"\x15\3\3\0\2\2\x2f"
    fields = play([("client", GET), *(("server", alert[i : i + size]) for i in range(0, 7, size))])

    assert fields["malformed"] == ()
    assert [e.response for e in fields["exchanges"]] == [None]
    assert fields["tls"] is not None
    assert [a.name for a in fields["tls"].alerts] == ["illegal_parameter"]


def test_the_answer_tells_what_a_strange_request_was_taken_for() -> None:
    """An HTTP server that is sent noise answers, and both are told."""
    fields = play(
        [
            ("client", b"\x00noise\r\n\r\n"),
            ("server", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        ]
    )

    assert [e.response.status for e in fields["exchanges"] if e.response] == [400]
    assert [m.sender for m in fields["malformed"]] == ["client"]


def test_other_protocols_give_nothing() -> None:
    """No layer is claimed for what is neither TLS nor HTTP."""
    fields = play([("server", b"SSH-2.0-a\r\n"), ("client", b"SSH-2.0-b\r\n"), ("server", OK)])

    assert fields == build_nothing()


@pytest.mark.parametrize(
    "before",
    [
        [
            ("server", b"220 mail\r\n"),
            ("client", b"EHLO x\r\n"),
            ("server", b"250 STARTTLS\r\n"),
            ("client", b"STARTTLS\r\n"),
            ("server", b"220 go\r\n"),
        ],
        [("client", b"\5\1\0"), ("server", b"\5\0"), ("client", b"\5\1\0\1" + bytes(6))],
        [("client", b"\0\0\0\x08\x04\xd2\x16\x2f"), ("server", b"S")],
    ],
    ids=["SMTP", "SOCKS", "PostgreSQL"],
)
def test_tls_after_another_protocol(before: list[Part]) -> None:
    """STARTTLS (RFC 3207), a SOCKS proxy (RFC 1928), a database: TLS begins with a segment of the client."""
    talk = converse(Peers(), [("client", GET), ("server", OK)])

    fields = play([*before, *talk.chunks], talk.secrets)

    assert fields["tls"] is not None
    assert fields["tls"].decrypted == "yes"
    assert targets(fields) == [b"/a"]
    assert fields["malformed"] == ()


def test_http_after_another_protocol() -> None:
    """Through a SOCKS proxy (RFC 1928): HTTP begins with a segment of the client."""
    socks: list[Part] = [
        ("client", b"\5\1\0"),
        ("server", b"\5\0"),
        ("client", b"\5\1\0\1" + bytes(6)),
    ]

    fields = play([*socks, ("server", b"\5\0\0\1" + bytes(6)), ("client", GET), ("server", OK)])

    assert targets(fields) == [b"/a"]
    assert [e.response is not None for e in fields["exchanges"]] == [True]
    assert fields["malformed"] == ()


def test_text_of_another_protocol_is_no_request() -> None:
    """A request line stands at the start of a segment, and is whole."""
    mail: list[Part] = [
        ("server", b"220 mail\r\n"),
        ("client", b"DATA\r\n"),
        ("server", b"354 go\r\n"),
    ]

    fields = play(
        [*mail, ("client", b"GET well soon\r\nseen in HTTP/1.1\r\n"), ("client", b"A " + GET)]
    )

    assert (fields["exchanges"], fields["malformed"]) == ((), ())


def test_the_middle_of_a_connection_is_read_from_the_next_message() -> None:
    """The tail of an answer is passed over, the request after it is read."""
    parts: list[Part] = [
        ("server", None),
        ("server", b"tail of a body"),
        ("client", None),
        ("client", GET),
        ("server", OK),
    ]

    assert targets(play(parts)) == [b"/a"]


@settings(max_examples=40)
@given(st.integers(0, 4000), st.integers(1, 3000), st.binary(max_size=3))
def test_changed_bytes_never_raise(at: int, gone: int, noise: bytes) -> None:
    """What cannot be authenticated is not handed out, at any level."""
    chunks, keylog = nested()
    parts: list[Part] = []
    seen = 0
    for side, data in chunks:
        begin, end = at - seen, at + gone - seen
        if 0 <= begin < len(data):
            parts += [
                (
                    "client" if side == "client" else "server",
                    data[:begin] + noise + data[max(end, 0) :],
                )
            ]
        else:
            parts.append((side, data))
        seen += len(data)

    fields = play(parts, parse_keylog(keylog))

    known = {GET.split()[1], CONNECT.split()[1]}
    assert {e.request.target for e in fields["exchanges"] if e.request} <= known


def test_what_waited_to_the_end_is_read() -> None:
    """The client's records never end, so the server's wait for them: at the end they are opened all the same."""
    peers = Peers(version=ssl.TLSVersion.TLSv1_2)
    talk = converse(peers, [("client", GET), ("server", OK)])
    hello = talk.chunks[0][1]
    endless = ("client", hello[:3] + b"\x40\x00" + hello[5:])

    fields = play([endless, *talk.chunks[1:]], talk.secrets)

    assert fields["tls"] is not None
    assert fields["tls"].server_plaintext_size == len(OK)
    assert [e.response.status for e in fields["exchanges"] if e.response] == [200]


OLD_HELLO = bytes.fromhex("801c 01 0301 0003 0000 0010 00002f".replace(" ", "")) + bytes(
    range(1, 17)
)
"""A ClientHello of SSL 2.0 form that offers TLS 1.0 and one suite."""


@pytest.mark.parametrize("size", [1, 7, 30, 1000])
def test_an_old_hello_may_offer_tls(size: int) -> None:
    """RFC 5246 appendix E.2: its challenge is the client random; the answer is that of TLS."""
    answer = b"\x16\3\1\0\x2a\2\0\0\x26\3\1" + bytes(32) + b"\0\0\x2f\0"
    stack = LayerStack(Secrets())
    for at in range(0, len(OLD_HELLO), size):
        stack.feed("client", OLD_HELLO[at : at + size], PacketNumber(1), 1)
    stack.feed("server", answer, PacketNumber(2), 2)
    found = stack.finish(client_closed=True, server_closed=True)

    tls = found["tls"]
    assert tls is not None
    assert tls.client_random == bytes(16) + bytes(range(1, 17))
    assert (tls.version, tls.cipher_suite) == (0x0301, 0x002F)
    assert found["malformed"] == ()


def test_ssl_2_is_named() -> None:
    """It is not opened."""
    stack = LayerStack(Secrets())
    stack.feed("client", OLD_HELLO[:3] + b"\0\2" + OLD_HELLO[5:], PacketNumber(1), 1)
    stack.feed("server", b"\x80\x0b\4" + bytes(10), PacketNumber(2), 2)
    tls = stack.finish(client_closed=True, server_closed=True)["tls"]

    assert tls is not None
    assert (tls.version, tls.decrypted, tls.undecrypted) == (
        0x0200,
        "no",
        "SSL 2.0 is not supported",
    )


@pytest.mark.parametrize("first", [1, 2, 3, 5])
def test_the_middle_of_tls_begins_with_any_piece(first: int) -> None:
    """Segments after the beginning of the capture may be as short as one byte."""
    record = b"\x17\3\3\0\x10" + bytes(16)
    stack = LayerStack(Secrets())
    stack.gap("client", None, PacketNumber(1), 1)
    stack.feed("client", record[:first], PacketNumber(1), 1)
    stack.feed("client", record[first:], PacketNumber(2), 2)

    assert stack.finish(client_closed=False, server_closed=False)["tls"] is not None


def test_the_middle_of_tls_begins_after_other_bytes() -> None:
    """A segment that is the rest of a record, then one that begins with the next."""
    stack = LayerStack(Secrets())
    stack.gap("client", None, PacketNumber(1), 1)
    stack.feed("client", b"rest of a record", PacketNumber(1), 1)
    stack.feed("client", b"\x17\3\3\0\x10" + bytes(16), PacketNumber(2), 2)

    assert stack.finish(client_closed=False, server_closed=False)["tls"] is not None


HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What a client of HTTP/2 says first (RFC 9113 section 3.4): the preface, and SETTINGS without any."""
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


ASKED = HTTP_2 + b"\0\0\3\1\5\0\0\0\1" + b"\x82\x87\x84"
"""GET https /."""


@pytest.mark.parametrize("size", [1, 5, 100])
def test_http_2_is_read(size: int) -> None:
    """Also where the server spoke first, as it may."""
    parts: list[Part] = [("client", ASKED[i : i + size]) for i in range(0, len(ASKED), size)]

    fields = play([("server", SETTINGS), *parts, ("server", b"\0\0\1\1\5\0\0\0\1\x88")])

    (exchange,) = fields["exchanges"]
    assert (exchange.request.version, exchange.request.target) == (b"HTTP/2", b"/")
    assert exchange.response.status == 200
    assert fields["malformed"] == ()


def test_http_2_in_tls_is_read() -> None:
    """By what the client says first."""
    talk = converse(Peers(alpn=("h2",)), [("client", ASKED), ("server", SETTINGS)])

    fields = play(list(talk.chunks), talk.secrets)

    assert [e.request.target for e in fields["exchanges"]] == [b"/"]
    assert fields["malformed"] == ()


def test_http_2_without_its_beginning_is_named() -> None:
    """By what both agreed on; what was asked is not known."""
    talk = converse(Peers(alpn=("h2",)), [("client", SETTINGS), ("server", SETTINGS)])

    fields = play(list(talk.chunks), talk.secrets)

    assert fields["tls"] is not None
    assert fields["tls"].alpn == "h2"
    assert [(m.layer, m.message[:6]) for m in fields["malformed"]] == [("http", "HTTP/2")]
