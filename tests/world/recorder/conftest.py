"""Fixtures for tests that need namespaces."""

from __future__ import annotations

from tests.world.private_world import diagnosis, live

__all__ = ["diagnosis", "live"]
