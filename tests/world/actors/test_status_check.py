"""The status check asks in the right order, and what nobody can tell is not good."""

from __future__ import annotations

from typing import Any

import pytest

from harness.net.address import parse_address
from harness.scenario.scenario import Responder
from harness.scenario.step import Revoke
from harness.site.site import Revocation, Site
from tests.world.actors.stage import SHORT_NS, cluster, stage

pytestmark = pytest.mark.asyncio
ALICE = "alice@example.com"
ADDRESS = "10.20.0.53"
OCSP, CRL = "POST /ocsp HTTP/1.1", "GET /users.crl HTTP/1.1"


def asking(method: Any) -> Site:
    """A cluster that asks."""
    revocation = Revocation(address=parse_address(ADDRESS), method=method)
    return cluster().model_copy(update={"revocation": revocation})


async def sign_in(
    method: Any, *, revoked: bool = False, defects: tuple[str, ...] = (), **habits: Any
) -> tuple[str | None, list[str]]:
    """Whom the service signs in, and what it asked the responder."""
    responder = Responder.model_validate(habits)
    short = {"timeout_ns": 4 * SHORT_NS} if "slow" in habits.values() else {}
    async with stage(asking(method), responder=responder, defects=defects, **short) as running:
        if revoked:
            await running.device.revoke(Revoke(revoke="pixel"))
        user = await running.user()
        asked = [
            bytes(stream._other.sent).partition(b"\r\n")[0].decode()
            for stream in running.wire.served
            if str(stream.local) == f"{ADDRESS}:80"
        ]
        return user, asked


@pytest.mark.parametrize(
    ("method", "habits", "expected"),
    [
        ("ocsp", {}, [OCSP]),
        ("crl", {}, [CRL]),
        ("ocsp_then_crl", {}, [OCSP]),
        ("ocsp_then_crl", {"ocsp": "try_later"}, [OCSP, CRL]),
        ("ocsp_then_crl", {"ocsp": "unknown"}, [OCSP, CRL]),
        ("ocsp_then_crl", {"ocsp": "slow"}, [OCSP, CRL]),
    ],
)
async def test_signed_in(method: Any, habits: dict[str, Any], expected: list[str]) -> None:
    """By OCSP, by the list, and by the list where OCSP fails."""
    assert await sign_in(method, **habits) == (ALICE, expected)


@pytest.mark.parametrize(
    ("method", "habits", "expected"),
    [
        ("ocsp", {"gone": True}, []),
        ("ocsp", {"ocsp": "slow"}, [OCSP]),
        ("ocsp", {"ocsp": "expired"}, [OCSP]),
        ("ocsp", {"ocsp": "other_nonce"}, [OCSP]),
        ("crl", {"crl": "missing"}, [CRL]),
        ("crl", {"crl": "expired"}, [CRL]),
        ("crl", {"crl": "slow"}, [CRL]),
        ("ocsp_then_crl", {"ocsp": "unknown", "crl": "expired"}, [OCSP, CRL]),
    ],
)
async def test_nobody_can_tell(method: Any, habits: dict[str, Any], expected: list[str]) -> None:
    """Nobody is signed in; with F76 somebody is."""
    assert await sign_in(method, **habits) == (None, expected)
    assert await sign_in(method, defects=("F76",), **habits) == (ALICE, expected)


@pytest.mark.parametrize(
    ("method", "habits", "expected"),
    [
        ("ocsp", {}, [OCSP]),
        ("crl", {}, [CRL]),
        ("ocsp_then_crl", {}, [OCSP]),
        ("ocsp_then_crl", {"ocsp": "try_later"}, [OCSP, CRL]),
    ],
)
async def test_revoked(method: Any, habits: dict[str, Any], expected: list[str]) -> None:
    """An answer is final: no list is asked after OCSP said revoked, and F76 changes nothing."""
    assert await sign_in(method, revoked=True, **habits) == (None, expected)
    assert await sign_in(method, revoked=True, defects=("F76",), **habits) == (None, expected)
