"""The administrator: what is imported is shown, and what is refused is not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenario.certificate_import import CertificateImport
from harness.site.page import Port
from harness.world.actors.administrator import Administrator
from harness.world.actors.pem import parse_pem
from harness.world.actors.server_identity import (
    balancer_identity,
    port_identity,
    service_identity,
)
from harness.world.actors.setting import Setting
from harness.world.tls.identity import VerificationError
from tests.world.actors.stage import FQDN, cluster, make_setting, single_node

CUSTOM, SHARED = (
    Port(port=5262),
    Port(port=5263, admin_port=True, ssl_certificate_type="passthrough"),
)


def do(setting: Setting, **step: Any) -> None:
    """One import at node1:443, unless another place is named."""
    given = {"import_certificate": "node1:443", **step}
    Administrator(setting).import_certificate(CertificateImport.model_validate(given))


@pytest.mark.parametrize("file", ["pem", "pfx"])
def test_an_import_is_shown_with_its_chain(file: str) -> None:
    """On 443 and on the ports that share its certificate; the judge is told the same."""
    setting = make_setting(single_node())
    before = service_identity(setting, "node1")
    do(setting, file=file)
    after = service_identity(setting, "node1")

    assert after != before
    assert port_identity(setting, "node1", SHARED) == after
    assert port_identity(setting, "node1", CUSTOM) != after
    told = setting.installed.in_force
    assert [one.at for one in told] == ["node1:443", "node1:5263"]
    assert told[0].sha256 == setting.pki.fingerprints(after.chain_pem)
    assert len(told[0].sha256) == 2


@pytest.mark.parametrize(
    ("step", "defects", "is_changed"),
    [
        ({"fault": "wrong_order", "root": True}, (), False),
        ({"fault": "foreign_key"}, (), False),
        ({"file": "pfx", "fault": "wrong_password"}, (), False),
        ({"fault": "wrong_order", "root": True}, ("B04",), True),
    ],
)
def test_a_refused_import_leaves_the_old_one(
    step: dict[str, Any], defects: tuple[str, ...], is_changed: bool
) -> None:
    """Unless the page takes anything (B04), which the judge is not told."""
    setting = make_setting(single_node(), defects)
    do(setting)
    before = service_identity(setting, "node1")
    do(setting, **step)

    assert (service_identity(setting, "node1") != before) is is_changed
    assert setting.installed.in_force[-1].sha256 == setting.pki.fingerprints(before.chain_pem)


def test_a_balancer_serves_whatever_it_is_given() -> None:
    """It has no page that looks at the chain."""
    setting = make_setting(cluster())
    do(setting, import_certificate="vip:443", fault="missing_intermediate")
    shown = balancer_identity(setting, "vip")

    assert len(shown.chain_pem) == 1
    assert setting.installed.in_force[-1].sha256 == setting.pki.fingerprints(shown.chain_pem)


def test_names_are_those_that_the_place_needs() -> None:
    """Unless others are given; the chain holds for them."""
    setting = make_setting(single_node())
    do(setting, import_certificate="node1:5262")
    shown = port_identity(setting, "node1", CUSTOM)
    chain = parse_pem("".join(shown.chain_pem))

    for name in (FQDN, "node1"):
        setting.pki.server_verifier(name, roots="public")(chain)


@pytest.mark.parametrize("defect", ["B03", "B06"])
def test_without_the_users_name_nobody_believes_it(defect: str) -> None:
    """B03, B06: the name is left out by the authority, or was never asked for; the page cannot know."""
    setting = make_setting(cluster(), (defect,))
    do(setting, import_certificate="vip:443")
    shown = balancer_identity(setting, "vip")

    with pytest.raises(VerificationError):
        setting.pki.server_verifier(FQDN, roots="public")(parse_pem("".join(shown.chain_pem)))
    assert setting.installed.in_force[-1].sha256 == setting.pki.fingerprints(shown.chain_pem)
