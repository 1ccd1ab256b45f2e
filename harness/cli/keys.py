"""The keys that a command line names: a key log, and private keys of servers."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.complaint import Complaint, read_file

if TYPE_CHECKING:
    from harness.decode.tls.rsa import RsaKeys

_ANY_LINE = re.compile(
    rb"""\A\s*\Z                                     # a program that made no TLS connection leaves an empty file
    |^\#
    |^[A-Z0-9_]+\ [0-9A-Fa-f]{64}\ [0-9A-Fa-f]+
    |^RSA\ (?:[0-9A-Fa-f]{16}\ |Session-ID:)""",
    re.MULTILINE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens the TLS of a capture, beside the secrets in it."""

    log: bytes
    """NSS key log; empty: none was named."""
    log_file: Path | None
    rsa: RsaKeys | None
    """None: none was named."""
    rsa_files: tuple[Path, ...]


def add_keys(command: argparse.ArgumentParser) -> None:
    """Describe the options that name keys."""
    command.add_argument(
        "--keylog", metavar="FILE", help="TLS secrets (NSS key log), beside those inside"
    )
    command.add_argument(
        "--rsa-key",
        metavar="FILE",
        action="append",
        default=[],
        help="private key of a server (PEM or DER), for RSA key exchange before TLS 1.3; may be repeated",
    )


def read_keys(options: argparse.Namespace) -> Keys:
    """The keys of these options.

    Raises:
        Complaint: one cannot be read, or is something else.
    """
    return Keys(
        log=read_key_log(options.keylog),
        log_file=Path(options.keylog) if options.keylog is not None else None,
        rsa=_read_rsa_keys(options.rsa_key) if options.rsa_key else None,
        rsa_files=tuple(map(Path, options.rsa_key)),
    )


def _read_rsa_keys(names: list[str]) -> RsaKeys:
    # Not above: most captures need none, and loading what reads keys takes a while.
    from harness.decode.tls.rsa import KeyFileError, RsaKeys

    for name in names:
        try:
            RsaKeys([read_file(Path(name))])
        except KeyFileError as error:
            raise Complaint(f"{name}: {error}") from error
    return RsaKeys([read_file(Path(name)) for name in names])


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
