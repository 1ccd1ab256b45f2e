"""The hazards of a scenario's certificates: what those that are imported before the run will do on the wire."""

from __future__ import annotations

from collections.abc import Iterator

from harness.net.host_pattern import is_covered
from harness.scenario.certificate_import import CertificateImport
from harness.scenario.scenario import Scenario
from harness.site.certificate_place import Place, find_names, parse_place
from harness.site.hazard import Hazard, HazardKind
from harness.site.page_hazards import NOBODY_SIGNS_IN
from harness.site.problem import Path, show
from harness.site.site import Site


def find_certificate_hazards(scenario: Scenario) -> Iterator[Hazard]:
    """Rows A02, B01 and B06 to B08: no certificate of its own, an unknown signer, a name that is missing."""
    if not all(device.trusts_appliance for device in scenario.devices.values()):
        for index, node in enumerate(scenario.fresh_nodes):
            yield Hazard(
                kind=HazardKind.DEFAULT_CERTIFICATE,
                path=("fresh_nodes", index),
                found=show(node),
                effect="no certificate was uploaded: devices end the TLS at the certificate of its installation "
                f"(alert certificate_unknown), and {NOBODY_SIGNS_IN} (V26)",
                remedy="import one of an authority that devices know",
            )
    for index, imported in enumerate(scenario.certificates):
        path: Path = ("certificates", index)
        yield from _find(scenario.site, imported, path)


def _find(site: Site, imported: CertificateImport, path: Path) -> Iterator[Hazard]:
    if imported.fault is not None:
        return  # What is wrong on purpose need not be foretold.
    if imported.signed_by != "public":
        yield Hazard(
            kind=HazardKind.SIGNER_UNKNOWN,
            path=(*path, "signed_by"),
            found=show(imported.signed_by),
            effect="nobody knows who signed it: whoever connects ends the TLS (alert unknown_ca), and "
            f"{NOBODY_SIGNS_IN} (V26)",
            remedy="have it signed by an authority that devices know",
        )
    if not imported.names:
        return
    # The same names are missing at every place alike: the first one tells.
    for text in imported.places[:1]:
        yield from _missing(site, parse_place(text, site), imported, (*path, "names"))


def _missing(site: Site, place: Place, imported: CertificateImport, path: Path) -> Iterator[Hazard]:
    needed = find_names(site, place)
    missing = [n for n in needed if not any(is_covered(one, n) for one in imported.names)]
    if not missing:
        return
    listed = ", ".join(missing)
    is_called = needed[0] != site.fqdn
    yield Hazard(
        kind=HazardKind.NODE_NAME_MISSING if is_called else HazardKind.NAME_MISSING,
        path=path,
        found=show(list(imported.names)),
        effect=(
            f"it does not name {listed}: nodes that call {place} refuse it, and {NOBODY_SIGNS_IN} (V17)"
            if is_called
            else f"it does not name {listed}: devices that open that name end the TLS "
            f"(alert certificate_unknown), and {NOBODY_SIGNS_IN} there (V26)"
        ),
        remedy=f"have a certificate made for {', '.join(needed)}, or a wildcard one label above",
    )
