"""Offloads are off where they can be."""

from __future__ import annotations

import array
import fcntl
import socket
import struct

import pytest

from harness.world.wire import offload, rtnetlink
from harness.world.wire.namespace import Mode, Namespace
from harness.world.wire.rtnetlink import Rtnetlink
from tests.world.private_world import Live

GET_TX_CHECKSUM, GET_TSO, GET_GSO = 0x16, 0x1E, 0x23


def _ask(interface: str, command: int) -> int:
    """ETHTOOL_G*: 1 when the feature is on."""
    value = array.array("B", struct.pack("=II", command, 9))
    request = struct.pack("=16sQ", interface.encode(), value.buffer_info()[0]).ljust(40, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8946, request)
    return int(struct.unpack("=II", value.tobytes())[1])


def _switch(_: Mode) -> tuple[list[int], list[int], list[int]]:
    one, two = Namespace.create(), Namespace.create()
    with Rtnetlink(one) as netlink:
        netlink.apply(
            [
                rtnetlink.veth(
                    "near", master=None, peer="far", peer_namespace=two, peer_mac=b"\2\0\0\0\0\1"
                )
            ]
        )
    asked = (GET_TX_CHECKSUM, GET_TSO, GET_GSO)
    with one.entered():
        before = [_ask("near", command) for command in asked]
        offload.switch_off("near")
        after = [_ask("near", command) for command in asked]
        offload.switch_off("lo")
        loopback = [_ask("lo", command) for command in (GET_TSO, GET_GSO)]
    return before, after, loopback


def test_checksums_and_segments_are_made_in_software(live: Live) -> None:
    """A fresh veth has all three; afterwards none. `lo` keeps only its checksum offload, which is fixed."""
    assert live(_switch) == ([1, 1, 1], [0, 0, 0], [0, 0])


def _switch_missing(_: Mode) -> None:
    offload.switch_off("nowhere")


def test_an_unknown_interface_is_an_error(live: Live) -> None:
    """Only "cannot be switched off" is passed over."""
    with pytest.raises(OSError, match="No such device"):
        live(_switch_missing)
