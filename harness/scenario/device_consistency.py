"""Whether what is said of one device goes together: names that can stand in certificates, times that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.scenario import fleet
from harness.scenario.event import parse_duration
from harness.scenario.scenario import Device
from harness.site.problem import Path, Problem, show

_USER = re.compile(r"[^@\s]+@[^@\s]+")


def find_device_problems(path: Path, device: Device) -> Iterator[Problem]:
    """Everything that is wrong with one device, its traffic rules left aside; `path` is its place in the file."""
    for key, user in (("user", device.user), ("later_user", device.later_user)):
        if user is not None and not _USER.fullmatch(user):
            yield _problem(path, key, user, "a user such as alice@example.com")
        if user is not None and device.count is None and fleet.NUMBER in user:
            expected = f"no {fleet.NUMBER} without count, which numbers the devices"
            yield _problem(path, key, user, expected)
    if device.email is not None and not _USER.fullmatch(device.email):
        yield _problem(path, "email", device.email, "an email address such as alice@example.com")
    if device.count is not None and device.address is not None:
        expected = "no address beside count: each device gets one of its own"
        yield _problem(path, "address", str(device.address), expected)
    if device.valid_for is not None:
        yield from _find_life_problems(path, device, device.valid_for)


def _find_life_problems(path: Path, device: Device, text: str) -> Iterator[Problem]:
    if device.certificate != "own":
        expected = f"nothing beside certificate: {device.certificate}, which says it already"
        yield _problem(path, "valid_for", text, expected)
    try:
        is_right = parse_duration(text) > 0
    except ValueError:
        is_right = False
    if not is_right:
        expected = "a duration, such as 90s, 11m, 24h, 31d"
        yield _problem(path, "valid_for", text, expected)


def _problem(path: Path, key: str, found: str, expected: str) -> Problem:
    return Problem(path=(*path, key), found=show(found), expected=expected)
