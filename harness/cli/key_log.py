"""The key log that a command line names."""

from __future__ import annotations

import re
from pathlib import Path

from harness.cli.complaint import Complaint, read_file

_ANY_LINE = re.compile(
    rb"""\A\s*\Z                                     # a program that made no TLS connection leaves an empty file
    |^\#
    |^[A-Z0-9_]+\ [0-9A-Fa-f]{64}\ [0-9A-Fa-f]+
    |^RSA\ (?:[0-9A-Fa-f]{16}\ |Session-ID:)""",
    re.MULTILINE | re.VERBOSE,
)


def read_key_log(name: str | None) -> bytes:
    """The bytes of the key log of that name; none where none was named.

    Raises:
        Complaint: it cannot be read, or something else stands in it: left at that, all would be found undecryptable.
    """
    if name is None:
        return b""
    data = read_file(Path(name))
    if _ANY_LINE.search(data) is None:
        raise Complaint(
            f"{name}: got no line of a key log; expected lines such as CLIENT_RANDOM, 64 hex digits, and a secret in"
            " hex (ASCII or UTF-8; SSLKEYLOGFILE of browsers and curl writes them)"
        )
    return data
