"""The second opinion on a capture: `replay --second-opinion tshark`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from harness.cli.complaint import Complaint, unreadable
from harness.cli.exit_code import ExitCode
from harness.cli.keys import Keys
from harness.cli.progress import watch
from harness.decode.connections import ConnectionReader, decode_connections
from harness.decode.decode import LARGE
from harness.decode.excerpt import decode_excerpt
from harness.second_opinion.comparison import ask
from harness.second_opinion.tshark import SecondOpinionError, TsharkKeys
from harness.trace.connection import Connection
from harness.trace.packet import Packet, PacketNumber

if TYPE_CHECKING:
    from harness.site.site import Site
    from harness.verdict.verdict import Verdict

LATE = "TCP after the end of its connection"
"""Why a packet was passed over, in the words of the decoder."""


class CaptureReader:
    """What we read of an open file, in the words of the second opinion (Ours)."""

    def __init__(self, stream: BinaryIO, keys: Keys) -> None:
        """Take a file that can seek."""
        self._stream = stream
        self._keys = keys
        self._reader: ConnectionReader[Connection] | None = None

    def read(self) -> Iterator[Connection]:
        """All connections, each when it ends; from the start of the file."""
        self._stream.seek(0)
        self._reader = decode_connections(
            self._stream,
            key_log=self._keys.log,
            rsa_keys=self._keys.rsa,
            hashes=False,
            body_limit=0,
        )
        return self._reader

    def find_packets(self, numbers: frozenset[PacketNumber]) -> Sequence[Packet]:
        """Packets of these numbers, as far as there are any."""
        self._stream.seek(0)
        found = decode_excerpt(self._stream, numbers).trace.packets
        return [packet for packet in found if packet.number in numbers]

    @property
    def packet_count(self) -> int:
        """Packets so far."""
        return self._reader.packet_count if self._reader is not None else 0

    @property
    def is_damaged(self) -> bool:
        """A damaged place was met."""
        return self._reader is not None and bool(self._reader.damage)

    @property
    def late_count(self) -> int:
        """Packets that were passed over, since they came after the end of their connection."""
        return self._reader.skipped[LATE] if self._reader is not None else 0


def ask_tshark(verdict: Verdict, file: Path, site: Site | None, keys: Keys) -> Verdict:
    """The verdict with what another reader of the file says.

    Raises:
        Complaint: the file cannot be read, or tshark not be asked.
    """
    names = site.headers.all if site is not None else ()
    try:
        with file.open("rb") as stream:
            return ask(
                verdict,
                CaptureReader(watch(stream, file, from_size=LARGE), keys),
                capture=file,
                keys=TsharkKeys(keys.log_file, keys.rsa_files),
                headers=names,
            )
    except SecondOpinionError as error:
        raise Complaint(f"{file}: {error}", ExitCode.ENVIRONMENT) from error
    except OSError as error:
        raise unreadable(file, error) from error
