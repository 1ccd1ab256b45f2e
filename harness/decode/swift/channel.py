"""Channel: the records of application data of one side of an ordinary TLS connection, from any one of them on.

Between two calls it keeps a key, a number and the start of one record. Like all swift reading it raises OddError on
what it does not like; then nothing of the call counts, and `restore` takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from harness.decode.swift.odd import OddError
from harness.decode.swift.record import (
    MAX_TRIES,
    Record,
    find_record_end,
    open_first,
    pass_over,
)
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.epoch import Epoch, MissingKeysError, build_tls12_epoch, build_tls13_epoch
from harness.decode.tls.message import (
    TLS_1_3,
    ClientHello,
    HandshakeType,
    MessageError,
    ServerHello,
    decode_client_hello,
    parse_server_hello,
)
from harness.decode.tls.record import (
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HEADER_SIZE,
)
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side

TLS_1_2 = 0x0303
Rest = tuple[bytes, PacketNumber, int]
"""The start of a record; the packet with its first byte, and the time of the last one."""
State = tuple[int, Rest]
_NO_REST: Rest = (b"", PacketNumber(0), 0)


@dataclass(frozen=True, slots=True)
class Hellos:
    """What both ends of an ordinary connection said first."""

    client: ClientHello
    server: ServerHello
    client_end: int
    """Offset after the record with the client's hello."""
    server_end: int


def parse_hellos(talk: Talk) -> Hellos:
    """The hellos with which both sides begin; raises OddError."""
    client_end, body = _find_hello(talk.client, HandshakeType.client_hello)
    client, problem = decode_client_hello(body)
    if client is None or problem is not None or client.offers_early_data:
        raise OddError
    server_end, body = _find_hello(talk.server, HandshakeType.server_hello)
    if talk.server.numbers[0] < talk.client.numbers[talk.client.find_packet(client_end)]:
        raise OddError
    try:
        server = parse_server_hello(body)
    except MessageError:
        raise OddError from None
    if server.is_retry or server.version not in (TLS_1_2, TLS_1_3) or server.compression:
        raise OddError
    return Hellos(client, server, client_end, server_end)


def _find_hello(run: Run, kind: HandshakeType) -> tuple[int, bytes]:
    """Where the first record ends, and the message with which it begins."""
    data = run.data
    record_end = find_record_end(data, 0, len(data))
    if record_end is None or not data.startswith(bytes((kind,)), HEADER_SIZE, record_end):
        raise OddError
    if data[0] != HANDSHAKE:
        raise OddError
    end = 9 + int.from_bytes(data[6:9], "big")
    if end > record_end or (kind == HandshakeType.client_hello and end != record_end):
        raise OddError
    return record_end, data[9:end]


def build_channel(hellos: Hellos, known: Mapping[str, bytes], side: Side) -> Channel:
    """The channel of one side before its first record, by the secrets of the connection; raises OddError."""
    server = hellos.server
    try:
        if server.is_tls13:
            return Channel(build_tls13_epoch(known, server, side, "application"))
        epoch = build_tls12_epoch(known, hellos.client, server, side)
    except MissingKeysError:
        raise OddError from None
    if epoch.opener.has_state:
        raise OddError
    return Channel(epoch)


class Channel:
    """One side."""

    __slots__ = ("_is_tls13", "epoch", "rest")

    def __init__(self, epoch: Epoch) -> None:
        """Take the keys of application data."""
        self._is_tls13 = epoch.stage == "application"
        self.epoch = epoch
        """The keys, and the number of the next record."""
        self.rest = _NO_REST

    @property
    def state(self) -> State:
        """What reading changes."""
        return self.epoch.seq, self.rest

    def restore(self, state: State) -> None:
        """As it was when that was its state."""
        self.epoch.seq, self.rest = state

    def find_start(self, run: Run, at: int) -> int | None:
        """Where application data begins, after the hello that ends there; None: not in these bytes.

        Raises:
            OddError: Something else stands there.
        """
        data = run.data
        if self._is_tls13:
            places = list(islice(_find_sealed(data, at), MAX_TRIES))
            begins, ends = [begin for begin, _ in places], [end for _, end in places]
            first = open_first(self.epoch.opener, data, begins, ends, range(len(places)))
            return begins[first[0]] if first is not None else None
        while (end := find_record_end(data, at, len(data))) is not None:
            if _is_change(data, at, end):
                return self._pass_finished(data, end)
            if data[at] != HANDSHAKE:
                raise OddError
            at = end
        return None

    def _pass_finished(self, data: bytes, at: int) -> int | None:
        """RFC 5246 section 7.1: after ChangeCipherSpec all is protected, Finished first."""
        end = find_record_end(data, at, len(data))
        if end is None:
            return None
        if data[at] != HANDSHAKE:
            raise OddError
        self.epoch.seq = 1
        return end

    def read(self, run: Run, at: int = 0) -> Iterator[Record]:
        """What the next records hold, as far as they are whole; raises OddError.

        A record that began in an earlier run begins at a negative place, with the packet that `rest` names.
        """
        data, size = run.data, len(run.data)
        rest, _, _ = self.rest
        if rest and at < size:
            end = find_record_end(rest[:HEADER_SIZE] + data[:HEADER_SIZE], 0, len(rest) + size)
            if end is None:
                self._keep(run, 0)
                return
            whole = rest + data[: end - len(rest)]
            at = end - len(rest)
            content = self._open(whole[0], whole[:HEADER_SIZE], whole[HEADER_SIZE:])
            if content:
                yield content, -len(rest), at
            self.rest = _NO_REST
        while (end := find_record_end(data, at, size)) is not None:
            begin = at + HEADER_SIZE
            content = self._open(data[at], data[at:begin], data[begin:end])
            if content:
                yield content, at, end
            at = end
        if at < size:
            self._keep(run, at)

    def _open(self, kind: int, header: bytes, fragment: bytes) -> bytes:
        """The application data of the next record; nothing where it holds something harmless."""
        if self._is_tls13 and kind != APPLICATION_DATA:
            raise OddError
        try:
            kind, content = self.epoch.opener.open(self.epoch.seq, header, fragment)
        except BadRecordError:
            raise OddError from None
        self.epoch.seq += 1
        if kind == APPLICATION_DATA:
            return content
        pass_over(kind, content, is_tls13=self._is_tls13)
        return b""

    def _keep(self, run: Run, at: int) -> None:
        """The start of a record."""
        rest, number, _ = self.rest
        if not rest:
            number = run.numbers[run.find_packet(at + 1)]
        self.rest = (rest + run.data[at:], number, run.times[-1])


def _find_sealed(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Of TLS 1.3 where the protected records from there on begin and end; a ChangeCipherSpec may be among them."""
    while (end := find_record_end(data, at, len(data))) is not None:
        if data[at] == APPLICATION_DATA:
            yield at, end
        elif not _is_change(data, at, end):
            raise OddError
        at = end


def _is_change(data: bytes, at: int, end: int) -> bool:
    """A record holds ChangeCipherSpec."""
    return data[at] == CHANGE_CIPHER_SPEC and data[at + HEADER_SIZE : end] == b"\1"
