"""The choice of a wire: the kernel's where it is proven to work here, else the simulated one, and never silently."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from functools import cache
from typing import Literal

from harness.world.job import WorldError

Kind = Literal["kernel", "sim"]
Wanted = Literal["kernel", "sim", "auto"]

WORLD = "harness.world.world"
"""What the fork server imports beside the kernel wire, before the first child."""
NOT_SHOWN = "it shows no kernel's TCP, no real time and no load"
_PROOF_TIMEOUT_NS = 30_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which wire, and why."""

    kind: Kind
    reason: str = ""
    """Why it is simulated."""

    @property
    def line(self) -> str:
        """What every output begins with where the wire is simulated; empty otherwise."""
        return f"wire: simulated ({self.reason}); {NOT_SHOWN}" if self.kind == "sim" else ""


def choose(wanted: Wanted) -> Choice:
    """Decide; `auto` proves the kernel wire first, once for each process.

    Raises:
        WorldError: the kernel's was asked for, and this is no Linux.
    """
    if wanted == "kernel" and (foreign := _find_foreign()) is not None:
        raise WorldError(f"{foreign}; use --wire sim or auto")
    if wanted == "auto":
        refusal = find_refusal()
        return Choice(kind="kernel") if refusal is None else Choice(kind="sim", reason=refusal)
    return Choice(kind=wanted, reason="as asked" if wanted == "sim" else "")


def _find_foreign() -> str | None:
    """Which other system this is; None: Linux."""
    is_linux = sys.platform.startswith("linux")
    return None if is_linux else f"the kernel wire needs Linux, and this is {platform.system()}"


@cache
def find_refusal() -> str | None:
    """Why there is no kernel wire on this machine; None: there is, which has been proven by doing."""
    if (foreign := _find_foreign()) is not None:
        return foreign
    # Here and not above: these know Linux alone.
    from harness.world.wire.doctor import attempt_mode
    from harness.world.wire.namespace import Mode
    from harness.world.wire.process import PRELOAD, ChildError, run_in_child

    refusal = None
    for mode in Mode:
        try:
            attempt = run_in_child(
                attempt_mode, mode, timeout_ns=_PROOF_TIMEOUT_NS, preload=(*PRELOAD, WORLD)
            )
        except (ChildError, TimeoutError, OSError) as error:
            return f"the proof of the kernel wire failed: {error}"
        if attempt.failed is None:
            return None
        refusal = refusal or f"{attempt.mode}: cannot {attempt.failed}: {attempt.message}"
    return refusal
