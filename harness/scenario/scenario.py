"""The scenario: what is built, what happens, and what is expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.scenario.certificate_import import CertificateImport
from harness.scenario.step import Step
from harness.site.model import Model
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
    http2: bool = False
    """It speaks HTTP/2 with a host that offers it."""
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

    ocsp: Literal["right", "slow", "try_later", "expired", "unknown", "other_nonce", "forged"] = (
        "right"
    )
    """Its OCSP answers: `slow` ones come too late, `try_later` is a refusal, `expired` ones hold no more, `unknown`
    knows no certificate, `other_nonce` answers another question, and `forged` ones call everything good, signed by
    somebody whom the authority has not named."""
    crl: Literal["right", "slow", "missing", "expired", "forged"] = "right"
    """Its list of revoked certificates; a `forged` one is empty, and signed by somebody else."""
    gone: bool = False
    """Nobody listens at all."""


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
