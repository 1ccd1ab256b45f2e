"""The scenario: what is built, what happens, and what is expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from harness.scenario.certificate_import import CertificateImport
from harness.scenario.event import ClockChange, LinkChange, NameChange, Until, Wait
from harness.site.model import Model
from harness.site.page import PageChange
from harness.site.site import Site, WrittenAddress

Segment = Literal["outside", "dmz", "inside"]


class TunnelRule(Model):
    """One device traffic rule of the Tunnel app; the first that matches decides."""

    host: str
    """Destination host name; `*.example.com` matches any one label or more before it, `*` every host."""
    action: Literal["proxy", "bypass"] = "proxy"
    """`proxy`: CONNECT through the HTTPS proxy; `bypass`: straight to the host."""
    proxy: str | None = None
    """`HOST:PORT` of the HTTPS proxy; not given: the FQDN and the first proxy port."""


class Device(Model):
    """An Android device, or `count` alike (then named NAME-1 .. NAME-count, and `{n}` in `user` is the number)."""

    user: str
    """Principal name in the user certificate, such as alice@example.com."""
    email: str | None = None
    """Email address in the user certificate. Not given: that of the user."""
    android: Annotated[int, Field(ge=7, le=13)] = 13
    """Android version, which decides what its ClientHello looks like."""
    tls: Literal["1.2", "1.3"] = "1.3"
    """The newest version it offers."""
    certificate: Literal["own", "none", "expired", "other_ca", "server_only"] = "own"
    """`own`: its user's; `none`: it shows none to the cert proxy; else out of date, of a CA that only has the right
    name, or for servers only."""
    valid_for: str | None = None
    """How long its own certificate is good from the start of the run, as in `wait`. Not given: longer than any run."""
    early_data: bool = False
    """It sends its CONNECT before its handshake with the cert proxy is over, if it can resume a session of TLS 1.3."""
    later_user: str | None = None
    """User of a second certificate that it shows on the same connection to the cert proxy: by renegotiation (TLS 1.2),
    or when it is asked again (TLS 1.3)."""
    address: WrittenAddress | None = None
    """Not given: the next free one of 203.0.113.0/24 (or 100.64.0.0/10 for more than 200; or IPv6 where the
    FQDN has no IPv4 address)."""
    behind: WrittenAddress | None = None
    """The address that others see instead (a home router's or a carrier's); devices with the same one share it.
    Simulated only."""
    count: Annotated[int, Field(ge=1, le=5000)] | None = None
    """So many devices, named NAME-1, NAME-2 and so on. Not given: one."""
    trusts_appliance: bool = False
    """Whether its user has told it to trust the authority that signs the certificates of installations."""
    tunnel: tuple[TunnelRule, ...] | None = None
    """Not given: one rule, the FQDN through the proxy; everything else goes directly."""


class Attacker(Model):
    """A hostile machine on one segment."""

    address: WrittenAddress
    """Its address; no machine shares it."""
    segment: Segment = "outside"
    """Where it stands; segments are not routed to each other."""


class Bystander(Model):
    """A machine that only listens: something that must not be reached."""

    address: WrittenAddress
    """Its address; no machine shares it."""
    segment: Segment = "inside"
    """Where it stands; segments are not routed to each other."""
    listen: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)
    """TCP ports that it answers on."""


class PortRange(Model):
    """Local ports of outgoing connections; a narrow range makes the kernel use them again soon."""

    first: Annotated[int, Field(ge=1, le=65535)]
    """The lowest."""
    last: Annotated[int, Field(ge=1, le=65535)]
    """The highest."""


class Responder(Model):
    """How the machine of `site.revocation` answers."""

    ocsp: Literal["right", "slow", "try_later", "expired", "unknown", "other_nonce"] = "right"
    """Its OCSP answers: `slow` ones come too late, `try_later` is a refusal, `expired` ones hold no more, `unknown`
    knows no certificate, and `other_nonce` answers another question."""
    crl: Literal["right", "slow", "missing", "expired"] = "right"
    """Its list of revoked certificates."""
    gone: bool = False
    """Nobody listens at all."""


class SignIn(Model):
    """A device signs in to an application."""

    device: str | tuple[str, ...]
    """Device name(s); a fleet's name means all of it, at the same time."""
    sign_in: str
    """The application."""
    requests: Annotated[int, Field(ge=1, le=1000)] = 1
    """Requests on the same connection, the sign-in included."""
    headers: dict[str, str] = {}
    """Further request headers, sent as written."""
    host: str | None = None
    """The host the device opens instead of the FQDN (`HOST` or `HOST:PORT`); the tunnel rules apply to it."""
    connect: str | None = None
    """What the device writes into its CONNECT instead of HOST:PORT, as written."""
    ends: Literal["close", "abort"] = "close"
    """How the device ends the connection afterwards: in order, or with a reset."""
    give_up_after_ms: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Milliseconds after which the device resets its connection without waiting on. Not given: it waits."""


class KeptTunnel(Model):
    """A device opens its connection to a host and keeps it for later sign-ins, or ends the one that it kept."""

    device: str
    """Device name."""
    tunnel: Literal["open", "close", "abort"]
    """`open`: as far as the TLS with the host; `close`: in order; `abort`: with a reset."""
    host: str | None = None
    """The host instead of the FQDN, as in a sign-in."""


class RawProxyRequest(Model):
    """A device sends text to the cert proxy instead of a CONNECT, and reads until the proxy ends."""

    device: str
    """Device name."""
    to_proxy: str
    """What it sends after the TLS handshake, byte for byte (in double quotes, `\\r\\n` ends a line)."""
    byte_every_ms: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Milliseconds between two bytes. Not given: all at once."""


ALL_NODES = "all"
"""Stands for every node, one after the other."""


class Revoke(Model):
    """The certificate of a device is revoked, which the machine of `site.revocation` tells from now on."""

    revoke: str
    """Device name."""


class Restart(Model):
    """A service of a node, or a balancer, is killed, which resets its connections, and started again at once."""

    restart: str
    """Name of the node or balancer, or `all` nodes."""
    service: Literal["cert_proxy", "access"] = "cert_proxy"
    """Which one of a node."""
    after_ms: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Milliseconds from the start of the step, for steps of `together`."""


class EditSettings(Model):
    """An administrator types into settings pages. Nothing is in force before it is saved."""

    edit: str
    """Name of the node or balancer, or `all` nodes."""
    page: PageChange
    """The rows that are changed."""


class SaveSettings(Model):
    """An administrator saves settings pages. Ports, certificates and keys count after a restart only."""

    save: str
    """Name of the node or balancer, or `all` nodes."""


class CloneNode(Model):
    """A node is made anew as a copy of another one: its saved page is that one's, and its services start."""

    clone: str
    """Name of the node that is copied."""
    to: str
    """Name of the node that is made."""


class ForgedRequest(Model):
    """An attacker sends a sign-in request straight to a machine."""

    attacker: str
    """Name of the attacker."""
    request: str
    """`HOST:PORT`; TLS, then GET of a sign-in target."""
    headers: dict[str, str] = {}
    """Further request headers, sent as written."""
    replay: str | None = None
    """Device whose last first flight with early data is sent again, byte for byte and instead of everything else."""
    raw: str | None = None
    """What is sent after the TLS handshake instead of the sign-in request, byte for byte."""
    byte_every_ms: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Milliseconds between two bytes of `raw`. Not given: all at once."""


class ForgedCallback(Model):
    """An attacker asks a cert proxy for a certificate."""

    attacker: str
    """Name of the attacker."""
    call_back: str
    """`HOST:PORT`."""
    port: Annotated[int, Field(ge=1, le=65535)] = 40000
    """The key asked for."""
    up_to: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Last of the keys that are tried one after the other, as long as somebody answers. Not given: `port` alone."""
    times: Annotated[int, Field(ge=1, le=100)] = 1
    """So many times, byte for byte the same."""
    key: Literal["none", "wrong", "shared"] = "none"
    """The certificate-proxy key the proof is made with."""


class Probe(Model):
    """A balancer looks whether its nodes answer: TLS to every proxy port without a certificate, ended at once."""

    probe: str
    """Name of the balancer."""


STEP_KINDS = (
    "sign_in",
    "request",
    "call_back",
    "tunnel",
    "to_proxy",
    "restart",
    "probe",
    "revoke",
    "edit",
    "save",
    "clone",
    "import_certificate",
    "wait",
    "at",
    "link",
    "look_up",
    "clock",
    "together",
)
"""The keys that tell the kinds of steps apart."""


def _find_kind(step: object) -> str | None:
    """The tag of a step; in angle brackets, so that no key of a file can look like it."""
    classes = (
        SignIn,
        ForgedRequest,
        ForgedCallback,
        KeptTunnel,
        RawProxyRequest,
        Restart,
        Probe,
        Revoke,
        EditSettings,
        SaveSettings,
        CloneNode,
        CertificateImport,
        Wait,
        Until,
        LinkChange,
        NameChange,
        ClockChange,
        Together,
    )
    for kind, cls in zip(STEP_KINDS, classes, strict=True):
        if isinstance(step, cls) or (isinstance(step, dict) and kind in step):
            return f"<{kind}>"
    return None


_BY_KIND = Discriminator(
    _find_kind,
    custom_error_type="step",
    custom_error_message="a step with a sign_in, request, call_back, tunnel, to_proxy, restart, wait and so on",
)

Action = Annotated[
    Annotated[SignIn, Tag("<sign_in>")]
    | Annotated[ForgedRequest, Tag("<request>")]
    | Annotated[ForgedCallback, Tag("<call_back>")]
    | Annotated[KeptTunnel, Tag("<tunnel>")]
    | Annotated[RawProxyRequest, Tag("<to_proxy>")]
    | Annotated[Restart, Tag("<restart>")]
    | Annotated[Probe, Tag("<probe>")]
    | Annotated[Revoke, Tag("<revoke>")]
    | Annotated[EditSettings, Tag("<edit>")]
    | Annotated[SaveSettings, Tag("<save>")]
    | Annotated[CloneNode, Tag("<clone>")]
    | Annotated[CertificateImport, Tag("<import_certificate>")]
    | Annotated[Wait, Tag("<wait>")]
    | Annotated[Until, Tag("<at>")]
    | Annotated[LinkChange, Tag("<link>")]
    | Annotated[NameChange, Tag("<look_up>")]
    | Annotated[ClockChange, Tag("<clock>")],
    _BY_KIND,
]


class Together(Model):
    """Steps that start at the same time; the next step waits for all of them."""

    together: tuple[Action, ...]
    """The steps."""


Step = Annotated[
    Annotated[SignIn, Tag("<sign_in>")]
    | Annotated[ForgedRequest, Tag("<request>")]
    | Annotated[ForgedCallback, Tag("<call_back>")]
    | Annotated[KeptTunnel, Tag("<tunnel>")]
    | Annotated[RawProxyRequest, Tag("<to_proxy>")]
    | Annotated[Restart, Tag("<restart>")]
    | Annotated[Probe, Tag("<probe>")]
    | Annotated[Revoke, Tag("<revoke>")]
    | Annotated[EditSettings, Tag("<edit>")]
    | Annotated[SaveSettings, Tag("<save>")]
    | Annotated[CloneNode, Tag("<clone>")]
    | Annotated[CertificateImport, Tag("<import_certificate>")]
    | Annotated[Wait, Tag("<wait>")]
    | Annotated[Until, Tag("<at>")]
    | Annotated[LinkChange, Tag("<link>")]
    | Annotated[NameChange, Tag("<look_up>")]
    | Annotated[ClockChange, Tag("<clock>")]
    | Annotated[Together, Tag("<together>")],
    _BY_KIND,
]


class Expect(Model):
    """What the verdict must be, exactly."""

    verdict: Literal["pass", "fail", "unknown"] = "pass"
    """All checks merged: fail over unknown over pass."""
    findings: tuple[str, ...] = ()
    """Ids of the checks that must fail, no more and no fewer."""
    signed_in: dict[str, str] | None = None
    """Device to user, exactly; a fleet's name with `{n}` in the user stands for all of it. Not given: anything goes."""


class Scenario(Model):
    """One situation."""

    scenario: str
    """One sentence: what it shows."""
    rows: tuple[str, ...] = ()
    """Rows of the requirements it shows (A01 .. C17)."""
    site: Site
    """The deployment: inline, or the name of a site file beside this one."""
    devices: dict[str, Device] = {}
    """Device name to device."""
    attackers: dict[str, Attacker] = {}
    """Attacker name to attacker."""
    bystanders: dict[str, Bystander] = {}
    """Bystander name to bystander."""
    look_ups: dict[str, tuple[WrittenAddress, ...]] = {}
    """Host name to all the addresses that a look-up gives, in order; `site.names` has one each."""
    port_ranges: dict[str, PortRange] = {}
    """Node, balancer or device name to the ports of the connections that it opens."""
    slow_sign_ins: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = {}
    """Node name to the milliseconds that its Access service takes before it asks for a certificate."""
    responder: Responder = Responder()
    """What is wrong with the answers about revocation, if anything is."""
    fresh_nodes: tuple[str, ...] = ()
    """Nodes that show nothing but the self-signed certificate of their installation, on every port."""
    certificates: tuple[CertificateImport, ...] = ()
    """Server certificates that are imported before the run begins. Not given: each place has a good one already."""
    steps: tuple[Step, ...] = ()
    """What happens, one after the other."""
    defects: tuple[str, ...] = ()
    """Ids of the faults that are switched on."""
    expect: Expect = Expect()
    """What the verdict must be."""
    time_out_ms: Annotated[int, Field(ge=100, le=60_000)] = 5000
    """How long a machine waits for another one, in milliseconds."""
    seed: Annotated[int, Field(ge=0)] = 0
    """For every choice the harness makes itself."""
