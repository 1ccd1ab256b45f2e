"""The first reading of a file."""

from __future__ import annotations

from io import BytesIO

from harness.decode.event.sighting import SightingSpool
from harness.decode.event.survey import Survey, survey_file
from tests.decode.event.sent_packets import MS, A, B, build_file, send


def _survey(stream: BytesIO, window: int = 1 << 20) -> Survey:
    return survey_file(stream, file=0, first_tap=0, window=window, spool=SightingSpool(BytesIO()))


def test_floors_say_how_early_the_rest_of_a_file_may_be() -> None:
    """Of a file whose last packet is its earliest; the stream stays at its place."""
    times = [*range(10, 4000), 3]
    stream = build_file(*(send(A, B, time * MS, data=bytes(900)) for time in times))
    survey = _survey(stream, window=1 << 14)

    assert len(survey.floors) > 1
    assert set(survey.floors) == {10_003 * MS}
    assert (survey.packet_count, stream.tell()) == (len(times), 0)


def test_floors_rise_with_the_file() -> None:
    """In order."""
    stream = build_file(*(send(A, B, time * MS, data=bytes(900)) for time in range(4000)))
    floors = _survey(stream, window=1 << 14).floors

    assert list(floors) == sorted(set(floors))
    assert floors[0] == 10_000 * MS


def test_damage_knows_how_many_packets_stand_before() -> None:
    """A file that is cut in its last packet."""
    data = build_file(*(send(A, B, time * MS) for time in range(5))).getvalue()
    survey = _survey(BytesIO(data[:-1]))

    ((damage, before),) = survey.damage
    assert (before, damage.resumed) == (4, None)


def test_what_is_no_capture_has_nothing_but_damage() -> None:
    """No interface, no packet."""
    survey = _survey(BytesIO(b"GIF89a"))

    assert (survey.taps, len(survey.floors), survey.packet_count) == ([], 0, 0)
    assert len(survey.damage) == 1
