"""The canary's conversations in a trace, each of them left out on demand."""

from __future__ import annotations

from harness.site.callback import build_target
from harness.site.canary import BALANCER, DEVICE, FORBIDDEN, NODE, OTHER_NODE
from tests.trace_builder import TraceBuilder, Wire, make_random


def _tls(builder: TraceBuilder, client: object, server: object, port: int) -> Wire:
    label = f"canary {len(builder.wires)}"
    return builder.open("dmz", client, server, port).handshake(make_random(label))  # type: ignore[arg-type]


def commit_canary(builder: TraceBuilder, *, without: str = "") -> None:
    """All violations of site/canary.py; `without` names a check whose violation is not committed."""
    if without != "V15":
        builder.open("dmz", NODE, FORBIDDEN, 443, answered=False)
    if without != "V07":
        _request(builder, DEVICE, forwarded=((b"40000", OTHER_NODE),))
    if without != "V05":
        _request(builder, NODE, call_back=True)
    if without != "V08":
        headers = (("X-Forwarded-For", str(NODE).encode()), *((("RemotePort", b"40000"),) * 2))
        wire = _tls(builder, BALANCER, NODE, 443)
        wire.answer(wire.ask(builder.login(), headers=headers), 403)
    if without != "V09":
        wire = _tls(builder, DEVICE, NODE, 5263)
        wire.answer(wire.ask(build_target(40000)), 404)
    if without != "V11":
        wire = _tls(builder, DEVICE, NODE, 5262)
        wire.grant(wire.connect(f"{BALANCER}:443"))


def _request(
    builder: TraceBuilder,
    client: object,
    *,
    forwarded: tuple[tuple[bytes, object], ...] = (),
    call_back: bool = False,
) -> None:
    front = _tls(builder, client, BALANCER, 443)
    target = builder.login()
    asked = front.ask(target)
    true = ((str(front.client.port).encode(), front.client.address),)
    port, address = (forwarded or true)[0]
    back = _tls(builder, BALANCER, NODE, 443)
    request = back.ask(
        target, headers=(("X-Forwarded-For", str(address).encode()), ("RemotePort", port))
    )
    if call_back:
        wire = _tls(builder, NODE, OTHER_NODE, 5263)
        wire.answer(wire.ask(build_target(front.client.port)), 404)
    builder.finish(front, asked, back, request, user="", status=403)
