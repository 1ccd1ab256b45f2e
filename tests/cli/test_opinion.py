"""`replay --second-opinion`: what we read, side by side with another program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode
from harness.cli.keys import Keys
from harness.cli.opinion import CaptureReader, ask_tshark
from harness.decode.decode import decode
from harness.trace.packet import PacketNumber
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import Verdict

RUN = Path(__file__).parents[2] / "captures" / "terminating-tls-1.2.pcapng"
PLAIN = Verdict(results=(), mode="namespaces", completeness={}, signed_in={})
NO_KEYS = Keys(log=b"", log_file=None, rsa=None, rsa_files=())


def test_what_is_read_is_what_decode_shows() -> None:
    """As often as it is asked for."""
    with RUN.open("rb") as stream:
        trace = decode(stream)
        stream.seek(0)
        ours = CaptureReader(stream, NO_KEYS)
        for _ in range(2):
            packets = [connection.packets for connection in ours.read()]

            assert sorted(packets) == sorted(c.packets for c in trace.connections)
        assert (ours.packet_count, ours.is_damaged) == (len(trace.packets), False)
        found = ours.find_packets(frozenset((PacketNumber(3), PacketNumber(10**6))))

    assert list(found) == [trace.packet(PacketNumber(3))]


@pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (apt-get install tshark)"
)
def test_two_readers_agree_on_a_run() -> None:
    """One more result behind the others."""
    result = ask_tshark(PLAIN, RUN, None, NO_KEYS).results[-1]

    assert (result.check, result.outcome) == ("second opinion", Outcome.PASS)


def test_without_tshark_the_environment_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with its file."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Complaint, match=f"{RUN}: tshark is not installed") as told:
        ask_tshark(PLAIN, RUN, None, NO_KEYS)
    assert told.value.code is ExitCode.ENVIRONMENT
