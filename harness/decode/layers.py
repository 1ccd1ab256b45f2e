"""LayerStack: what the bytes of a connection carry. TLS, HTTP, and through CONNECT the same once more.

The protocol is sniffed from the first bytes of the client; where those are missing, from the server's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.capture.keylog import Secrets
from harness.decode.detail import EVERYTHING, Detail
from harness.decode.http.http1 import HttpDecoder, TunnelBytes
from harness.decode.http.http2 import Http2Decoder
from harness.decode.layer_fields import LayerFields
from harness.decode.proxy_header import decode_proxy_header, find_proxy_header
from harness.decode.sniff import (
    Protocol,
    begins_with_client_hello,
    begins_with_request,
    sniff_client,
    sniff_server,
)
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.plaintext import Plaintext
from harness.decode.tls.session import TlsDecoder
from harness.decode.tls.ssl2 import OldHello, find_hello
from harness.trace.connection import Preamble, Tunnel
from harness.trace.http import Malformed
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side, TlsSession

MAX_DEPTH = 3
"""Tunnels inside one another; further ones are named and not opened."""
_RECORD_TYPES = range(20, 24)
"""ContentType of the TLS records there are (RFC 8446 section 5.1)."""
_MAX_UNDECIDED = 64 << 10
"""Bytes that wait for the protocol to be known."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of one side; or, without data, a gap."""

    side: Side
    data: bytes
    seen: Seen
    gap_size: int | None = 0


class _Undecided:
    """What has come before the protocol is known."""

    def __init__(self, *, may_be_tls: bool) -> None:
        self._may_be_tls = may_be_tls
        self._items: list[Part] = []
        self._first: dict[Side, bytes] = {"client": b"", "server": b""}
        self._cut: set[Side] = set()
        self._size = 0
        self.preamble: Preamble | None = None
        """The PROXY header that `take` left out."""

    def add(self, item: Part) -> Protocol | None:
        """Keep one item; gives the protocol as soon as it is known."""
        self._items.append(item)
        self._size += len(item.data)
        if item.data:
            run = self._first[item.side] + item.data
            sniff = sniff_client if item.side == "client" else sniff_server
            if item.side in self._cut and sniff(run) == "other":
                # After a gap each segment may be the first that begins with something known.
                run = item.data
            self._first[item.side] = run
        else:
            self._cut.add(item.side)
            self._first[item.side] = b""
        found = self._decide()
        if found in ("tls", "ssl2") and not self._may_be_tls:
            found = "other"
        return found or ("other" if self._size > _MAX_UNDECIDED else None)

    def _decide(self) -> Protocol | None:
        client, server = self._first["client"], self._first["server"]
        skip = find_proxy_header(client)
        if client and (skip is None or skip >= len(client)):
            return None
        found = sniff_client(client[skip:])
        if found in ("tls", "ssl2", "http", "http2") or (found is None and client):
            return found
        # What the client says is unknown, or was not seen: an answer tells what the server took it for.
        answer = sniff_server(server)
        if answer != "other":
            return answer
        return "other" if client and not self._cut else None

    def take(self, protocol: Protocol) -> Iterable[Part]:
        """All items, without the PROXY header and with an old ClientHello in its new form; they are gone then."""
        items, self._items = self._items, []
        is_late = items[0].side == "server" and not items[0].data.startswith(b"HTTP/")
        if is_late and items[0].data and protocol != "http2":
            # It speaks first, so this is the middle of an answer.
            yield Part("server", b"", items[0].seen, None)
        client = self._first["client"]
        skip = 0 if "client" in self._cut else find_proxy_header(client) or 0
        if skip:
            self.preamble = _read_preamble(client[:skip], items)
        hello = find_hello(client[skip:]) if "client" not in self._cut else None
        if isinstance(hello, OldHello):
            skip += hello.size
        for item in items:
            if isinstance(hello, OldHello) and item.side == "client" and item.data:
                yield Part("client", hello.build_record(), item.seen)
                hello = None
            if item.side == "client" and skip and item.data:
                rest = item.data[skip:]
                skip -= len(item.data) - len(rest)
                if rest:
                    yield Part("client", rest, item.seen)
            else:
                yield item


def _read_preamble(header: bytes, items: list[Part]) -> Preamble:
    """What a PROXY header says, and where it was seen."""
    packets: list[PacketNumber] = []
    size = time_ns = 0
    for item in items:
        if item.side == "client" and item.data and size < len(header):
            size += len(item.data)
            packets += item.seen.packets
            time_ns = item.seen.time_ns
    version, client = decode_proxy_header(header)
    seen = Seen(time_ns=time_ns, packets=tuple(dict.fromkeys(packets)))
    return Preamble(version=version, size=len(header), client=client, seen=seen)


class LayerStack:
    """One level: the bytes of a connection, or of a tunnel. It is the Receiver of one TcpConnection."""

    def __init__(self, secrets: Secrets, *, depth: int = 0, detail: Detail = EVERYTHING) -> None:
        """Begin before the first byte, `depth` tunnels deep; work out what `detail` says."""
        self.wants = detail.level != "connections"
        self.is_hashed = detail.hashes_streams and detail.level == "exchanges"
        self.is_brief = detail.is_brief
        """See Receiver."""
        self._detail = detail
        self._secrets = secrets
        self._depth = depth
        self._undecided: _Undecided | None = _Undecided(may_be_tls=True)
        self._is_other = False
        """Neither TLS nor HTTP so far; one may follow (STARTTLS of RFC 3207 and others, SOCKS of RFC 1928)."""
        self._inside: _Undecided | None = _Undecided(may_be_tls=False)
        """The same for what TLS carries."""
        self._preamble: Preamble | None = None
        self._tls: TlsDecoder | None = None
        self._alarm: TlsDecoder | None = None
        """What answers plain HTTP in TLS: a server that expected TLS refuses it with an alert."""
        self._ssl2: Seen | None = None
        """Where the ClientHello of SSL 2.0 was seen."""
        self._http: HttpDecoder | Http2Decoder | None = None
        self._tunnel: LayerStack | None = None
        self._begun: set[Side] = set()
        """Sides of which TLS has got something."""

    def resume(self, tls: TlsDecoder, said: Iterable[Part] | None) -> None:
        """Begin in the middle of the application data of TLS.

        Args:
            tls: What goes on with the next record.
            said: Of HTTP what is not over yet; None: nothing was sent by either side.
        """
        self._undecided, self._tls, self._begun = None, tls, {"client", "server"}
        if said is not None:
            self._inside, self._http = None, HttpDecoder(self._detail)
            for part in said:
                self._take_http(part)

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        """Take in the next bytes of one side."""
        if data and self.wants:
            self._take_in(Part(side, data, Seen(time_ns=time_ns, packets=(number,))))
            self._see_level()

    def feed_talk(self, talk: Talk) -> None:
        """The same for the bytes of many packets of both sides."""
        for side, run in talk.build_runs():
            if not self.wants:
                return
            self.feed_run(side, run)

    def feed_run(self, side: Side, run: Run) -> None:
        """The same for the bytes of several packets of one side."""
        if self._tls is None or self._undecided is not None:
            for data, number, time_ns in run.pieces():
                self.feed(side, data, number, time_ns)
            return
        self._begun.add(side)
        for piece in self._tls.feed_run(side, run):
            self._take_plaintext(piece)
        self._see_level()

    def _see_level(self) -> None:
        """Whether anything more is wanted."""
        if self._detail.level == "handshakes" and self._undecided is None:
            self.wants = self._is_other if self._tls is None else not self._tls.is_over

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        """Bytes of one side are missing; None: it is not known how many."""
        if self.wants:
            self._take_in(Part(side, b"", Seen(time_ns=time_ns, packets=(number,)), size))

    def _take_in(self, item: Part) -> None:
        if self._undecided is None:
            self._pass_on(item)
            return
        protocol = self._undecided.add(item)
        if protocol is None:
            return
        undecided, self._undecided = self._undecided, None
        waiting = tuple(undecided.take(protocol))
        self._preamble = undecided.preamble
        if protocol == "tls":
            self._tls = TlsDecoder(self._secrets, self._detail)
        elif protocol == "ssl2":
            self._ssl2 = item.seen
        elif protocol == "http":
            self._http = HttpDecoder(self._detail)
        elif protocol == "http2":
            self._http = Http2Decoder(self._detail)
        else:
            self._is_other = True
        for early in waiting:
            self._pass_on(early)

    def _pass_on(self, item: Part) -> None:
        if self._is_other and item.side == "client" and begins_with_client_hello(item.data):
            # It stands at the start of a segment: the client waited for the answer to its request for TLS.
            self._is_other = False
            self._tls = TlsDecoder(self._secrets, self._detail)
        elif self._may_turn_to_http(item):
            self._is_other = False
            self._http = HttpDecoder(self._detail)
        if self._tls is not None:
            if item.gap_size is None and item.side not in self._begun:
                # The capture began later than the connection; the record header that was sniffed is a good beginning.
                return
            self._begun.add(item.side)
            number, time_ns = item.seen.packets[-1], item.seen.time_ns
            if item.data:
                pieces = self._tls.feed(item.side, item.data, number, time_ns)
            else:
                pieces = self._tls.gap(item.side, item.gap_size or 0, number, time_ns)
            for piece in pieces:
                self._take_plaintext(piece)
        elif self._is_alarm(item):
            self._take_alarm(item)
        elif self._http is not None:
            self._take_http(item)

    def _may_turn_to_http(self, item: Part) -> bool:
        """Whether HTTP begins behind another protocol: a request line at the start of a segment."""
        return self._is_other and item.side == "client" and begins_with_request(item.data)

    def _is_alarm(self, item: Part) -> bool:
        """Whether this belongs to an answer in TLS: no answer of HTTP begins with the type of a TLS record."""
        if not isinstance(self._http, HttpDecoder) or item.side != "server":
            return False
        if "server" not in self._begun and item.data and item.data[0] in _RECORD_TYPES:
            self._alarm = TlsDecoder(self._secrets, self._detail)
        self._begun.add("server")
        return self._alarm is not None

    def _take_alarm(self, item: Part) -> None:
        assert self._alarm is not None
        number, time_ns = item.seen.packets[-1], item.seen.time_ns
        if item.data:
            self._alarm.feed("server", item.data, number, time_ns)
        else:
            self._alarm.gap("server", item.gap_size or 0, number, time_ns)

    def _take_plaintext(self, piece: Plaintext) -> None:
        items: list[Part] = []
        if piece.follows_gap:
            items.append(Part(piece.side, b"", piece.seen, None))
        if piece.data:
            items.append(Part(piece.side, piece.data, piece.seen))
        for item in items:
            if self._inside is None:
                self._take_http(item)
                continue
            protocol = self._inside.add(item)
            if protocol is None:
                continue
            waiting, self._inside = self._inside.take(protocol), None
            if protocol in ("http", "http2"):
                kind = HttpDecoder if protocol == "http" else Http2Decoder
                self._http = kind(self._detail)
                for early in waiting:
                    self._take_http(early)

    def _take_http(self, item: Part) -> None:
        if self._http is None:
            return
        if item.data:
            out = self._http.feed(item.side, item.data, item.seen)
        else:
            out = self._http.gap(item.side, item.gap_size, item.seen)
        for piece in out:
            self._take_tunnel(piece)

    def _take_tunnel(self, piece: TunnelBytes) -> None:
        if self._depth >= MAX_DEPTH:
            return
        if self._tunnel is None:
            self._tunnel = LayerStack(self._secrets, depth=self._depth + 1, detail=self._detail)
        if piece.data:
            self._tunnel.feed(piece.side, piece.data, piece.seen.packets[-1], piece.seen.time_ns)
        else:
            self._tunnel.gap(piece.side, piece.gap_size, piece.seen.packets[-1], piece.seen.time_ns)

    def finish(self, *, client_closed: bool, server_closed: bool) -> LayerFields:
        """No more bytes; say which side ended its stream with FIN."""
        session: TlsSession | None = None
        if self._ssl2 is not None:
            reason = "SSL 2.0 is not supported"
            session = TlsSession(client_hello=self._ssl2, version=0x0200, undecrypted=reason)
        malformed: list[Malformed] = []
        tls = self._tls or self._alarm
        if tls is not None:
            for piece in tls.close():
                self._take_plaintext(piece)
            session, found = tls.finish()
            malformed.extend(found)
            notified = {alert.sender for alert in session.alerts if alert.description == 0}
            client_closed |= "client" in notified
            server_closed |= "server" in notified
        tunnel: Tunnel | None = None
        malformed += self._tell_http2(session)
        if self._http is not None:
            self._http.end(client_closed=client_closed, server_closed=server_closed)
            malformed.extend(self._http.malformed())
            tunnel = self._build_tunnel(client_closed=client_closed, server_closed=server_closed)
        return LayerFields(
            preamble=self._preamble,
            tls=session,
            exchanges=self._http.exchanges() if self._http is not None else (),
            malformed=tuple(malformed),
            tunnel=tunnel,
        )

    def _tell_http2(self, session: TlsSession | None) -> tuple[Malformed, ...]:
        """That ALPN names HTTP/2 (RFC 9113 section 3.2), of which the beginning was not seen."""
        if self._detail.level != "exchanges" or self._http is not None or session is None:
            return ()
        seen = session.client_application_data or session.server_application_data
        if session.decrypted == "no" or session.alpn != "h2" or seen is None:
            return ()
        message = "HTTP/2 without its beginning: what was asked and answered is not known"
        return (Malformed(sender="client", layer="http", message=message, packets=seen.packets),)

    def _build_tunnel(self, *, client_closed: bool, server_closed: bool) -> Tunnel | None:
        if self._http is None or self._http.tunnel is None:
            return None
        target, opened = self._http.tunnel
        if self._tunnel is None:
            return Tunnel(target=target, opened=opened)
        inner = self._tunnel.finish(client_closed=client_closed, server_closed=server_closed)
        return Tunnel(target=target, opened=opened, **inner)
