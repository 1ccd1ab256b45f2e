"""The seeded defects: named switches, off unless a scenario turns them on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One fault, and who commits it.

    F15: of the catalogue (docs/kill-matrix.md). A01: against a row of the documents. V03: against a part of that
    promise which no failure of the catalogue breaks.
    """

    id: str
    title: str
    actor: str
    """`balancer`, `cert_proxy`, `access`, `device`; the last one that must err, if several do."""
    caught_by: tuple[str, ...]
    """Checks that must fail, exactly."""


def _defect(number: str, actor: str, caught_by: str, title: str) -> Defect:
    return Defect(id=number, title=title, actor=actor, caught_by=tuple(caught_by.split()))


DEFECTS: tuple[Defect, ...] = (
    _defect("A01", "cert_proxy", "V22", "a cert proxy runs where the settings have none"),
    _defect("A06", "balancer", "V08", "RemotePort is allowed, and the balancer sets none"),
    _defect("A07", "balancer", "V07", "RemotePort holds the balancer's own port"),
    _defect(
        "F01",
        "cert_proxy",
        "V01 V03",
        "the entry of an ended tunnel is found by the next one of its port",
    ),
    _defect("F02", "cert_proxy", "V02", "two tunnels of one port live at the same time"),
    _defect("F03", "cert_proxy", "V02", "an IPv4 and an IPv6 tunnel of one port live at once"),
    _defect("F04", "cert_proxy", "V02", "tunnels from two addresses of a node share a port"),
    _defect(
        "F05",
        "cert_proxy",
        "V01 V02",
        "certificates bear the name of the device's port, and two devices have the same",
    ),
    _defect(
        "F06", "cert_proxy", "V03", "the certificate is stored after the call-back has asked for it"
    ),
    _defect(
        "F07",
        "cert_proxy",
        "V01 V02",
        "a live tunnel's entry is overwritten by a later tunnel of the same port",
    ),
    _defect("F08", "cert_proxy", "V03 V23", "the entry outlives its tunnel"),
    _defect(
        "F09",
        "access, cert_proxy",
        "V04",
        "the certificate is asked for twice, and handed out twice",
    ),
    _defect(
        "F10", "cert_proxy", "V09 V10", "the admin port answers anybody, with or without a proof"
    ),
    _defect("F11", "cert_proxy", "V23", "a node keeps as many certificates as anybody likes"),
    _defect("F12", "cert_proxy", "V03 V23", "the entries outlive a restart"),
    _defect(
        "F13", "cert_proxy", "V01 V20", "a connection that a tunnel left unused serves the next one"
    ),
    _defect("F14", "cert_proxy", "V01 V03", "so many tunnels that one meets an entry left behind"),
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
    _defect("F22", "balancer", "V08", "a RemotePort with a blank before its colon is handed on"),
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
    _defect(
        "F30",
        "access, balancer",
        "V20",
        "requests share a connection, and the headers of its first count",
    ),
    _defect("F31", "balancer", "V08", "a RemotePort in a trailer is handed on"),
    _defect("F32", "access", "V15", "the call-back goes to a balancer that is the TCP peer"),
    _defect("F33", "balancer", "V07", "RemotePort is right only while nobody else has the port"),
    _defect("F34", "access", "V05 V15", "the call-back goes to the balancer's proxy port"),
    _defect(
        "F35",
        "balancer",
        "V26",
        "the balancer changes the destination of packets alone, and answers go past it",
    ),
    _defect("F36", "balancer", "V11 V14", "the balancer ends TLS on the proxy port"),
    _defect(
        "F37",
        "balancer",
        "V01 V14",
        "the balancer ends TLS on the proxy port and shows a certificate of its own",
    ),
    _defect("F38", "balancer", "V09", "the admin port is forwarded to the outside"),
    _defect("F39", "cert_proxy", "V11", "a probe without a certificate makes the proxy connect"),
    _defect("F40", "balancer", "V26", "each request of a session goes to another node"),
    _defect("F41", "balancer", "V04", "a slow request is sent again, to a second node"),
    _defect("F42", "balancer", "V14", "a PROXY preamble is written before the device's TLS"),
    _defect("F44", "access", "V05", "the call-back goes to another node"),
    _defect(
        "F45", "access, cert_proxy", "V09", "the call-back goes to the external port, which answers"
    ),
    _defect("F46", "cert_proxy", "V09 V10", "the one port there is answers anybody's call-back"),
    _defect("F47", "cert_proxy", "V09", "the admin port answers anybody"),
    _defect("F48", "access, cert_proxy", "V10 V22", "keys differ, and nobody looks"),
    _defect(
        "F49", "access, cert_proxy", "V10", "the same call-back is sent twice, and answered twice"
    ),
    _defect(
        "F50",
        "cert_proxy, access",
        "V17",
        "an impostor's certificate at the admin port is not looked at",
    ),
    _defect("F51", "cert_proxy", "V17", "the certificate of the admin port does not name the node"),
    _defect("F52", "cert_proxy", "V17", "the admin port shows the public certificate"),
    _defect("F53", "access", "V15", "the call-back goes to any address that a header names"),
    _defect("F54", "cert_proxy", "V01 V12", "a certificate is stored that nobody proved"),
    _defect("F55", "access, cert_proxy", "V05 V19", "a redirect of the call-back is followed"),
    _defect("F56", "access, cert_proxy", "V17", "the call-back goes in clear text"),
    _defect("F57", "cert_proxy", "V15", "Destination Forced is ignored"),
    _defect("F58", "cert_proxy", "V15", "an empty allow-list allows everything"),
    _defect("F59", "cert_proxy", "V15", "the destination port is not limited to 443"),
    _defect("F60", "cert_proxy", "V15", "the address is looked up again after the check"),
    _defect("F61", "cert_proxy", "V15", "one allowed address of several is enough"),
    _defect("F62", "access", "V16", "a request for another host is answered"),
    _defect("F63", "cert_proxy", "V15 V16", "odd numeric addresses are dialled without a check"),
    _defect("F64", "cert_proxy", "V15", "the tunnel leads to a proxy port"),
    _defect("F65", "access", "V26", "devices are shown a certificate that they do not know"),
    _defect("F66", "cert_proxy", "V15", "link-local addresses need not be in the allow-list"),
    _defect("F67", "cert_proxy", "V11", "the client certificate is optional"),
    _defect(
        "F68",
        "cert_proxy",
        "V11 V12",
        "a resumed session is trusted, although nobody proved a certificate in it",
    ),
    _defect(
        "F69",
        "cert_proxy, access",
        "V12 V18",
        "a session is resumed although its certificate has expired",
    ),
    _defect("F70", "cert_proxy", "V12", "a session of another node is resumed"),
    _defect("F71", "cert_proxy", "V12", "early data is acted on, also when it is sent again"),
    _defect("F72", "cert_proxy", "V13", "a renegotiation changes the certificate"),
    _defect("F73", "cert_proxy", "V13", "the certificate is asked for again, and changes"),
    _defect(
        "F74", "cert_proxy", "V11", "the proxy connects before it knows of the client's certificate"
    ),
    _defect("F75", "cert_proxy, access", "V18", "expired certificates of users are good"),
    _defect("F76", "access", "V18", "a certificate about which nobody can tell is good"),
    _defect(
        "F77", "cert_proxy, access", "V18", "certificates of any CA and for any purpose are good"
    ),
    _defect("F78", "access", "V01", "the email address counts before the principal name"),
    _defect(
        "F79", "cert_proxy", "V01", "the certificate of a user is stored once and never renewed"
    ),
    _defect("F80", "balancer", "V22", "TLS 1.1 is taken, whatever the site demands"),
    _defect("F81", "cert_proxy", "V26", "certificates of another authority are asked for"),
    _defect("F82", "balancer, access", "V08 V21", "a request with two lengths is read in two ways"),
    _defect(
        "F83", "balancer", "V08 V21", "a line break in a value of HTTP/2 becomes one of the request"
    ),
    _defect("F84", "cert_proxy", "V21", "what comes behind a CONNECT is answered as a request"),
    _defect("F85", "cert_proxy", "V21", "the answer to a CONNECT has a Content-Length"),
    _defect("F86", "cert_proxy", "V16", "other requests than CONNECT are answered"),
    _defect("F87", "cert_proxy", "V26", "the end of a request is waited for too long"),
    _defect(
        "F88",
        "cert_proxy",
        "V22",
        "what was changed and saved is not in force: services go on with their first settings",
    ),
    _defect("F89", "cert_proxy", "V22", "one node has an allow-list of its own"),
    _defect(
        "F90",
        "access",
        "V05",
        "the call-back goes to the node of the same rank in the caller's own data center",
    ),
    _defect("B03", "authority", "V26", "the authority leaves out the names of the request"),
    _defect("B04", "cert_proxy", "V22", "the import page takes any files"),
    _defect(
        "B06", "administrator", "V26", "the machine's own name is requested, not that of users"
    ),
    _defect("B09", "cert_proxy", "V22", "a restart does not take the imported certificate"),
    _defect("F91", "network", "V26", "a firewall blocks the proxy port"),
    _defect("V03", "cert_proxy", "V03", "a certificate is handed out after its lifetime"),
    _defect("V12", "cert_proxy", "V12", "a session is resumed after the lifetime of its ticket"),
    _defect("V21", "balancer, access", "V21", "a folded header line is handed on, and taken"),
)
