"""The capture file of a run: frames, secrets, names, counters and annotations, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import BinaryIO

from harness import __version__
from harness.capture.keylog import build_keylog_line
from harness.capture.ledger import build_freezes
from harness.capture.tap_name import build_interface_name
from harness.capture.writer import PcapngWriter
from harness.net.address import Address, Endpoint
from harness.world.job import WorldError
from harness.world.key_log import SessionSecrets
from harness.world.recorder.recording import Recording

_Ends = tuple[bytes, bytes]
"""Address and port of both ends of a TCP connection, as they stand in packets, the smaller first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFile:
    """Everything of a run that is not a packet, and the one way to write it."""

    annotations: Sequence[str]
    """Section comments."""
    host_names: Mapping[Address, str]
    sessions: Sequence[SessionSecrets]
    platform: str
    """What carried the packets: the section's operating system; taps that begin with "simulated" say so too."""

    find_outside: Callable[[Endpoint], Endpoint | None] = lambda _: None
    """What packets show instead of an end of a connection that machines know; None: the end itself."""

    def write(self, recording: Recording, file: Path) -> None:
        """Write beside `file` and rename at the end, so that `file` is never half written.

        Raises:
            WorldError: the folder or the disk refuses; nothing is left behind.
        """
        partial = file.with_name(f".{file.name}.partial")
        try:
            with partial.open("wb", buffering=1 << 20) as stream:
                self._write(recording, stream)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            remedy = {
                errno.ENOSPC: "free some space, or choose another folder with --output",
                errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
                errno.EDQUOT: "your quota is used up: choose another folder with --output",
            }.get(error.errno or 0, "choose a folder you may write with --output")
            raise WorldError(
                f"cannot write the capture {file}: {error.strerror}; {remedy}"
            ) from error

    def _write(self, recording: Recording, stream: BinaryIO) -> None:
        writer = PcapngWriter(
            stream,
            comments=self.annotations,
            os=self.platform,
            application=f"certproxy-harness {__version__}",
        )
        is_simulated = self.platform.startswith("simulated")
        kind = "simulated " if is_simulated else ""
        for tap in recording.taps:
            name = build_interface_name(tap.name, is_simulated=is_simulated)
            writer.write_interface(name, description=f"{kind}tap on {tap.name}")
        writer.write_names({address: (name,) for address, name in self.host_names.items()})
        pending = _by_ends(self.sessions, self.find_outside)
        written: set[bytes] = set()
        for frame in recording.frames:
            # Readers of one pass need the secrets before the first packet of their connection.
            for session in pending.pop(_find_ends(frame.data), ()) if pending else ():
                if session.client_random not in written:
                    written.add(session.client_random)
                    writer.write_secrets(_lines(session))
            writer.write_packet(frame.tap, frame.time_ns, frame.data, size=frame.size)
        last_ns = recording.frames[-1].time_ns if recording.frames else 0
        for index, tap in enumerate(recording.taps):
            writer.write_statistics(
                index,
                last_ns,
                received=tap.received,
                dropped=tap.dropped,
                delivered=tap.written,
                comments=(build_freezes(tap.freezes),),
            )


def _lines(session: SessionSecrets) -> bytes:
    return b"".join(
        build_keylog_line(label, session.client_random, secret)
        for label, secret in (*session.secrets.items(), *session.further)
    )


def _by_ends(
    sessions: Sequence[SessionSecrets], find_outside: Callable[[Endpoint], Endpoint | None]
) -> dict[_Ends | None, list[SessionSecrets]]:
    found: dict[_Ends | None, list[SessionSecrets]] = {}
    for session in sessions:
        for carrier in sorted(session.carriers, key=sorted):
            inside = sorted(carrier)
            # One machine may know its own end only, and the other one what a translation made of it.
            seen = ((end, find_outside(end)) for end in inside)
            for ends in product(*((one, other) if other else (one,) for one, other in seen)):
                packed = sorted(_packed(endpoint) for endpoint in ends)
                # A connection of an endpoint to itself has one end only.
                found.setdefault((packed[0], packed[-1]), []).append(session)
    return found


def _packed(endpoint: Endpoint) -> bytes:
    return endpoint.address.packed + endpoint.port.to_bytes(2, "big")


def _find_ends(frame: bytes) -> _Ends | None:
    """The ends of a TCP segment in IPv4 or (without extension headers) IPv6 over Ethernet; None for the rest."""
    ether_type = frame[12:14]
    if ether_type == b"\x08\x00" and frame[23:24] == b"\x06":
        ports = 14 + 4 * (frame[14] & 0x0F)
        source, destination = frame[26:30], frame[30:34]
    elif ether_type == b"\x86\xdd" and frame[20:21] == b"\x06":
        ports = 54
        source, destination = frame[22:38], frame[38:54]
    else:
        return None
    one = source + frame[ports : ports + 2]
    other = destination + frame[ports + 2 : ports + 4]
    return (one, other) if one <= other else (other, one)
