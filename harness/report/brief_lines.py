r"""Brief lines: a connection told in one line of a few columns, or in one for each of its exchanges.

Columns are separated by tabs. `-` stands for what was not seen, and wire bytes are written as in connection_json.py
except that control characters and blanks are written as `\x20`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from harness.trace.brief import Brief

_COLUMNS = "%d\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\t%d\t%d"
_LINE = f"{_COLUMNS}\n"
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x21), *range(0x7F, 0xA1))}


def tell_connection(brief: Brief) -> str:
    """Number, tap, client, server, opened_ns, closed_ns, closed, and packets and bytes of client and server."""
    return _LINE % brief[:11]


def tell_handshake(brief: Brief) -> str:
    """The same, then version, suite, SNI, and the subjects of the client's certificates, each in a column."""
    tls = brief.tls
    if tls is None:
        return f"{_COLUMNS % brief[:11]}\t-\t-\t-\n"
    version = _tell_version(tls.version) if tls.version is not None else "-"
    suite = f"0x{tls.cipher_suite:04x}" if tls.cipher_suite is not None else "-"
    texts = "\t".join(
        [text if text.isprintable() else _escape(text) for text in (tls.sni or "-", *tls.subjects)]
    )
    return f"{_COLUMNS % brief[:11]}\t{version}\t{suite}\t{texts}\n"


@lru_cache(maxsize=64)  # there are a few
def _tell_version(version: int) -> str:
    # Not above: loading it takes longer than telling many connections.
    from harness.report.packet_lines import name_version

    return name_version(version)


def tell_exchanges(brief: Brief) -> str:
    """Of each exchange: number of the connection, client, server, requested_ns, method, target, answered_ns, status."""
    which = f"{brief.number}\t{brief.client}\t{brief.server}"
    return "".join(
        [
            f"{which}\t{_show(requested_ns)}\t{_text(method)}\t{_text(target)}\t"
            f"{_show(answered_ns)}\t{_show(status)}\n"
            for requested_ns, method, target, answered_ns, status in brief.exchanges
        ]
    )


def _show(number: int | None) -> str:
    return "-" if number is None else str(number)


def _text(data: bytes | None) -> str:
    if data is None:
        return "-"
    return _tell_known(data) if len(data) < _MAX_KNOWN_SIZE else _tell_bytes(data)


def _tell_bytes(data: bytes) -> str:
    text = data.decode("latin-1")
    return text if text.isascii() and text.isprintable() and " " not in text else _escape(text)


_tell_known = lru_cache(maxsize=4096)(_tell_bytes)
"""Methods and most targets come again."""
_MAX_KNOWN_SIZE = 200
"""Bytes of what is remembered."""


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


TELLERS: Mapping[str, Callable[[Brief], str]] = MappingProxyType(
    {
        "connections": tell_connection,
        "handshakes": tell_handshake,
        "exchanges": tell_exchanges,
    }
)
"""By what is asked for."""
