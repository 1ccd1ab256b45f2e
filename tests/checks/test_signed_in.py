"""Who is signed in, by device name."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from harness.checks.signed_in import find_signed_in
from harness.site.site import Site
from tests.canary_trace import commit_canary
from tests.checks.examining import NOTE, make_case
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    ATTACKER,
    CLUSTER,
    N1,
    PASSTHROUGH,
    PIXEL,
    SINGLE,
    TraceBuilder,
)

NAMED = replace(NOTE, devices=MappingProxyType({PIXEL: "phone"}))


@pytest.mark.parametrize(
    "site", [CLUSTER, PASSTHROUGH, SINGLE], ids=["terminating", "localhost", "single"]
)
def test_the_device_is_found_behind_the_proxy(site: Site) -> None:
    """By the address of its own connection, named as the run note says; the canary is nobody."""
    builder = TraceBuilder(site)
    commit_canary(builder)
    builder.sign_in(node=N1, access=N1)

    assert dict(find_signed_in(make_case(builder, note=NAMED))) == {"phone": "alice@example.com"}


def test_the_last_success_counts_and_a_refusal_does_not() -> None:
    """A later 403 takes nothing away; another user does."""
    builder = TraceBuilder()
    builder.sign_in()
    builder.sign_in(user="bob@example.com")
    builder.sign_in(status=403)

    assert dict(find_signed_in(make_case(builder, note=NAMED))) == {"phone": "bob@example.com"}


def test_a_machine_that_is_no_device_is_told_by_its_name() -> None:
    """An attacker who was signed in must not stay unseen."""
    builder = TraceBuilder()
    builder.sign_in(device=ATTACKER, user="bob@example.com")

    assert dict(find_signed_in(make_case(builder, note=None))) == {"mallory": "bob@example.com"}


def test_a_device_that_cannot_be_found_is_left_out() -> None:
    """Without keys of L2 nobody knows whose tunnel it was."""
    builder = TraceBuilder()
    builder.sign_in()
    trace = without_keys(builder.build(), connection=2)

    assert dict(find_signed_in(make_case(trace, CLUSTER, note=NAMED))) == {}
