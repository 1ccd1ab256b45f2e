"""The settings page, and changes to it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.site.page import CertProxy, PageChange, Port


def test_a_change_leaves_the_other_rows() -> None:
    """What is not given stays."""
    page = CertProxy(destination="localhost", allow_remote_port_header=True)

    changed = PageChange(destination="10.20.0.10").apply(page)
    assert changed == CertProxy(destination="10.20.0.10", allow_remote_port_header=True)


def test_a_change_can_switch_off_and_empty() -> None:
    """False and "" are values, too."""
    change = PageChange(destination="", allow_remote_port_header=False)

    assert change.rows == {"destination": "", "allow_remote_port_header": False}


def test_every_row_but_the_generation_can_be_changed() -> None:
    """A row of the page that no change could name would be forgotten here."""
    assert set(PageChange.model_fields) == set(CertProxy.model_fields) - {"generation"}


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_has_its_limits(port: int) -> None:
    """1 to 65535."""
    with pytest.raises(ValidationError):
        Port(port=port)


@pytest.mark.parametrize(
    ("source", "header", "hops", "is_used"),
    [
        ("x_forwarded_for", "X-Forwarded-For", 3, True),
        ("x_real_ip", "X-Real-IP", 1, True),
        ("remote_address", "X-Forwarded-For", 3, False),
    ],
)
def test_the_source_decides_the_header(source: str, header: str, hops: int, is_used: bool) -> None:
    """X-Real-IP has one element alone; with the remote address no header counts."""
    page = CertProxy.model_validate(
        {
            "generation": "B",
            "remote_ip_source": source,
            "number_of_load_balancers": 3,
            "allow_remote_port_header": True,
        }
    )

    assert (page.address_header, page.hops, page.is_remote_port_used) == (header, hops, is_used)


def test_ports_are_sorted_by_their_part() -> None:
    """Admin Port on is for the call-back alone."""
    page = CertProxy(ports=(Port(port=5263, admin_port=True), Port(port=5262), Port(port=5264)))

    assert (page.proxy_ports, page.admin_ports) == ((5262, 5264), (5263,))
