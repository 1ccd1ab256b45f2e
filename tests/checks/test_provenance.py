"""Provenance: from the device to the user, with every owner of the port."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks.provenance import Directory, find_chains, find_uncalled
from harness.verdict.provenance import Chain
from tests.checks.examining import make_case
from tests.defect_traces import DEFECTIVE
from tests.trace_builder import (
    BYSTANDER,
    GALAXY,
    N1,
    N2,
    N3,
    PIXEL,
    SINGLE,
    VIP,
    TraceBuilder,
    make_certificate,
    make_pem,
    make_random,
)

ALICE, BOB = "alice@example.com", "bob@example.com"


def _chains(builder: TraceBuilder) -> tuple[Chain, ...]:
    return find_chains(make_case(builder.build(), builder.site))


def _texts(chain: Chain, part: str) -> list[str]:
    return [link.text for link in chain.links if link.part == part]


def test_a_sign_in_is_told_from_the_device_to_the_user() -> None:
    """Every link once, in order, with the packets of its leg."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    assert legs.l5 is not None
    (chain,) = _chains(builder)

    parts = ["device", "tunnel", "port", "header", "call-back", "certificate", "user"]
    assert [link.part for link in chain.links] == parts
    assert not chain.is_ambiguous
    assert (chain.devices, chain.users) == ({PIXEL}, {ALICE})
    wires = (legs.l1, legs.l2, legs.l3, legs.l4, legs.l5, legs.l5, legs.l4)
    for link, wire in zip(chain.links, wires, strict=True):
        assert set(link.packets) & set(wire.packets), link
    assert _texts(chain, "header") == [
        f"vip 10.20.0.10:{legs.l4.client.port} to node1 10.20.1.1:443: "
        f'RemotePort {legs.l3.client.port}, X-Forwarded-For "10.20.1.2"'
    ]
    assert _texts(chain, "user") == [f"node1 10.20.1.1:443 signed in {ALICE}"]


def _live_twice() -> TraceBuilder:
    """One port of node1 to two destinations at the same time; the call-back gets the second one's certificate."""
    builder = TraceBuilder(SINGLE)
    bob = make_certificate(BOB)
    _, _, first = builder.tunnel(node=N1, certificate=make_certificate(ALICE))
    builder.next_port(first.client.port - 1)
    dials = ("inside", BYSTANDER, 443)
    builder.tunnel(device=GALAXY, node=N1, certificate=bob, dials=dials)
    asked = first.ask(builder.login())
    builder.call_back(N1, N1, key=first.client.port, answer=(200, make_pem(bob)))
    builder.finish(first, asked, first, asked, user=BOB)
    return builder


def test_a_port_with_two_owners_is_ambiguous_and_both_are_told() -> None:
    """F02 F07: whose certificate it was is told as well."""
    (chain,) = _chains(_live_twice())

    assert chain.is_ambiguous
    assert [text.split()[0] for text in _texts(chain, "device")] == ["pixel", "galaxy"]
    assert len(set(_texts(chain, "port"))) == 2
    assert "that of the tunnel of galaxy" in _texts(chain, "certificate")[0]
    assert chain.devices == {PIXEL, GALAXY}


def test_an_earlier_owner_is_no_owner_and_still_named() -> None:
    """F01: the entry of an ended tunnel."""
    builder = TraceBuilder()
    first = builder.sign_in()
    port = first.l3.end().client.port
    builder.next_port(port - 2)
    builder.sign_in(device=GALAXY, user=BOB, handed=make_certificate(ALICE))
    last = _chains(builder)[-1]

    assert not last.is_ambiguous
    assert [text.split()[0] for text in _texts(last, "device")] == ["galaxy"]
    assert "that of the earlier tunnel of pixel" in _texts(last, "certificate")[0]


def test_a_certificate_of_nobody_is_told() -> None:
    """F54: no tunnel of the port proved it."""
    builder = TraceBuilder()
    builder.sign_in(handed=make_certificate(BOB))

    assert "which no tunnel of that port proved" in _texts(_chains(builder)[0], "certificate")[0]


def test_a_wrong_node_is_told_beside_the_true_tunnel() -> None:
    """F44: the port of another node has no owner; the request's own tunnel is shown all the same."""
    (chain,) = _chains(DEFECTIVE["F44"]())

    assert "no tunnel of node3 10.20.1.3 had port" in _texts(chain, "port")[-1]
    assert _texts(chain, "device")[0].startswith("pixel")
    assert _texts(chain, "certificate") == ["refused (404)"]


def test_a_call_back_of_nobody_is_told() -> None:
    """No request asked for it."""
    builder = TraceBuilder()
    builder.call_back(N1, N2, key=40000, answer=None)
    (chain,) = _chains(builder)

    assert _texts(chain, "header") == ["no request of that time asked for it"]
    assert _texts(chain, "certificate") == ["not answered"]


def test_several_possible_requests_are_all_told() -> None:
    """Two sign-ins at one node, and a call-back that names neither."""
    builder = TraceBuilder()
    wires = [builder.open("dmz", VIP, N1, 443).handshake(make_random(f"{n}")) for n in range(2)]
    asked = [(wire, wire.ask(builder.login())) for wire in wires]
    builder.call_back(N1, N3, key=40000, answer=(404, b""))
    for wire, exchange in asked:
        wire.answer(exchange, 403)
    (chain,) = _chains(builder)

    assert chain.is_ambiguous
    assert len(_texts(chain, "header")) == len(_texts(chain, "user")) == 2


@pytest.mark.parametrize("wanted", ["pixel", str(PIXEL), ALICE])
def test_a_device_is_found_by_name_address_and_user(wanted: str) -> None:
    """And only its own chains."""
    builder = TraceBuilder()
    builder.sign_in()
    builder.sign_in(device=GALAXY, user=BOB)
    case = make_case(builder.build(), builder.site)
    chains = find_chains(case)
    directory = Directory(case, chains)

    assert directory.knows(wanted)
    assert [directory.concerns(chain, wanted) for chain in chains] == [True, False]


def test_the_directory_lists_names_before_addresses() -> None:
    """Nobody else is known."""
    builder = TraceBuilder()
    builder.sign_in()
    case = make_case(builder.build(), builder.site)
    directory = Directory(case, find_chains(case))

    assert directory.names == (ALICE, "pixel", str(PIXEL))
    assert not directory.knows(str(ip_address("192.0.2.1")))


def test_a_request_that_nobody_called_back_for_shows_what_the_service_was_told() -> None:
    """Device, tunnel and header are there; nobody was asked, and nobody is signed in."""
    builder = TraceBuilder()
    legs = builder.sign_in(call_back=False, status=403)
    case = make_case(builder.build(), builder.site)
    (chain,) = find_uncalled(case)

    assert find_chains(case) == ()
    assert [link.part for link in chain.links] == [
        "device",
        "tunnel",
        "port",
        "header",
        "call-back",
        "user",
    ]
    assert _texts(chain, "call-back") == ["no node was asked for a certificate"]
    assert f"RemotePort {legs.l3.client.port}" in _texts(chain, "header")[0]
    assert chain.devices == {PIXEL}


def test_a_request_with_its_call_back_is_not_told_twice() -> None:
    """What led to a call-back has a chain already."""
    builder = TraceBuilder()
    builder.sign_in()

    assert find_uncalled(make_case(builder.build(), builder.site)) == ()


def test_an_answer_of_others_is_no_refusal() -> None:
    """200 in a form that is not known signs in somebody, or nobody."""
    builder = TraceBuilder()
    wire = builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"))
    wire.answer(wire.ask(builder.login()), 200, b"<html>")
    (chain,) = find_uncalled(make_case(builder.build(), builder.site))

    assert _texts(chain, "user") == ["node1 10.20.1.1:443 answered 200, in which no user is known"]
