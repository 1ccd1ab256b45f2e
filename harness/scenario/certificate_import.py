"""The import of a server certificate: where, which files, and what is wrong with them."""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.site.model import Model

Fault = Literal[
    "wrong_order",
    "missing_intermediate",
    "duplicate",
    "expired",
    "no_begin_tag",
    "no_end_tag",
    "key_in_chain",
    "no_key",
    "pkcs8_key",
    "encrypted_key",
    "foreign_key",
    "wrong_password",
    "no_password",
]
PEM_ONLY = frozenset(
    {
        "wrong_order",
        "duplicate",
        "no_begin_tag",
        "no_end_tag",
        "key_in_chain",
        "no_key",
        "pkcs8_key",
        "encrypted_key",
    }
)
PFX_ONLY = frozenset({"wrong_password", "no_password"})
AT_BALANCERS = frozenset({"missing_intermediate"})
"""Faults that a balancer, which has no import page, loads and serves."""


class CertificateImport(Model):
    """An administrator has a server certificate signed and imports it; services show it from their next start on."""

    kind: ClassVar[str] = "import_certificate"

    import_certificate: str | tuple[str, ...]
    """`MACHINE:PORT`, or several: `vip:443`, `node1:443` (also for passthrough ports), `node1:5262`."""
    names: tuple[str, ...] = ()
    """Its names, the common name first. Not given: those that the place needs."""
    signed_by: Literal["public", "stranger", "itself"] = "public"
    """A public authority by way of an intermediate one; an authority that nobody knows; or its own key."""
    root: bool = False
    """Whether the file holds the root, too."""
    file: Literal["pem", "pfx"] = "pem"
    """Chain and key as PEM, or both in a PFX with a password."""
    fault: Fault | None = None
    """What is wrong with the files, so that the page refuses them and the old certificate stays. Not given: nothing."""
    valid_for: str = "30d"
    """How long it is valid from the import on: `90s`, `2h`, `30d`."""

    @property
    def places(self) -> tuple[str, ...]:
        """Where it is imported."""
        at = self.import_certificate
        return (at,) if isinstance(at, str) else at
