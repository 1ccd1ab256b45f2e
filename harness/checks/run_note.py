"""The run note: what the recording harness wrote about the run into the capture (annotation `run/1`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.net.address import Address, Endpoint, parse_address
from harness.site.console import InForce
from harness.site.page import CertProxy

TAG = "run/1"


_HIDDEN = re.compile(r"\[?([0-9A-Fa-f.:]+?)\]?:([0-9]{1,5})-([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A device that shares its address with others; ports of its own tell them apart (RFC 7422)."""

    address: Address
    first_port: int
    last_port: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateInForce:
    """A server certificate that somebody imported, from the start of the service that shows it."""

    at: str
    """Machine and port, `node1:5263`."""
    sha256: tuple[str, ...]
    """Fingerprints of its chain, leaf first."""
    since_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """Facts of one run that packets cannot show."""

    mode: str
    """`namespaces`, `root namespaces`."""
    canary: bool
    """The harness committed the canary's violations."""
    complete: bool
    """The run was not interrupted."""
    devices: Mapping[Address, str] = field(default_factory=lambda: MappingProxyType({}))
    """Device names by address."""
    hidden: tuple[Hidden, ...] = ()
    """Devices behind a translated address."""
    proxy_key: bytes | None = field(default=None, repr=False)
    """The certificate-proxy key of the run, which is worth nothing after it; None: not told."""
    other_keys: Mapping[str, bytes] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    """Keys that cert proxies hold instead of that one, by the hash that the page shows."""
    settings: tuple[InForce, ...] = ()
    """What was in force from when on, beside what the site says of the beginning; in order of time."""
    user_authorities: tuple[str, ...] = ()
    """Subject key identifiers (hex) of the authorities that the site trusts for users; (): not told."""
    user_certificates: tuple[bytes, ...] = field(default=(), repr=False)
    """Their certificates (DER)."""
    user_names: tuple[bytes, ...] = field(default=(), repr=False)
    """Their distinguished names (DER), as a CertificateRequest lists them."""
    certificates: tuple[CertificateInForce, ...] = ()
    """What has to be shown since when, in that order; places without an import are not told."""

    def device(self, end: Endpoint) -> str | None:
        """The device whose end of a connection this is; None: nobody's."""
        for hidden in self.hidden:
            is_its_port = hidden.first_port <= end.port <= hidden.last_port
            if hidden.address == end.address and is_its_port:
                return hidden.name
        return self.devices.get(end.address)


def parse_run_note(text: str) -> RunNote:
    """Read the JSON of a run note; keys it does not know are left alone.

    Raises:
        ValueError: not JSON, or a key that is missing or of the wrong kind.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("brackets in brackets in brackets; expected a JSON object") from None
    if not isinstance(data, dict):
        raise ValueError(f"got {type(data).__name__}; expected a JSON object")
    mode, devices = data.get("mode"), data.get("devices", {})
    if not isinstance(mode, str):
        raise ValueError(f"mode: got {mode!r}; expected text such as 'namespaces'")
    for key in ("canary", "complete"):
        if not isinstance(data.get(key), bool):
            raise ValueError(f"{key}: got {data.get(key)!r}; expected true or false")
    if not isinstance(devices, dict) or not all(isinstance(name, str) for name in devices.values()):
        raise ValueError(f"devices: got {devices!r}; expected address (or address:port-port): name")
    secret, authorities = data.get("proxy_key"), data.get("user_authorities", [])
    if secret is not None and not isinstance(secret, str):
        raise ValueError(f"proxy_key: got {type(secret).__name__}; expected hex digits")
    if not isinstance(authorities, list) or not all(isinstance(a, str) for a in authorities):
        raise ValueError(f"user_authorities: got {authorities!r}; expected a list of hex digits")
    return RunNote(
        mode=mode,
        canary=data["canary"],
        complete=data["complete"],
        proxy_key=bytes.fromhex(secret) if secret is not None else None,
        other_keys=_read_keys(data.get("other_keys", {})),
        settings=_read_settings(data.get("settings", [])),
        user_authorities=tuple(authorities),
        user_certificates=_read_hex("user_certificates", data),
        user_names=_read_hex("user_names", data),
        certificates=_read_certificates(data.get("certificates", [])),
        devices=MappingProxyType(
            {parse_address(a): name for a, name in devices.items() if not _HIDDEN.fullmatch(a)}
        ),
        hidden=tuple(
            Hidden(
                address=parse_address(match[1]),
                first_port=int(match[2]),
                last_port=int(match[3]),
                name=name,
            )
            for match, name in ((_HIDDEN.fullmatch(a), name) for a, name in devices.items())
            if match
        ),
    )


def _read_hex(key: str, data: Mapping[str, object]) -> tuple[bytes, ...]:
    listed = data.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError(f"{key}: got {str(listed)[:80]!r}; expected a list of hex digits")
    return tuple(bytes.fromhex(one) for one in listed)


def _read_keys(data: object) -> Mapping[str, bytes]:
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data.values()):
        raise ValueError("other_keys: expected name: hex digits")
    return MappingProxyType({str(name): bytes.fromhex(key) for name, key in data.items()})


def _read_settings(data: object) -> tuple[InForce, ...]:
    if not isinstance(data, list):
        raise ValueError(f"settings: got {type(data).__name__}; expected a list")
    found: list[InForce] = []
    for entry in data:
        if not isinstance(entry, dict) or set(entry) != {"at_ns", "node", "page"}:
            raise ValueError(f"settings: got {str(entry)[:80]!r}; expected at_ns, node and page")
        at_ns, node = entry["at_ns"], entry["node"]
        if type(at_ns) is not int or not isinstance(node, str):
            raise ValueError(f"settings: got {at_ns!r}, {node!r}; expected a time and a node")
        page = CertProxy.model_validate(entry["page"])
        found.append(InForce(at_ns=at_ns, node=node, page=page))
    return tuple(sorted(found, key=lambda change: change.at_ns))


def _read_certificates(data: object) -> tuple[CertificateInForce, ...]:
    expected = "a list of objects with at, sha256 and since_ns"
    if not isinstance(data, list):
        raise ValueError(f"certificates: got {type(data).__name__}; expected {expected}")
    found = []
    for one in data:
        match one:
            case {"at": str(at), "sha256": list(sha256), "since_ns": int(since_ns)} if sha256:
                found.append(
                    CertificateInForce(at=at, sha256=tuple(map(str, sha256)), since_ns=since_ns)
                )
            case _:
                raise ValueError(f"certificates: got {one!r}; expected {expected}")
    return tuple(found)
