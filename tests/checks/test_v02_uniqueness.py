"""V02: one live tunnel for each port."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.v02_uniqueness import V02
from harness.net.address import Endpoint
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    BYSTANDER,
    CLUSTER,
    GALAXY,
    N1,
    N2,
    N3,
    SINGLE,
    TraceBuilder,
    make_certificate,
)

BOB = make_certificate("bob@example.com")


def _twice(*, ended: bool, other: object = N2) -> TraceBuilder:
    """Two tunnels from one port; the first has ended or not."""
    builder = TraceBuilder()
    _, _, first = builder.tunnel(certificate=ALICE)
    if ended:
        first.end()
    builder.next_port(first.client.port - 2)
    builder.tunnel(
        device=GALAXY,
        node=other,
        certificate=BOB,
        dials=("inside", BYSTANDER, 443),  # type: ignore[arg-type]
    )
    assert builder.wires[-1].client.port == first.client.port
    return builder


def test_a_port_for_one_tunnel_after_the_other_passes() -> None:
    """Used again after it was free."""
    assert result_of(V02, _twice(ended=True)).outcome is Outcome.PASS


def test_the_same_port_of_two_nodes_passes() -> None:
    """Each node counts its own."""
    assert result_of(V02, _twice(ended=False, other=N3)).outcome is Outcome.PASS


def test_a_port_with_two_live_tunnels_fails() -> None:
    """F02: both openings are the evidence, and the answer that granted the later tunnel."""
    builder = _twice(ended=False)
    tunnel = builder.build().connections[4].tunnel

    (finding,) = result_of(V02, builder).findings
    assert "while the same port still carried" in finding.message
    assert {w.packets[0] for w in (builder.wires[2], builder.wires[-1])} <= set(finding.packets)
    assert tunnel is not None
    assert set(tunnel.opened.packets) <= set(finding.packets)


def test_tunnels_that_cannot_be_read_are_unknown() -> None:
    """Which tunnel goes on where is in the dark."""
    trace = without_keys(_twice(ended=False).build(), connection=2)

    assert result_of(V02, trace, CLUSTER).outcome is Outcome.UNKNOWN


def _equal_ports(*, is_open: bool = True, port_difference: int = 0) -> TraceBuilder:
    """The galaxy's tunnel, and then a sign-in of the pixel that was given the galaxy's certificate."""
    builder = TraceBuilder(SINGLE)
    other, _, onward = builder.tunnel(device=GALAXY, node=N1, certificate=BOB)
    if not is_open:
        other.end()
        onward.end()
    legs = builder.sign_in(node=N1, access=N1, certificate=ALICE, handed=BOB)
    port = legs.l1.client.port + port_difference
    other.client = Endpoint(GALAXY, port)
    return builder


def test_the_certificate_of_another_device_with_the_same_port_fails() -> None:
    """F05: the number of the devices' port names it, and two live tunnels have it."""
    (finding,) = result_of(V02, _equal_ports()).findings

    assert "both came from port" in finding.message
    assert "the certificate of" in finding.message


@pytest.mark.parametrize("change", [{"is_open": False}, {"port_difference": 1}], ids=str)
def test_another_wrong_certificate_is_not_about_ports_of_devices(change: dict[str, Any]) -> None:
    """An ended tunnel, or another port: what is wrong then is V01's and V03's to say."""
    assert result_of(V02, _equal_ports(**change)).outcome is Outcome.PASS
