"""The hazard: a setting that is legal and probably not meant, and what it will do on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.site.problem import Path, show_path


class HazardKind(StrEnum):
    """Every hazard there is; docs/preflight.md names a scenario that proves each."""

    ACCEPT_NOBODY = "accept-nobody"
    ACCEPT_ANYBODY = "accept-anybody"
    ACCEPT_NOT_THE_BALANCER = "accept-not-the-balancer"
    HEADER_OFF = "header-off"
    HEADER_WITHOUT_TERMINATION = "header-without-termination"
    SOURCE_WITHOUT_HEADER = "source-without-header"
    INSTANCE_MISSING = "instance-missing"
    CHAIN_TOO_LONG = "chain-too-long"
    CHAIN_TOO_SHORT = "chain-too-short"
    CHAIN_BROKEN = "chain-broken"
    CLEAR_TEXT = "clear-text"
    DESTINATION_NOBODY = "destination-nobody"
    DESTINATION_ANYBODY = "destination-anybody"
    DESTINATION_NOT_THE_SERVICE = "destination-not-the-service"
    DESTINATION_SELF_SIGNED = "destination-self-signed"
    DESTINATION_BEHIND_PASSTHROUGH = "destination-behind-passthrough"
    DESTINATION_OTHER_DATA_CENTER = "destination-other-data-center"
    LIST_READ_AS_NETWORK = "list-read-as-network"
    KEYS_DIFFER = "keys-differ"
    CERT_PROXY_OFF = "cert-proxy-off"
    NODES_DIFFER = "nodes-differ"
    NO_BALANCER = "no-balancer"
    DEFAULT_CERTIFICATE = "default-certificate"
    SIGNER_UNKNOWN = "signer-unknown"
    NAME_MISSING = "name-missing"
    NODE_NAME_MISSING = "node-name-missing"
    NODES_BEHIND_ONE_ADDRESS = "nodes-behind-one-address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """One finding of the preflight."""

    kind: HazardKind
    path: Path
    """Where it stands in the site."""
    found: str
    """The value as JSON, or words such as `2 nodes`."""
    effect: str
    """What will happen on the wire."""
    remedy: str

    def __str__(self) -> str:
        """`$.cert_proxy.destination: got "localhost": ... To mend it, ... [destination-self-signed]`."""
        place = f"{show_path(self.path)}: got {self.found}"
        return f"{place}: {self.effect}. To mend it, {self.remedy} [{self.kind}]"
