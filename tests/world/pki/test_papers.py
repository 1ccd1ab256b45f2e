"""The papers: each fault is refused by the import page for just that rule, and without one nothing is."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any, get_args

import pytest

from harness.certificate.request import Request, build_request
from harness.certificate.rule import Rule
from harness.certificate.upload import Upload, read_pem, read_pfx
from harness.scenario.certificate_import import PEM_ONLY, PFX_ONLY, Fault
from harness.world.pki.papers import make_pem, make_pfx
from tests.world.handshake import FQDN, site_pki

RULES: dict[str, Rule] = {
    "wrong_order": Rule.WRONG_ORDER,
    "missing_intermediate": Rule.MISSING_INTERMEDIATE,
    "duplicate": Rule.DUPLICATE,
    "expired": Rule.EXPIRED,
    "no_begin_tag": Rule.BEGIN_MISSING,
    "no_end_tag": Rule.END_MISSING,
    "key_in_chain": Rule.KEY_IN_CHAIN,
    "no_key": Rule.NO_KEY,
    "pkcs8_key": Rule.PKCS8_KEY,
    "encrypted_key": Rule.ENCRYPTED_KEY,
    "foreign_key": Rule.FOREIGN_KEY,
    "wrong_password": Rule.WRONG_PASSWORD,
    "no_password": Rule.NO_PASSWORD,
}


@cache
def request(number: int = 1) -> Request:
    """A request with a key of its own."""
    return build_request((FQDN,))


def upload(file: str, fault: str | None, *, root: bool = False) -> Upload:
    """What the page makes of the papers."""
    pki = site_pki()
    chain = pki.sign_request(
        request().request_pem,
        signed_by="public",
        key_pem=request().key_pem,
        not_before=pki.now() - timedelta(days=2),
        not_after=pki.now() + timedelta(days=-1 if fault == "expired" else 60),
        has_root=root,
    )
    more: Any = {"fault": fault, "other_key": request(2).key_pem}
    if file == "pfx":
        papers = make_pfx(chain, request().key_pem, **more)
        return read_pfx(papers.chain, password=papers.password, at=pki.now())
    papers = make_pem(chain, request().key_pem, **more)
    return read_pem(papers.chain, papers.key, at=pki.now())


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("file", ["pem", "pfx"])
def test_papers_in_order_are_accepted(file: str, root: bool) -> None:
    """With the root or without it."""
    found = upload(file, None, root=root)

    assert found.flaws == ()
    assert found.certificate is not None
    assert len(found.certificate.chain_pem) == (3 if root else 2)


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize(
    ("file", "fault"),
    [(file, f) for f in get_args(Fault) for file in ("pem", "pfx")
     if f not in (PEM_ONLY if file == "pfx" else PFX_ONLY)],
)  # fmt: skip
def test_each_fault_breaks_its_rule(file: str, fault: str, root: bool) -> None:
    """And no other one."""
    found = upload(file, fault, root=root)

    assert found.certificate is None
    assert [flaw.rule for flaw in found.flaws if flaw.is_refused] == [RULES[fault]]
