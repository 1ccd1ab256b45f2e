"""Steps: what can happen in a scenario, one class a kind. The key `kind` in a file tells which."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import Discriminator, Field, Tag

from harness.scenario.certificate_import import CertificateImport
from harness.scenario.event import ClockChange, LinkChange, NameChange, Until, Wait
from harness.site.model import Model
from harness.site.page import PageChange


class SignIn(Model):
    """A device signs in to an application."""

    kind: ClassVar[str] = "sign_in"

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

    kind: ClassVar[str] = "tunnel"

    device: str
    """Device name."""
    tunnel: Literal["open", "close", "abort"]
    """`open`: as far as the TLS with the host; `close`: in order; `abort`: with a reset."""
    host: str | None = None
    """The host instead of the FQDN, as in a sign-in."""


class RawProxyRequest(Model):
    """A device sends text to the cert proxy instead of a CONNECT, and reads until the proxy ends."""

    kind: ClassVar[str] = "to_proxy"

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

    kind: ClassVar[str] = "revoke"

    revoke: str
    """Device name."""


class Restart(Model):
    """A service of a node, or a balancer, is killed, which resets its connections, and started again at once."""

    kind: ClassVar[str] = "restart"

    restart: str
    """Name of the node or balancer, or `all` nodes."""
    service: Literal["cert_proxy", "access"] = "cert_proxy"
    """Which one of a node."""
    after_ms: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Milliseconds from the start of the step, for steps of `together`."""


class EditSettings(Model):
    """An administrator types into settings pages. Nothing is in force before it is saved."""

    kind: ClassVar[str] = "edit"

    edit: str
    """Name of the node or balancer, or `all` nodes."""
    page: PageChange
    """The rows that are changed."""


class SaveSettings(Model):
    """An administrator saves settings pages. Ports, certificates and keys count after a restart only."""

    kind: ClassVar[str] = "save"

    save: str
    """Name of the node or balancer, or `all` nodes."""


class CloneNode(Model):
    """A node is made anew as a copy of another one: its saved page is that one's, and its services start."""

    kind: ClassVar[str] = "clone"

    clone: str
    """Name of the node that is copied."""
    to: str
    """Name of the node that is made."""


class ForgedRequest(Model):
    """An attacker sends a sign-in request straight to a machine."""

    kind: ClassVar[str] = "request"

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
    tls: Literal["1.1", "1.2", "1.3"] = "1.3"
    """The newest TLS version it offers; `1.1` is the only one then."""
    byte_every_ms: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Milliseconds between two bytes of `raw`. Not given: all at once."""


class ForgedCallback(Model):
    """An attacker asks a cert proxy for a certificate."""

    kind: ClassVar[str] = "call_back"

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

    kind: ClassVar[str] = "probe"

    probe: str
    """Name of the balancer."""


Action = (
    SignIn
    | ForgedRequest
    | ForgedCallback
    | KeptTunnel
    | RawProxyRequest
    | Restart
    | Probe
    | Revoke
    | EditSettings
    | SaveSettings
    | CloneNode
    | CertificateImport
    | Wait
    | Until
    | LinkChange
    | NameChange
    | ClockChange
)


def _tag(step: object) -> str | None:
    """The tag of a step; in angle brackets, so that no key of a file can look like it."""
    for kind in (*get_args(Action), Together):
        if isinstance(step, kind) or (isinstance(step, dict) and kind.kind in step):
            return f"<{kind.kind}>"
    return None


def _told_by_key(*kinds: Any) -> Any:
    """The union of these kinds for pydantic, which looks at the key alone to find the one that is meant."""
    return Annotated[
        reduce(or_, (Annotated[kind, Tag(f"<{kind.kind}>")] for kind in kinds)),
        Discriminator(
            _tag,
            custom_error_type="step",
            custom_error_message="a step with a sign_in, request, call_back, tunnel, to_proxy, restart, wait and so on",
        ),
    ]


if TYPE_CHECKING:
    _Action = Action
else:
    _Action = _told_by_key(*get_args(Action))


class Together(Model):
    """Steps that start at the same time; the next step waits for all of them."""

    kind: ClassVar[str] = "together"

    together: tuple[_Action, ...]
    """The steps."""


if TYPE_CHECKING:
    Step = Action | Together
else:
    Step = _told_by_key(*get_args(Action), Together)

STEP_KINDS = (*(kind.kind for kind in get_args(Action)), Together.kind)
"""The keys that tell the kinds of steps apart."""
