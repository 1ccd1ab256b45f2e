"""Captures for the benchmark of the judge: real TLS handshakes (OpenSSL) in TCP segments, with their keys.

    short   many connections with one mutual handshake and one request each, half TLS 1.2 and half TLS 1.3
    long    few connections with some 25 requests each, bodies of 1 to 256 kB; every fourth to the admin port
    mixed   the packets of a thousand long connections, interleaved at random

Each capture is written twice: NAME.pcapng has a secrets block before each connection, NAME.bare.pcapng has none.
"""

from __future__ import annotations

import contextlib
import random
import ssl
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.capture.pcapng import PACKET, SECTION_HEADER
from harness.capture.writer import PcapngWriter

SERVICE_PORT, ADMIN_PORT = 8443, 5263
USERS = 50
"""Client certificates in turn."""
_SEGMENT = 1448
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16
_START_NS = 1_790_000_000_000_000_000


@dataclass(slots=True)
class Talk:
    """One connection: its frames, and the key log lines of its handshake."""

    keys: bytes = b""
    frames: list[bytes] = field(default_factory=list)


class Ends:
    """TLS contexts of a server and some users, under one authority."""

    def __init__(self, folder: Path) -> None:
        """Make keys and certificates."""
        self.key_log = folder / "keys"
        self.key_log.touch()
        key = ec.generate_private_key(ec.SECP256R1())
        authority = _certificate("Benchmark CA", key, "Benchmark CA", key, is_authority=True)
        (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        self.servers = []
        self.clients = []
        versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
        for version in versions:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            _load(server, folder, _issue("access.example.com", key), version)
            server.verify_mode = ssl.CERT_REQUIRED
            self.servers.append(server)
        for user in range(USERS):
            pair = _issue(f"user-{user}@example.com", key)
            both = []
            for version in versions:
                client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                _load(client, folder, pair, version)
                client.keylog_filename = str(self.key_log)
                both.append(client)
            self.clients.append(both)
        self._log = self.key_log.open("rb")

    def take_keys(self) -> bytes:
        """What was logged since the last call."""
        return self._log.read()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.RFC822Name(name) if "@" in name else x509.DNSName(name.replace(" ", "-"))]
            ),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )


def _issue(name: str, authority: ec.EllipticCurvePrivateKey) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, key, "Benchmark CA", authority, is_authority=False)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _load(context: ssl.SSLContext, folder: Path, pair: bytes, version: ssl.TLSVersion) -> None:
    path = folder / "pair.pem"
    path.write_bytes(pair)
    context.load_cert_chain(path)
    context.load_verify_locations(folder / "ca.pem")
    context.minimum_version = context.maximum_version = version


class Wire:
    """Puts the bytes of both ends of a connection into frames: every second segment is acknowledged, as TCP does."""

    def __init__(self, talk: Talk, number: int, port: int) -> None:
        """Begin with the three-way handshake."""
        self._talk = talk
        client = bytes((203, 0, 113 - number // 60_000 % 64, 1 + number // 240_000 % 250))
        server = bytes((10, 20, 0, 10))
        ports = (1024 + number % 60_000, port)
        self._ends = ((client, server, *ports), (server, client, ports[1], ports[0]))
        self._next = [number * 7919 & 0xFFFFFFFF, number * 104_729 & 0xFFFFFFFF]
        self._emit(0, _SYN)
        self._emit(1, _SYN | _ACK)
        self._emit(0, _ACK)

    def _emit(self, side: int, flags: int, data: bytes = b"") -> None:
        src, dst, src_port, dst_port = self._ends[side]
        ack = self._next[1 - side] if flags & _ACK else 0
        self._talk.frames.append(
            b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0"
            + struct.pack(">BBHHHBBH", 0x45, 0, 52 + len(data), 7, 0x4000, 64, 6, 0)
            + src
            + dst
            + struct.pack(
                ">HHIIHHHH", src_port, dst_port, self._next[side], ack, 8 << 12 | flags, 501, 0, 0
            )
            + b"\1\1\x08\x0a"
            + bytes(8)
            + data
        )
        self._next[side] = (self._next[side] + len(data) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF

    def send(self, side: int, data: bytes) -> None:
        """Data in segments, and the acknowledgments of the other end."""
        starts = range(0, len(data), _SEGMENT)
        for index, begin in enumerate(starts):
            is_last = index == len(starts) - 1
            self._emit(side, _ACK | (_PSH if is_last else 0), data[begin : begin + _SEGMENT])
            if index % 2 or is_last:
                self._emit(1 - side, _ACK)

    def close(self) -> None:
        """FIN both ways."""
        self._emit(0, _FIN | _ACK)
        self._emit(1, _FIN | _ACK)
        self._emit(0, _ACK)


def build_talk(ends: Ends, number: int, exchanges: list[tuple[bytes, bytes]], port: int) -> Talk:
    """One connection: handshake, the exchanges, close_notify, FIN."""
    version = number % 2
    talk = Talk()
    wire = Wire(talk, number, port)
    pipes = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
    client = ends.clients[number % USERS][version].wrap_bio(
        *pipes[0], server_hostname="access.example.com"
    )
    server = ends.servers[version].wrap_bio(*pipes[1], server_side=True)

    def carry(side: int) -> None:
        data = pipes[side][1].read()
        if data:
            wire.send(side, data)
            pipes[1 - side][0].write(data)

    done = False
    while not done:
        done = True
        for side, end in enumerate((client, server)):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            carry(side)
    for request, response in exchanges:
        client.write(request)
        carry(0)
        _take(server, len(request))
        server.write(response)
        carry(1)
        _take(client, len(response))
    for side, end in enumerate((client, server)):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.unwrap()
        carry(side)
    wire.close()
    talk.keys = ends.take_keys()
    return talk


def _take(end: ssl.SSLObject, size: int) -> None:
    while size > 0:
        size -= len(end.read(size))


def build_exchange(chance: random.Random, size: int, port: int) -> tuple[bytes, bytes]:
    """A request and its response with a body of `size` bytes."""
    target = (
        b"/cert/%d" % chance.randrange(65536)
        if port == ADMIN_PORT
        else b"/api/v1/items?page=%d" % chance.randrange(1000)
    )
    request = (
        b"GET "
        + target
        + b" HTTP/1.1\r\nHost: access.example.com\r\nUser-Agent: Dalvik/2.1.0 (Linux; U; Android 14)\r\n"
        b"Accept: application/json\r\nRemotePort: %d\r\nCookie: session=%x\r\n\r\n"
        % (chance.randrange(1024, 65536), chance.getrandbits(128))
    )
    response = (
        b"HTTP/1.1 200 OK\r\nServer: access\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        b"Content-Length: %d\r\n\r\n" % size
    ) + chance.randbytes(size)
    return request, response


def build_short(count: int) -> Iterator[Talk]:
    """Many connections with one request each."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        ends = Ends(Path(folder))
        for number in range(count):
            exchange = build_exchange(chance, chance.randrange(100, 2000), SERVICE_PORT)
            yield build_talk(ends, number, [exchange], SERVICE_PORT)


def build_long(count: int) -> Iterator[Talk]:
    """Few connections with many requests each."""
    chance = random.Random(2)
    with tempfile.TemporaryDirectory() as folder:
        ends = Ends(Path(folder))
        for number in range(count):
            port = ADMIN_PORT if chance.random() < 0.25 else SERVICE_PORT
            sizes = (
                [1, 2]
                if port == ADMIN_PORT
                else [int(1000 * 256 ** chance.random()) for _ in range(chance.randrange(2, 30))]
            )
            exchanges = [build_exchange(chance, size, port) for size in sizes]
            yield build_talk(ends, number, exchanges, port)


class CaptureFile:
    """The two files of one capture."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open both."""
        self.keyed = folder / f"{name}.pcapng"
        self.bare = folder / f"{name}.bare.pcapng"
        self._streams = (self.keyed.open("wb"), self.bare.open("wb"))
        self._writers = [PcapngWriter(stream) for stream in self._streams]
        for writer in self._writers:
            writer.write_interface("tap")
        self.packet_count = 0

    def write_keys(self, keys: bytes) -> None:
        """A secrets block, in one of them."""
        self._writers[0].write_secrets(keys)

    def write(self, frame: bytes) -> None:
        """A packet, 20 microseconds after the one before."""
        self.packet_count += 1
        for writer in self._writers:
            writer.write_packet(0, _START_NS + self.packet_count * 20_000, frame)

    def close(self) -> None:
        """Both are whole."""
        for stream in self._streams:
            stream.close()


def write_in_turn(folder: Path, name: str, talks: Iterator[Talk], *, at_once: int) -> CaptureFile:
    """So many connections at once, each packet of any of them."""
    return _write(folder, name, talks, at_once, lambda chance, count: chance.randrange(count))


def _write(
    folder: Path,
    name: str,
    talks: Iterator[Talk],
    at_once: int,
    choose: Callable[[random.Random, int], int],
) -> CaptureFile:
    chance = random.Random(3)
    out = CaptureFile(folder, name)
    live: list[Iterator[bytes]] = []
    while True:
        while len(live) < at_once and (talk := next(talks, None)) is not None:
            out.write_keys(talk.keys)
            live.append(iter(talk.frames))
        if not live:
            break
        index = choose(chance, len(live))
        # A burst, as one network card delivers it.
        for _ in range(1 if at_once > 100 else chance.randrange(1, 8)):
            frame = next(live[index], None)
            if frame is None:
                live[index] = live[-1]
                live.pop()
                break
            out.write(frame)
    out.close()
    return out


def repeat_capture(source: Path, target: Path, times: int) -> None:
    """The same connections again and again, each time later and from other clients: for files of any size."""
    data = np.fromfile(source, np.uint8)
    words = data.view("<u4")
    packets = []
    place = 0
    while place < len(words):
        if words[place] == PACKET:
            packets.append(place)
        place += int(words[place + 1]) >> 2
    starts = np.array(packets)
    first = 0 if words[0] != SECTION_HEADER else int(words[1]) + int(words[(words[1] >> 2) + 1])
    time_ns = words[starts + 3].astype(np.uint64) << np.uint64(32) | words[starts + 4]
    step_ns = np.uint64(int(time_ns[-1] - time_ns[0]) + 20_000)
    frames = starts * 4 + 28
    # 203.x.y.z is the client: source or destination of each packet.
    client = np.where(data[frames + 26] == 203, frames + 26, frames + 30)
    with target.open("wb") as stream:
        stream.write(data[:first].tobytes())
        for _ in range(times):
            words[starts + 3] = time_ns >> np.uint64(32)
            words[starts + 4] = time_ns & np.uint64(0xFFFFFFFF)
            stream.write(data[first:].tobytes())
            time_ns += step_ns
            data[client + 1] += 1
