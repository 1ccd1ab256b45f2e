"""The seeded defects: named switches, off unless a scenario turns them on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One fault of the catalogue (failures.md), and who commits it."""

    id: str
    title: str
    actor: str
    """`balancer`, `cert_proxy`, `access`, `device`; the last one that must err, if several do."""
    caught_by: tuple[str, ...]
    """Checks that must fail, exactly."""


def _defect(number: str, actor: str, caught_by: str, title: str) -> Defect:
    return Defect(id=number, title=title, actor=actor, caught_by=tuple(caught_by.split()))


DEFECTS: tuple[Defect, ...] = (
    _defect("F15", "balancer", "V06 V07", "the balancer passes a client's RemotePort on"),
    _defect(
        "F16",
        "balancer",
        "V05 V06 V07",
        "the balancer keeps a client's RemotePort and X-Forwarded-For",
    ),
    _defect("F17", "access", "V06", "a peer outside Accept RemotePort From is believed"),
    _defect(
        "F18", "access", "V06", "the accept list is checked against X-Forwarded-For, not the peer"
    ),
    _defect("F19", "balancer", "V08", "the balancer inserts RemotePort beside the client's"),
    _defect("F20", "balancer", "V08", "the balancer folds two RemotePort values with a comma"),
    _defect(
        "F21", "balancer", "V08", "the balancer replaces only a RemotePort that is a plain number"
    ),
    _defect(
        "F23",
        "balancer",
        "V08",
        "the balancer drops its own headers when the client's Connection names them",
    ),
    _defect("F24", "access", "V05 V07", "the leftmost X-Forwarded-For element is picked"),
    _defect("F25", "access", "V05 V07", "one balancer more is counted than there is"),
    _defect("F26", "access", "V05", "X-Real-IP is preferred to X-Forwarded-For"),
    _defect("F27", "balancer", "V08", "the balancer writes unknown into X-Forwarded-For"),
    _defect("F28", "access", "V06", "RemotePort is used although Allow RemotePort Header is off"),
    _defect("F29", "access", "V06", "RemotePort is used although no balancer ends TLS"),
    _defect("F31", "balancer", "V08", "a RemotePort in a trailer is handed on"),
    _defect("F32", "access", "V15", "the call-back goes to a balancer that is the TCP peer"),
    _defect("F33", "balancer", "V07", "RemotePort is right only while nobody else has the port"),
    _defect("F34", "access", "V05 V15", "the call-back goes to the balancer's proxy port"),
    _defect("F36", "balancer", "V11 V14", "the balancer ends TLS on the proxy port"),
    _defect(
        "F37",
        "balancer",
        "V14",
        "the balancer ends TLS on the proxy port and shows a certificate of its own",
    ),
    _defect("F44", "access", "V05", "the call-back goes to another node"),
    _defect(
        "F45", "access, cert_proxy", "V09", "the call-back goes to the external port, which answers"
    ),
    _defect("F47", "cert_proxy", "V09", "the admin port answers anybody"),
    _defect("F53", "access", "V15", "the call-back goes to any address that a header names"),
    _defect("F55", "access, cert_proxy", "V05 V19", "a redirect of the call-back is followed"),
    _defect("F57", "cert_proxy", "V15", "Destination Forced is ignored"),
    _defect("F58", "cert_proxy", "V15", "an empty allow-list allows everything"),
    _defect("F59", "cert_proxy", "V15", "the destination port is not limited to 443"),
    _defect("F60", "cert_proxy", "V15", "the address is looked up again after the check"),
    _defect("F61", "cert_proxy", "V15", "one allowed address of several is enough"),
    _defect("F63", "cert_proxy", "V15 V16", "odd numeric addresses are dialled without a check"),
    _defect("F64", "cert_proxy", "V15", "the tunnel leads to a proxy port"),
    _defect("F66", "cert_proxy", "V15", "link-local addresses need not be in the allow-list"),
    _defect("F67", "cert_proxy", "V11", "the client certificate is optional"),
    _defect(
        "F74", "cert_proxy", "V11", "the proxy connects before it knows of the client's certificate"
    ),
    _defect("F78", "access", "V01", "the email address counts before the principal name"),
    _defect(
        "F79", "cert_proxy", "V01", "the certificate of a user is stored once and never renewed"
    ),
)
