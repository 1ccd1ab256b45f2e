"""Target: one thing to be fuzzed. Choices grow a material, the material is checked; what breaks is kept as material.

A material stands for itself: it holds everything that its check needs, and no key or name that changes from run to run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fuzz.choices import Choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is fuzzed, and how."""

    name: str
    """Lower-case words joined by `_`; begins the name of a found case."""
    promise: str
    """What must hold, in one sentence."""
    grow: Callable[[Choices], bytes]
    """From choices to the material."""
    check: Callable[[bytes], None]
    """Raises whatever is wrong: AssertionError for a broken property, or what the code under test raised."""
    max_size: int = 4096
    """Bytes of choices."""
    is_guided: bool = True
    """False: the work is in few branches, or in compiled code, and counting branches only makes it slower."""
    patience_s: float = 2.0
    """Processor seconds that any material may take; each byte pays for more (bound.PER_BYTE_S)."""
