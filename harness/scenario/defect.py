"""The seeded defects: named switches, off unless a scenario turns them on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One fault of the catalogue (failures.md), and who commits it."""

    id: str
    title: str
    actor: str
    """`balancer`, `cert_proxy`, `access`, `device`."""
    caught_by: tuple[str, ...]
    """Checks that must fail, exactly."""


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="F15",
        title="the balancer passes a client's RemotePort on",
        actor="balancer",
        caught_by=("V06", "V07"),
    ),
    Defect(
        id="F17",
        title="a peer outside Accept RemotePort From is believed",
        actor="access",
        caught_by=("V06",),
    ),
    Defect(
        id="F18",
        title="the accept list is checked against X-Forwarded-For, not the peer",
        actor="access",
        caught_by=("V06",),
    ),
    Defect(
        id="F19",
        title="the balancer inserts RemotePort beside the client's",
        actor="balancer",
        caught_by=("V08",),
    ),
    Defect(
        id="F20",
        title="the balancer folds two RemotePort values with a comma",
        actor="balancer",
        caught_by=("V08",),
    ),
    Defect(
        id="F24",
        title="the leftmost X-Forwarded-For element is picked",
        actor="access",
        caught_by=("V05", "V07"),
    ),
    Defect(
        id="F28",
        title="RemotePort is used although Allow RemotePort Header is off",
        actor="access",
        caught_by=("V06",),
    ),
    Defect(
        id="F36",
        title="the balancer ends TLS on the proxy port",
        actor="balancer",
        caught_by=("V11", "V14"),
    ),
    Defect(
        id="F44", title="the call-back goes to another node", actor="access", caught_by=("V05",)
    ),
    Defect(
        id="F45",
        title="the call-back goes to the external port, which answers",
        actor="access, cert_proxy",
        caught_by=("V09",),
    ),
    Defect(
        id="F47", title="the admin port answers anybody", actor="cert_proxy", caught_by=("V09",)
    ),
    Defect(id="F57", title="Destination Forced is ignored", actor="cert_proxy", caught_by=("V15",)),
    Defect(
        id="F58",
        title="an empty allow-list allows everything",
        actor="cert_proxy",
        caught_by=("V15",),
    ),
    Defect(
        id="F59",
        title="the destination port is not limited to 443",
        actor="cert_proxy",
        caught_by=("V15",),
    ),
    Defect(
        id="F67", title="the client certificate is optional", actor="cert_proxy", caught_by=("V11",)
    ),
)
