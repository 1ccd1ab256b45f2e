"""The accept filter's program; that it drops silently is shown in test_kernel_host.py."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_address

import pytest

from harness.net.address import Address
from harness.world.wire.accept_filter import MAX_INSTRUCTIONS, build_program


def _instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", program))


def _accepts(program: bytes, source: Address) -> bool:
    """Run the three instructions that the filter uses."""
    counter, accumulator = 0, 0
    code = _instructions(program)
    while True:
        operation, if_true, if_false, value = code[counter]
        counter += 1
        if operation == 0x20:
            offset = value - (0x100000000 - 0x100000) - (12 if source.version == 4 else 8)
            accumulator = int.from_bytes(source.packed[offset : offset + 4], "big")
        elif operation == 0x15:
            counter += if_true if accumulator == value else if_false
        else:
            assert operation == 0x06
            return value > 0


@pytest.mark.parametrize(
    ("listed", "source", "accepted"),
    [
        pytest.param(("10.0.0.1",), "10.0.0.1", True, id="the only one"),
        pytest.param(("10.0.0.1",), "10.0.0.2", False, id="another"),
        pytest.param(("10.0.0.1", "10.0.0.2"), "10.0.0.2", True, id="the last of two"),
        pytest.param((), "10.0.0.1", False, id="nobody is listed"),
        pytest.param(("10.0.0.1",), "0.0.0.0", False, id="zero"),
        pytest.param(("2001:db8::1", "2001:db8::2"), "2001:db8::2", True, id="IPv6"),
        pytest.param(("2001:db8::1", "10.0.0.1"), "2001:db8:1::1", False, id="another network"),
        pytest.param(("2001:db8::1", "10.0.0.1"), "2001:db8::3", False, id="another host"),
        pytest.param(("2001:db8::1", "10.0.0.1"), "10.0.0.1", True, id="both families"),
    ],
)
def test_only_listed_sources_pass(listed: tuple[str, ...], source: str, accepted: bool) -> None:
    """A packet is accepted when its source is listed."""
    packet = ip_address(source)
    program = build_program(tuple(ip_address(a) for a in listed), version=packet.version)

    assert _accepts(program, packet) == accepted


def test_the_kernels_limit_is_kept() -> None:
    """The largest list fits 4,096 instructions; one more is refused, with its number."""
    largest = (MAX_INSTRUCTIONS - 1) // 3
    sources = tuple(IPv4Address("10.0.0.0") + n for n in range(largest + 1))

    assert len(_instructions(build_program(sources[:largest]))) <= MAX_INSTRUCTIONS
    with pytest.raises(ValueError, match=f"{largest + 1} sources"):
        build_program(sources)
