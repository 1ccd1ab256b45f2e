"""The scenario: what is built, what happens, and what is expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.site.site import Model, Site, WrittenAddress

Segment = Literal["outside", "dmz", "inside"]


class TunnelRule(Model):
    """One device traffic rule of the Tunnel app (deployment.md 1.2 step 4); the first that matches decides."""

    host: str
    """Destination host name; `*.example.com` matches any one label or more."""
    action: Literal["proxy", "bypass"] = "proxy"
    proxy: str | None = None
    """`HOST:PORT` of the HTTPS proxy; None: the FQDN and the first proxy port."""


class Device(Model):
    """An Android device, or `count` alike (then named NAME-1 .. NAME-count, and `{n}` in `user` is the number)."""

    user: str
    android: Annotated[int, Field(ge=7, le=13)] = 13
    tls: Literal["1.2", "1.3"] = "1.3"
    """The newest version it offers."""
    certificate: Literal["own", "none"] = "own"
    address: WrittenAddress | None = None
    """None: the next free one of 203.0.113.0/24 (or 100.64.0.0/10 for more than 200)."""
    count: Annotated[int, Field(ge=1, le=5000)] | None = None
    tunnel: tuple[TunnelRule, ...] | None = None
    """None: one rule, the FQDN through the proxy; everything else goes directly."""


class Attacker(Model):
    """A hostile machine on one segment."""

    address: WrittenAddress
    segment: Segment = "outside"


class Bystander(Model):
    """A machine that only listens: something that must not be reached."""

    address: WrittenAddress
    segment: Segment = "inside"
    listen: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)


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


class ForgedRequest(Model):
    """An attacker sends a sign-in request straight to a machine."""

    attacker: str
    request: str
    """`HOST:PORT`; TLS, then GET of a sign-in target."""
    headers: dict[str, str] = {}


class ForgedCallback(Model):
    """An attacker asks a cert proxy for a certificate."""

    attacker: str
    call_back: str
    """`HOST:PORT`."""
    port: Annotated[int, Field(ge=1, le=65535)] = 40000
    """The key asked for."""
    key: Literal["none", "wrong", "shared"] = "none"
    """The certificate-proxy key the proof is made with."""


class Together(Model):
    """Steps that start at the same time; the next step waits for all of them."""

    together: tuple[SignIn | ForgedRequest | ForgedCallback, ...]


Step = SignIn | ForgedRequest | ForgedCallback | Together


class Expect(Model):
    """What the verdict must be, exactly."""

    verdict: Literal["pass", "fail", "unknown"] = "pass"
    findings: tuple[str, ...] = ()
    """Ids of the checks that must fail, no more and no fewer."""
    signed_in: dict[str, str] | None = None
    """Device to user, exactly; None: not stated."""


class Scenario(Model):
    """One situation."""

    scenario: str
    """One sentence: what it shows."""
    rows: tuple[str, ...] = ()
    """Rows of the requirements it shows (A01 .. C17)."""
    site: Site
    devices: dict[str, Device] = {}
    attackers: dict[str, Attacker] = {}
    bystanders: dict[str, Bystander] = {}
    steps: tuple[Step, ...] = ()
    defects: tuple[str, ...] = ()
    """Faults that are switched on (scenario/defect.py)."""
    expect: Expect = Expect()
    seed: Annotated[int, Field(ge=0)] = 0
    """For every choice the harness makes itself."""
