"""The right traces: what must not be flagged (the false-positive guard of the failure catalogue)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.site.callback import build_target
from harness.site.page import Port
from harness.site.sign_in import build_apps_target
from tests.defect_traces import ALICE
from tests.trace_builder import (
    ATTACKER,
    CLUSTER,
    GALAXY,
    N1,
    N2,
    N3,
    PASSTHROUGH,
    PIXEL,
    SINGLE,
    SYN,
    VIP,
    TraceBuilder,
    make_certificate,
    make_pem,
    make_random,
    make_site,
)

BOB = "bob@example.com"


def _plain(site: object = CLUSTER) -> TraceBuilder:
    builder = TraceBuilder(site)  # type: ignore[arg-type]
    builder.sign_in(node=N1, access=N1)
    return builder


def _keep_alive(*, repeated_call_back: bool) -> TraceBuilder:
    builder = TraceBuilder()
    legs = builder.sign_in()
    true = (
        ("RemotePort", str(legs.l3.client.port).encode()),
        ("X-Forwarded-For", str(N2).encode()),
    )
    for number in range(3):
        target = build_apps_target(f"{number:032x}")
        cookie = (("Cookie", legs.cookie),)
        asked = legs.l3.ask(target, headers=cookie)
        request = legs.l4.ask(target, headers=(*cookie, *true))
        if repeated_call_back:
            builder.call_back(N1, N2, key=legs.l3.client.port, answer=(404, b""))
        builder.finish(legs.l3, asked, legs.l4, request, user=legs.user)
    return builder


def _one_fingerprint_under_two_keys() -> TraceBuilder:
    builder = TraceBuilder()
    builder.tunnel(certificate=ALICE)
    builder.tunnel(certificate=ALICE)
    builder.sign_in(certificate=ALICE)
    builder.sign_in(certificate=ALICE, node=N3)
    return builder


def _port_used_again() -> TraceBuilder:
    builder = TraceBuilder()
    first = builder.sign_in()
    port = first.l3.end().client.port
    builder._port = port - 3
    builder.sign_in(device=GALAXY, user=BOB)
    return builder


def _one_port() -> TraceBuilder:
    site = make_site(
        service=None,
        nodes=("node1",),
        allow_remote_port_header=False,
        ports=(Port(port=5262, admin_port=True),),
    )
    builder = TraceBuilder(site)
    builder.sign_in(node=N1, asked_port=5262)
    return builder


def _resumed() -> TraceBuilder:
    builder = TraceBuilder()
    first, second = builder.sign_in(), builder.sign_in()
    for wires, facts in (
        ((first.l1, first.l2), {"certificate": ALICE}),
        ((second.l1, second.l2), {"resumed": True}),
    ):
        for wire in wires:
            random = make_random(f"session {id(wires)}")
            names = {"session_id": b"session", "issued_session_id": b"session"}
            wire.handshake(random, asks=True, version=0x0303, **names, **facts)
    return builder


def _left_elements() -> TraceBuilder:
    builder = TraceBuilder()
    client = (("X-Forwarded-For", b"unknown, 10.20.1.3"),)
    builder.sign_in(client_headers=client, forwarded_for=f"unknown, {N3}, {N2}".encode())
    return builder


def _two_balancers() -> TraceBuilder:
    site = make_site(number_of_load_balancers=2)
    builder = TraceBuilder(site)
    builder.sign_in(forwarded_for=f"{N2}, 10.20.0.12".encode())
    return builder


def _new_thumbprint() -> TraceBuilder:
    builder = TraceBuilder()
    for serial in (1, 2):
        builder.sign_in(certificate=make_certificate("alice@example.com", serial=serial))
    return builder


def _early_data() -> TraceBuilder:
    builder = TraceBuilder()
    for ends in (("outside", PIXEL, VIP), ("dmz", VIP, N2)):
        wire = builder.open(*ends, 5262).handshake(make_random("early"), asks=True)
        wire.connect("access.example.com:443")
    builder.sign_in()
    return builder


def _probes() -> TraceBuilder:
    builder = TraceBuilder()
    builder.open("dmz", VIP, N2, 5262)
    builder.open("dmz", VIP, N2, 443)
    builder.open("dmz", VIP, N2, 5262).handshake(make_random("probe"), asks=True, data=False)
    return builder


def _retransmitted() -> TraceBuilder:
    builder = TraceBuilder()
    legs = builder.sign_in()
    for wire in (legs.l1, legs.l2, legs.l3, legs.l4):
        wire.send(from_client=True, flags=SYN, size=0)
        wire.send(from_client=True, size=0)
        wire.send(from_client=False, size=0)
    return builder


def _pooled() -> TraceBuilder:
    builder = TraceBuilder()
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("pooled"))
    for device, user in ((GALAXY, BOB), (PIXEL, "alice@example.com")):
        certificate = make_certificate(user)
        _, _, l3 = builder.tunnel(device=device, certificate=certificate)
        target = builder.login()
        asked = l3.ask(target)
        true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
        request = l4.ask(target, headers=true)
        answer = (200, make_pem(certificate))
        builder.call_back(N1, N2, key=l3.client.port, answer=answer)
        builder.finish(l3, asked, l4, request, user=user)
    return builder


def _refused_call_back_of_a_stranger() -> TraceBuilder:
    builder = TraceBuilder()
    wire = builder.open("dmz", ATTACKER, N1, 443).handshake(make_random("stranger"))
    wire.answer(wire.ask(build_target(40000)), 404)
    return builder


RIGHT: Mapping[str, Callable[[], TraceBuilder]] = {
    "terminating cluster": _plain,
    "pass-through cluster, destination localhost": lambda: _plain(PASSTHROUGH),
    "single node": lambda: _plain(SINGLE),
    "several requests of one L3 with the same RemotePort": lambda: _keep_alive(
        repeated_call_back=False
    ),
    "several call-backs of one L3": lambda: _keep_alive(repeated_call_back=True),
    "one fingerprint under several keys at once": _one_fingerprint_under_two_keys,
    "a port used again after its entry was taken": _port_used_again,
    "5262 as the only port of a single node": _one_port,
    "a resumed session whose ancestor proved the certificate": _resumed,
    "X-Forwarded-For with elements of the client on the left": _left_elements,
    "two balancers in a row": _two_balancers,
    "a new thumbprint of the same user": _new_thumbprint,
    "TLS 1.3 client data that nothing came of": _early_data,
    "health probes without certificate": _probes,
    "retransmissions and duplicates": _retransmitted,
    "one balancer connection for two devices": _pooled,
    "a stranger's certificate request that was refused": _refused_call_back_of_a_stranger,
}
