"""Host names, and `HOST:PORT`, as people write them in a site or a scenario."""

from __future__ import annotations

import re

LOCALHOST = "localhost"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MACHINE = re.compile(_LABEL, re.ASCII)
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_TARGET = re.compile(
    r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^\[\]:]+))(?::(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)
_NAME_SIZE = 253
"""RFC 1035 section 2.3.4, without the root's dot."""


def is_machine_name(text: str) -> bool:
    """One lower-case label: it becomes the name of a machine, of a tap, and stands in the capture."""
    return _MACHINE.fullmatch(text) is not None


def is_host_name(text: str) -> bool:
    """Lower-case labels with dots between (RFC 1123 section 2.1); not an IPv4 address or a part of one."""
    if len(text) > _NAME_SIZE or _HOST_NAME.fullmatch(text) is None:
        return False
    return not text.rpartition(".")[2].isdecimal()


def parse_target(text: str) -> tuple[str, int | None]:
    """Host and port of `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`; the port is None when not written.

    Raises:
        ValueError: another form, or a port over 65535.
    """
    match = _TARGET.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and port > 65535):
        raise ValueError(f"got {text!r}; expected HOST or HOST:PORT")
    return match["v6"] or match["host"], port
