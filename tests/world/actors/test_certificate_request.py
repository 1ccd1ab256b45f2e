"""The call-back, asked and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site import callback
from harness.world.actors.certificate_request import (
    CertificateDesk,
    CertificateRequestError,
    build_request,
    request_certificate,
)
from harness.world.actors.http1 import Headers, Request
from harness.world.actors.location import Location
from harness.world.actors.store import CertificateStore
from tests.world.actors.stage import NODES, SHORT_NS, cluster, make_setting, stage
from tests.world.memory_wire import MemoryHost, MemoryWire


def _at(port: int, address: str = "10.20.1.1") -> Endpoint:
    """The local end of a tunnel's outgoing connection."""
    return Endpoint(ip_address(address), port)


KEY = b"k" * 32
PORT = 40000


class StoppedClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time_s = 1_700_000_000

    def now_ns(self) -> int:
        return self.time_s * 1_000_000_000

    async def sleep(self, duration_ns: int) -> None:
        raise AssertionError("nobody sleeps here")


def make_desk() -> tuple[CertificateDesk, CertificateStore, StoppedClock, MemoryHost]:
    """A desk with one certificate, and a host that asks by the same clock."""
    clock, store = StoppedClock(), CertificateStore()
    store.claim(_at(PORT), "PEM")
    host = MemoryWire().host("node1", NODES["node1"])
    host.clock = clock
    return CertificateDesk(store, key=KEY, clock=clock), store, clock, host


def ask(host: MemoryHost, *, port: int = PORT, key: bytes | None = KEY) -> Request:
    """A call-back."""
    return build_request(port, key=key, host=host, authority=b"node1:5263")


@pytest.mark.asyncio
async def test_a_certificate_is_answered_once() -> None:
    """Then it is gone."""
    desk, _, _, host = make_desk()

    answers = [await desk.respond(ask(host)) for _ in range(2)]

    assert [(a.status, a.values("Content-Type")) for a in answers] == [
        (200, (b"application/x-pem-file",)),
        (404, (b"text/plain",)),
    ]
    assert answers[0].body == b"PEM"


@pytest.mark.asyncio
async def test_a_replayed_request_is_refused() -> None:
    """The nonce was used (F49), and the certificate that came under the port since then stays."""
    desk, store, _, host = make_desk()
    request = ask(host)
    await desk.respond(request)
    store.release(PORT)
    store.claim(_at(PORT), "ANOTHER")

    answer = await desk.respond(request)

    assert answer.status == 403
    assert store.take(PORT) == "ANOTHER"


@pytest.mark.asyncio
async def test_a_wrong_proof_learns_nothing() -> None:
    """Stored or not: the same answer, and the certificate stays (V10)."""
    desk, store, _, host = make_desk()

    answers = [await desk.respond(ask(host, port=p, key=b"wrong")) for p in (PORT, PORT + 1)]

    assert answers[0] == answers[1]
    assert answers[0].status == 403
    assert store.take(PORT) == "PEM"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "shift_s", [callback.CLOCK_TOLERANCE_S + 1, -callback.CLOCK_TOLERANCE_S - 1]
)
async def test_an_old_or_future_proof_is_refused(shift_s: int) -> None:
    """Time is part of the proof."""
    desk, _, clock, host = make_desk()
    request = ask(host)
    clock.time_s += shift_s

    assert (await desk.respond(request)).status == 403


def replace(name: str, value: str | None) -> Callable[[Headers], Headers]:
    """Change one header line, or leave it out."""

    def change(headers: Headers) -> Headers:
        wanted = name.encode()
        kept = tuple(line for line in headers if line[0] != wanted)
        return kept if value is None else (*kept, (wanted, value.encode()))

    return change


def double(name: str) -> Callable[[Headers], Headers]:
    """Send one header line twice."""

    def change(headers: Headers) -> Headers:
        return (*headers, *(line for line in headers if line[0] == name.encode()))

    return change


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "status"),
    [
        (replace(callback.NONCE_HEADER, None), 403),
        (replace(callback.TIME_HEADER, None), 403),
        (replace(callback.PROOF_HEADER, None), 403),
        (replace(callback.NONCE_HEADER, "0" * 31), 400),
        (replace(callback.NONCE_HEADER, "0" * 32), 403),
        (replace(callback.NONCE_HEADER, "G" * 32), 400),
        (replace(callback.TIME_HEADER, "1700000000.0"), 400),
        (replace(callback.TIME_HEADER, "+1700000000"), 400),
        (replace(callback.TIME_HEADER, "1700000001"), 403),
        (replace(callback.PROOF_HEADER, ""), 400),
        (replace(callback.PROOF_HEADER, "0" * 64), 403),
        (double(callback.NONCE_HEADER), 400),
        (double(callback.TIME_HEADER), 400),
        (double(callback.PROOF_HEADER), 400),
    ],
)
async def test_a_changed_proof_is_refused(
    change: Callable[[Headers], Headers], status: int
) -> None:
    """Missing, doubled, malformed, or not the one that was signed."""
    desk, store, _, host = make_desk()
    request = ask(host)

    answer = await desk.respond(
        Request(method=b"GET", target=request.target, headers=change(request.headers))
    )

    assert answer.status == status
    assert store.take(PORT) == "PEM"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        (b"GET", b"/certificate/40001", 403),
        (b"GET", b"/certificate/040000", 400),
        (b"GET", b"/certificate/140000", 400),
        (b"GET", b"/certificate/0", 400),
        (b"GET", b"/certificate/", 404),
        (b"GET", b"/certificate/40000?", 404),
        (b"GET", b"/", 404),
        (b"POST", b"/certificate/40000", 405),
    ],
)
async def test_only_the_port_that_was_signed(method: bytes, target: bytes, status: int) -> None:
    """A proof for one port is none for another."""
    desk, store, _, host = make_desk()

    answer = await desk.respond(
        Request(method=method, target=target, headers=ask(host, port=PORT).headers)
    )

    assert answer.status == status
    assert store.take(PORT) == "PEM"


@pytest.mark.asyncio
async def test_a_node_that_has_nothing_is_an_error() -> None:
    """404 from the right machine."""
    async with stage(cluster()) as running:
        host = running.wire.owner(running.setting.site.nodes["node2"])
        assert host is not None
        location = Location(node="node1", port=PORT)

        with pytest.raises(CertificateRequestError, match=r"10\.20\.1\.1:5263 for port 40000: 404"):
            await request_certificate(host, location, running.setting)


@pytest.mark.asyncio
async def test_another_machine_s_certificate_is_not_believed() -> None:
    """A node is asked whose address a machine with a foreign certificate has taken (F50)."""
    site = cluster()
    ours, theirs = make_setting(site), make_setting(site)
    async with stage(site) as running:
        host = running.wire.owner(site.nodes["node2"])
        assert host is not None
        location = Location(node="node1", port=PORT)

        for setting in (ours, theirs):
            with pytest.raises(CertificateRequestError, match=r"unknown_ca|certificate_unknown"):
                await request_certificate(host, location, setting)


@pytest.mark.asyncio
async def test_a_node_that_does_not_answer_is_an_error_in_time() -> None:
    """A port that accepts and says nothing."""
    setting = make_setting(cluster(), timeout_ns=SHORT_NS)
    wire = MemoryWire()
    silent = wire.host("node1", NODES["node1"])

    async def serve(stream: object) -> None:
        await stopped.wait()

    stopped = asyncio.Event()
    await silent.listen(5263, serve)

    with pytest.raises(CertificateRequestError, match="not finished after 200 ms"):
        await request_certificate(
            wire.host("node2", NODES["node2"]), Location(node="node1", port=PORT), setting
        )
    stopped.set()
    await wire.close()
