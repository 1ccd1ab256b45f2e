"""The defect traces: what each seeded defect looks like on the wire, and the same situation withstood."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.site.callback import build_target
from harness.trace.http import Malformed
from tests.trace_builder import (
    ATTACKER,
    BYSTANDER,
    CLUSTER,
    N1,
    N2,
    N3,
    PIXEL,
    SINGLE,
    VIP,
    TraceBuilder,
    make_certificate,
    make_pem,
    make_preamble,
    make_random,
    make_site,
)

FORGED = (("RemotePort", b"40000"),)
ALICE = make_certificate("alice@example.com")


def f15() -> TraceBuilder:
    """The client's RemotePort reaches Access."""
    builder = TraceBuilder()
    builder.sign_in(client_headers=FORGED, remote_port=b"40000", key=40000, status=403)
    return builder


def _forged_request(forwarded: bytes, *, believed: bool) -> TraceBuilder:
    builder = TraceBuilder()
    wire = builder.open("dmz", ATTACKER, N1, 443).handshake(make_random("forged"))
    request = wire.ask(builder.login(), headers=(("X-Forwarded-For", forwarded), *FORGED))
    if believed:
        builder.call_back(N1, N2, key=40000, answer=(404, b""))
    wire.answer(request, 403, b'{"error": "no certificate"}')
    return builder


def f17() -> TraceBuilder:
    """An attacker's headers are believed."""
    return _forged_request(str(N2).encode(), believed=True)


def f18() -> TraceBuilder:
    """The same, with the balancer's address written into X-Forwarded-For."""
    return _forged_request(f"{VIP}, {N2}".encode(), believed=True)


def f19() -> TraceBuilder:
    """A second RemotePort line; Access refuses."""
    builder = TraceBuilder()
    builder.sign_in(
        client_headers=FORGED, remote_port=(b"40000", b"41003"), call_back=False, status=400
    )
    return builder


def f20() -> TraceBuilder:
    """Both values in one line; Access refuses."""
    builder = TraceBuilder()
    builder.sign_in(client_headers=FORGED, remote_port=b"40000, 41003", call_back=False, status=400)
    return builder


def f22() -> TraceBuilder:
    """A line that only some readers take for RemotePort; Access refuses."""
    builder = TraceBuilder()
    builder.sign_in(headers=(("RemotePort ", b"40000"),), call_back=False, status=400)
    return builder


def f24() -> TraceBuilder:
    """The leftmost element, the client's, is used."""
    builder = TraceBuilder(make_site())
    client = (("X-Forwarded-For", str(N3).encode()),)
    builder.sign_in(
        client_headers=client, forwarded_for=f"{N3}, {N2}".encode(), asked=N3, status=403
    )
    return builder


def f28() -> TraceBuilder:
    """Allow is off, and the true header is used."""
    builder = TraceBuilder(make_site(allow_remote_port_header=False))
    builder.sign_in()
    return builder


def _terminated_proxy(*, passed: bool) -> TraceBuilder:
    """A device whose certificate the node refuses, or the balancer never asks for."""
    builder = TraceBuilder()
    l1 = builder.open("outside", PIXEL, VIP, 5262)
    l2 = builder.open("dmz", VIP, N2, 5262)
    l1.handshake(make_random("l1"), asks=passed)
    l2.handshake(make_random("l1" if passed else "l2"), asks=True, data=False)
    l1.connect("access.example.com:443")
    if passed:
        l2.connect("access.example.com:443")
    return builder


def f36() -> TraceBuilder:
    """The balancer ends TLS on the proxy port; the node refuses the balancer's own TLS."""
    return _terminated_proxy(passed=False)


def f41() -> TraceBuilder:
    """A slow node is given up, and another one asked."""
    builder = TraceBuilder()
    proved = make_certificate("alice@example.com")
    _, _, l3 = builder.tunnel(certificate=proved)
    target = builder.login()
    asked = l3.ask(target)
    true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
    slow = builder.open("dmz", VIP, N3, 443).handshake(make_random("slow"))
    slow.ask(target, headers=true)
    slow.reset()
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("quick"))
    request = l4.ask(target, headers=true)
    builder.call_back(N1, N2, key=l3.client.port, answer=(200, make_pem(proved)))
    builder.finish(l3, asked, l4, request, user="alice@example.com")
    return builder


def f42() -> TraceBuilder:
    """A PROXY header before the device's ClientHello; the node takes neither."""
    builder = TraceBuilder()
    l1, l2 = builder.open("outside", PIXEL, VIP, 5262), builder.open("dmz", VIP, N2, 5262)
    for wire in (l1, l2):
        wire.handshake(
            make_random("l1"), server_hello=None, data=False, client_finished=None, decrypted="no"
        )
    l2.preamble = make_preamble(l2)
    return builder


def f44() -> TraceBuilder:
    """Another node is asked."""
    builder = TraceBuilder()
    builder.sign_in(asked=N3, status=403)
    return builder


def f45() -> TraceBuilder:
    """The proxy port is asked, and answers."""
    builder = TraceBuilder()
    builder.sign_in(asked_port=5262)
    return builder


def f47() -> TraceBuilder:
    """The admin port lets an attacker in."""
    builder = TraceBuilder()
    wire = builder.open("inside", ATTACKER, N2, 5263).handshake(make_random("attack"))
    wire.answer(wire.ask(build_target(40000)), 403)
    return builder


def _dialled(site: TraceBuilder, address: object, port: int, target: str) -> TraceBuilder:
    tap = "dmz" if address == VIP else "inside"
    site.tunnel(certificate=ALICE, target=target, dials=(tap, address, port))  # type: ignore[arg-type]
    return site


def f57() -> TraceBuilder:
    """The client's target is dialled although the destination is forced."""
    return _dialled(TraceBuilder(), BYSTANDER, 443, "bystander:443")


def f58() -> TraceBuilder:
    """An empty allow-list allows all."""
    site = make_site(destination_forced=False, destination="")
    return _dialled(TraceBuilder(site), BYSTANDER, 443, "bystander:443")


def f59() -> TraceBuilder:
    """Another port of an allowed destination."""
    site = make_site(destination_forced=False, destination=f"{VIP}; {BYSTANDER}")
    return _dialled(TraceBuilder(site), BYSTANDER, 8443, "bystander:8443")


def f67() -> TraceBuilder:
    """A device without certificate gets its tunnel; the service refuses it."""
    builder = TraceBuilder()
    builder.tunnel(certificate=None)
    return builder


def f82() -> TraceBuilder:
    """Two lengths: the balancer sees one request, the node two."""
    builder = TraceBuilder()
    front = builder.open("outside", ATTACKER, VIP, 443).handshake(make_random("front"))
    back = builder.open("dmz", VIP, N2, 443).handshake(make_random("back"))
    for wire in (front, back):
        asked = wire.ask("/", method=b"POST")
        (number,) = wire.packets[-1:]
        hidden = wire.ask("/SAAS/apps")
        wire.answer(asked, 405)
        wire.answer(hidden, 401)
        lengths = Malformed(sender="client", layer="http", message="lengths", packets=(number,))
        wire.malformed = (lengths,)
    return builder


def f84() -> TraceBuilder:
    """What came behind the CONNECT is answered on the same connection."""
    builder = TraceBuilder()
    for wire in builder.tunnel(certificate=ALICE)[:2]:
        wire.answer(wire.ask("/"), 405)
    return builder


DEFECTIVE: Mapping[str, Callable[[], TraceBuilder]] = {
    "F15": f15,
    "F17": f17,
    "F18": f18,
    "F19": f19,
    "F20": f20,
    "F22": f22,
    "F24": f24,
    "F28": f28,
    "F36": f36,
    "F41": f41,
    "F42": f42,
    "F44": f44,
    "F45": f45,
    "F47": f47,
    "F57": f57,
    "F58": f58,
    "F59": f59,
    "F67": f67,
    "F82": f82,
    "F84": f84,
}


def _header_withstood() -> TraceBuilder:
    builder = TraceBuilder()
    builder.sign_in(client_headers=FORGED)
    return builder


def _chain_withstood() -> TraceBuilder:
    builder = TraceBuilder()
    client = (("X-Forwarded-For", str(N3).encode()),)
    builder.sign_in(client_headers=client, forwarded_for=f"{N3}, {N2}".encode())
    return builder


def _header_ignored() -> TraceBuilder:
    builder = TraceBuilder(make_site(allow_remote_port_header=False))
    builder.sign_in(call_back=False, status=403)
    return builder


def _refused_connect() -> TraceBuilder:
    builder = TraceBuilder()
    l1, l2 = builder.open("outside", PIXEL, VIP, 5262), builder.open("dmz", VIP, N2, 5262)
    for wire in (l1, l2):
        wire.handshake(make_random("outer"), certificate=ALICE, asks=True)
        wire.answer(wire.connect("bystander:443"), 403)
    return builder


def _admin_port_silent() -> TraceBuilder:
    builder = TraceBuilder()
    builder.open("inside", ATTACKER, N2, 5263, answered=False)
    return builder


def _bypassed() -> TraceBuilder:
    builder = TraceBuilder()
    front = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("front"))
    back = builder.open("dmz", VIP, N1, 443).handshake(make_random("back"))
    target = builder.login()
    request = front.ask(target, headers=FORGED)
    true = (
        ("RemotePort", str(front.client.port).encode()),
        ("X-Forwarded-For", str(PIXEL).encode()),
    )
    builder.finish(front, request, back, back.ask(target, headers=true), user="", status=403)
    return builder


def _callback_refused_outside() -> TraceBuilder:
    builder = TraceBuilder(SINGLE)
    wire = builder.open("outside", ATTACKER, N1, 443).handshake(make_random("attack"))
    wire.answer(wire.ask(build_target(40000)), 404)
    return builder


WITHSTOOD: Mapping[str, Callable[[], TraceBuilder]] = {
    "F15 F19 F20: the client's copy is replaced": _header_withstood,
    "F17: an attacker's header is ignored": lambda: _forged_request(
        str(N2).encode(), believed=False
    ),
    "F18: so is one that names the balancer": lambda: _forged_request(
        f"{VIP}, {N2}".encode(), believed=False
    ),
    "F24: the client's element is not picked": _chain_withstood,
    "F28: a header is not used while Allow is off": _header_ignored,
    "F36 F67: a device without certificate is refused": lambda: _terminated_proxy(passed=True),
    "F47: the admin port gives no answer": _admin_port_silent,
    "F57 F58 F59: a target that is not allowed is not dialled": _refused_connect,
    "F16: a request past the proxy gets no certificate": _bypassed,
    "F45 F46: a certificate request outside the admin port finds nothing": _callback_refused_outside,
}

__all__ = ["ALICE", "CLUSTER", "DEFECTIVE", "FORGED", "WITHSTOOD"]
