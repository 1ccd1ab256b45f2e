"""Brief: a few facts of each connection, told as they end: for captures of many gigabytes, or when no more is wanted.

    connections    ends, times, packets and bytes of both sides, how it closed
    handshakes     and version, suite and SNI of TLS, and the subjects of the client's certificates
    exchanges      and each decrypted request with the status of its answer

What nobody asks for is not worked out: of whole connections (see whole.py) there is no object but the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, BinaryIO

from harness.capture.keylog import Secrets
from harness.decode.connections import ConnectionReader, build_finisher
from harness.decode.detail import Detail, Level
from harness.decode.layer_fields import LayerFields
from harness.decode.observation import Finisher
from harness.decode.packet.only import ALL, Only
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.group import COUNT, SIZE
from harness.decode.tcp.reassembly import MAX_PRESENT
from harness.trace.brief import Brief, BriefExchange, BriefTls

if TYPE_CHECKING:
    from harness.decode.stream import BriefStream
    from harness.decode.tcp.segment_table import Ends
    from harness.decode.tcp.talk_table import TalkTable
    from harness.decode.tcp.whole import WholeTable
    from harness.decode.tls.rsa import RsaKeys
    from harness.trace.tls import TlsSession


Facts = tuple[BriefTls | None, tuple[BriefExchange, ...]]
"""What the bytes of a connection hold."""


def decode_briefly(
    stream: BinaryIO,
    level: Level,
    *,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    only: Only = ALL,
    window: int | None = None,
    past_damage: bool = False,
) -> ConnectionReader[Brief]:
    """Give a few facts of each connection as it ends; see decode_connections."""
    return ConnectionReader(
        stream,
        lambda secrets: _BriefForm(level, secrets),
        key_log=key_log,
        rsa_keys=rsa_keys,
        level=level,
        only=only,
        window=window,
        max_present=MAX_PRESENT,
        asks_late=True,
        past_damage=past_damage,
    )


class _BriefForm:
    """See Form."""

    def __init__(self, level: Level, secrets: Secrets) -> None:
        self.wants = level != "connections"
        self.first_packets = _HANDSHAKE_PACKETS if level == "handshakes" else None
        self._level = level
        self._detail = Detail(level=level, hashes=False, body_limit=0, is_brief=True)
        self._secrets = secrets

    def read(self, talks: TalkTable) -> list[Facts | None]:
        # Not above: where no bytes are read, loading what reads them takes longer than the rest.
        if self._level == "exchanges":
            from harness.decode.swift.exchange import read_exchanges

            exchanges = read_exchanges(talks, self._secrets)
            return [(None, found) if found is not None else None for found in exchanges]
        from harness.decode.swift.handshake import read_handshakes

        handshakes = read_handshakes(talks, self._secrets)
        return [(found, ()) if found is not None else None for found in handshakes]

    def tell_whole(self, table: WholeTable[Facts | None]) -> Iterator[Brief]:
        client, server = table.client_sums.T.tolist(), table.server_sums.T.tolist()
        facts = table.facts if self.wants else [_NOTHING] * len(table)
        rows = zip(
            table.number.tolist(),
            table.tap,
            _name_ends(table.client),
            _name_ends(table.server),
            table.first_ns.tolist(),
            table.last_ns.tolist(),
            ["fin" if fin else "rst" for fin in table.is_fin.tolist()],
            client[COUNT],
            client[SIZE],
            server[COUNT],
            server[SIZE],
            *zip(*facts, strict=True),
            strict=True,
        )
        return map(_build, rows)

    def build_receiver(self, *, is_careful: bool) -> Finisher | BriefStream:
        if is_careful or self._level != "exchanges":
            return build_finisher(self._secrets, self._detail)
        # Not above, for the same reason.
        from harness.decode.stream import BriefStream

        return BriefStream(self._secrets, self._detail)

    def tell(self, connection: TcpConnection[Finisher | BriefStream]) -> Brief:
        client, server = connection.direction("client"), connection.direction("server")
        found = connection.receiver.finish(
            client_closed=client.fin is not None, server_closed=server.fin is not None
        )
        tls, exchanges = (None, found) if isinstance(found, tuple) else self._shorten(found)
        return Brief(
            connection.number,
            connection.tap,
            str(connection.client),
            str(connection.server),
            connection.opened_ns,
            connection.closed_ns,
            connection.closed,
            client.packet_count,
            client.next,
            server.packet_count,
            server.next,
            tls,
            exchanges,
        )

    def _shorten(self, layers: LayerFields) -> Facts:
        if self._level == "connections":
            return _NOTHING
        if self._level == "handshakes":
            return _find_tls(layers["tls"]), ()
        from harness.decode.swift.turns import shorten_exchanges

        return None, shorten_exchanges(layers["exchanges"], layers["tunnel"])


def _find_tls(tls: TlsSession | None) -> BriefTls | None:
    if tls is None:
        return None
    subjects = tuple(certificate.subject for certificate in tls.client_certificates)
    return BriefTls(tls.version, tls.cipher_suite, tls.sni, subjects)


@lru_cache(maxsize=1 << 14)
def _name_address(address: int) -> str:
    return str(IPv4Address(address))


def _name_ends(ends: Ends) -> list[str]:
    """Each as str(Endpoint)."""
    addresses: list[int] = (ends >> 16).tolist()
    ports: list[int] = (ends & 0xFFFF).tolist()
    names = {address: _name_address(address) for address in set(addresses)}
    return [f"{names[address]}:{port}" for address, port in zip(addresses, ports, strict=True)]


_build = partial(tuple.__new__, Brief)
"""Brief._make in a third of the time."""
_NOTHING: Facts = (None, ())
_HANDSHAKE_PACKETS = 32
"""More than the handshake takes, with both certificate chains and all acknowledgments."""
