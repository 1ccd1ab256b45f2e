"""Tests of shares: several processes tell what one tells."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from harness.cli.main import main
from harness.cli.shares import Summary, tell_shares
from harness.decode.connections import ConnectionReader, decode_connections
from harness.decode.packet.only import Only
from harness.trace.connection import Connection
from harness.trace.trace import Damage
from tests.packet_builder import Talk, build_capture, build_ethernet


def capture() -> BytesIO:
    """Thirty connections, packet by packet in turn, and something that is no TCP."""
    talks = [
        Talk(client=(f"203.0.113.{n}", 50_000 + n)).open().send("client", b"abc").close()
        for n in range(30)
    ]
    frames = [frame for row in zip(*(talk.frames for talk in talks), strict=True) for frame in row]
    return build_capture([build_ethernet(bytes(28), ether_type=0x0806), *frames])


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("jobs", ["2", "3"])
def test_the_output_is_the_same(
    form: list[str], jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Order, numbers and summary."""
    file = tmp_path / "dump.pcapng"
    file.write_bytes(capture().getvalue())
    main(["decode", str(file), *form])
    expected = capsys.readouterr().out

    code = main(["decode", str(file), *form, "--jobs", jobs])

    assert code == 0
    assert capsys.readouterr().out == expected
    assert len(expected.splitlines()) >= 31


def read(stream: BinaryIO, only: Only) -> ConnectionReader:
    """As the command does."""
    return decode_connections(stream, only=only)


def test_a_process_that_fails_is_not_passed_over() -> None:
    """Its share would be missing."""

    def tell(connection: Connection, damage: Sequence[Damage]) -> str:
        raise SystemExit(1)

    with tempfile.TemporaryFile() as stream:
        stream.write(capture().getvalue())
        stream.flush()

        with pytest.raises(RuntimeError, match="ended early"):
            list(tell_shares(stream, read, tell, count=2, summary=Summary()))


def test_nobody_has_to_listen_to_the_end() -> None:
    """The processes end with their reader."""
    with tempfile.TemporaryFile() as stream:
        stream.write(capture().getvalue())
        stream.flush()
        lines = tell_shares(stream, read, lambda c, _: f"{c.number} x", count=2, summary=Summary())

        first = next(lines)
        lines.close()  # type: ignore[attr-defined]

    assert first == "1 x"


@pytest.mark.parametrize("value", ["0", "-1", "x", "100"])
def test_an_odd_number_of_processes_is_refused(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the value in the message."""
    with pytest.raises(SystemExit):
        main(["decode", "-", "--jobs", value])

    assert f"got '{value}'" in capsys.readouterr().err
