"""Settings files: what is written is read again, and mistakes are told with their place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.error import ScenarioError
from harness.scenario.settings_file import build_settings_file, load_settings_file
from harness.site.node_page import NodePage
from harness.site.site import Site

SITE = Site.model_validate(
    {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "cert_proxy": {"destination": "localhost"},
    }
)
LISTS = st.sampled_from(
    ("", "10.20.0.10", "10.20.0.0/24; 10.20.9.0 255.255.255.0;", "2001:db8::/32")
)
TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20)
KEYS = TEXT.filter(lambda text: bool(text.strip()))


@st.composite
def pages(draw: st.DrawFn) -> NodePage:
    """Any page that can be."""
    is_forced = draw(st.booleans())
    ports = draw(
        st.lists(st.integers(1, 65535).filter(lambda p: p != 443), min_size=1, unique=True)
    )
    rows: dict[str, Any] = {
        "node": draw(st.sampled_from(("node1", "access-2"))),
        "generation": draw(st.sampled_from("AB")),
        "destination_forced": is_forced,
        "destination": draw(st.sampled_from(("localhost", "10.20.0.10", "vip")))
        if is_forced
        else draw(LISTS),
        "allow_remote_port_header": draw(st.booleans()),
        "accept_remote_port_from": draw(LISTS),
        "number_of_load_balancers": draw(st.integers(1, 10)),
        "certificate_proxy_key": draw(KEYS),
        "certificate_proxy_key_identity_manager": draw(KEYS),
        "ports": [
            {
                "port": port,
                "admin_port": index > 0 and draw(st.booleans()),
                "ssl_certificate_type": draw(st.sampled_from(("custom", "passthrough"))),
            }
            for index, port in enumerate(ports)
        ],
    }
    if rows["generation"] == "B":
        rows["enabled"] = draw(st.booleans())
        rows["cert_proxy_instances"] = draw(LISTS)
        rows["remote_ip_source"] = draw(
            st.sampled_from(("x_forwarded_for", "x_real_ip", "remote_address"))
        )
    return NodePage.model_validate(rows)


@given(pages())
def test_what_is_written_is_read_again(page: NodePage) -> None:
    """Every row of every page, both generations."""
    assert load_settings_file(build_settings_file(page), name="f.yaml") == page


GOOD = build_settings_file(NodePage(node="node1", destination="localhost"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('node: "node1"\n', "", "f.yaml:4:1: $.node: got nothing; expected the key node"),
        ('destination: "localhost"', 'destination: ""', "$.destination: got \"\"; expected exactly"),
        ("destination_forced: true", "destination_forced: maybe", "expected true or false"),
        ("number_of_load_balancers: 1", "number_of_load_balancers: 0", "a whole number from 1 to 10"),
        ("port: 5263", "port: 5262", "$.ports[1].port: got 5262; expected each port once"),
        ("allow_remote_port_header", "alow_remote_port_header", "expected allow_remote_port_header"),
        ('generation: "A"', "generation: A\nenabled: false", "generation A has no such row"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(old: str, new: str, told: str) -> None:
    """As in a scenario."""
    assert old in GOOD
    with pytest.raises(ScenarioError) as caught:
        load_settings_file(GOOD.replace(old, new), name="f.yaml")

    assert told in str(caught.value)


def test_a_list_is_no_page() -> None:
    """Nor is anything else without keys."""
    with pytest.raises(ScenarioError, match="expected a mapping"):
        load_settings_file("- a\n", name="f.yaml")


def test_a_site_knows_its_names_and_nodes() -> None:
    """Without one, any name can be a destination."""
    text = GOOD.replace('"localhost"', '"elsewhere.example.com"')
    assert load_settings_file(text, name="f.yaml").destination == "elsewhere.example.com"

    with pytest.raises(ScenarioError, match="a name of this site"):
        load_settings_file(text, name="f.yaml", site=SITE)
    with pytest.raises(ScenarioError, match="a node of the site: node1"):
        load_settings_file(GOOD.replace('"node1"', '"node2"'), name="f.yaml", site=SITE)


def test_rows_of_the_other_generation_are_left_out() -> None:
    """As on the page."""
    newer = build_settings_file(NodePage(node="node1", destination="localhost", generation="B"))

    assert "remote_ip_source" not in GOOD.replace("`remote_ip_source`", "")
    assert 'remote_ip_source: "x_forwarded_for"' in newer
