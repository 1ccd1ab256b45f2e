"""The translations of a scenario: which addresses stand for which, and who gets which ports behind a shared one."""

from __future__ import annotations

from collections.abc import Sequence

from harness.net.address import Address
from harness.scenario.fleet import NamedDevice
from harness.scenario.scenario import Scenario
from harness.world.wire.plan import Translation

_FIRST_PORT, _LAST_PORT = 1024, 65535
_BLOCK = 4096
"""Ports of one address at most."""


def find_translations(
    scenario: Scenario, devices: Sequence[NamedDevice]
) -> tuple[Translation, ...]:
    """Devices behind an address on the outside, and nodes that the dmz sees by other addresses than their own."""
    hidden: dict[Address, list[Address]] = {}
    for named in devices:
        if named.device.behind is not None:
            hidden.setdefault(named.device.behind, []).append(named.address)
    shown: dict[Address, list[Address]] = {}
    for name, address in scenario.site.translated.items():
        shown.setdefault(address, []).append(scenario.site.nodes[name])
    return (
        *(_share("outside", outside, inside) for outside, inside in hidden.items()),
        *(
            _share("dmz", outside, inside)
            if len(inside) > 1
            else Translation(segment="dmz", outside=outside, blocks={inside[0]: None})
            for outside, inside in shown.items()
        ),
    )


def _share(segment: str, outside: Address, inside: Sequence[Address]) -> Translation:
    """A block of ports for each, in order (RFC 7422)."""
    size = min(_BLOCK, (_LAST_PORT - _FIRST_PORT + 1) // len(inside))
    blocks = {
        address: (_FIRST_PORT + size * index, _FIRST_PORT + size * (index + 1) - 1)
        for index, address in enumerate(inside)
    }
    return Translation(segment=segment, outside=outside, blocks=blocks)
