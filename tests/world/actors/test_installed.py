"""Installed certificates: in force from the next start on."""

from __future__ import annotations

from harness.world.actors.installed import InForce, Installed
from harness.world.tls.identity import Identity


def identity(name: str) -> Identity:
    """One that is told by its name."""
    return Identity(chain_pem=(name,), key_pem="key")


OLD, NEW = identity("old"), identity("new")


def test_nothing_imported() -> None:
    """The actors' own certificates stay, and nothing is told."""
    installed = Installed()

    assert installed.show("node1:443", "node1:443", now_ns=1) is None
    assert installed.in_force == ()


def test_a_start_takes_what_was_saved_before_it() -> None:
    """What is saved later waits for the next start."""
    installed = Installed()
    installed.save("node1:443", identity=OLD, expected=("aa",))
    first = installed.show("node1:443", "node1:443", now_ns=1)
    installed.save("node1:443", identity=NEW, expected=("bb",))

    assert first is OLD
    assert installed.in_force == (InForce(at="node1:443", sha256=("aa",), since_ns=1),)
    assert installed.show("node1:443", "node1:443", now_ns=2) is NEW
    assert installed.in_force[-1] == InForce(at="node1:443", sha256=("bb",), since_ns=2)


def test_a_passthrough_port_has_a_start_of_its_own() -> None:
    """With the certificate of 443."""
    installed = Installed()
    installed.save("node1:443", identity=NEW, expected=("bb",))

    assert installed.show("node1:5263", "node1:443", now_ns=5) is NEW
    assert [one.at for one in installed.in_force] == ["node1:5263"]


def test_a_refused_import_changes_nothing() -> None:
    """Neither what is shown nor what is due."""
    installed = Installed()
    installed.save("node1:443", identity=OLD, expected=("aa",))
    installed.save("node1:443", identity=None, expected=None)

    assert installed.show("node1:443", "node1:443", now_ns=1) is OLD
    assert installed.in_force[-1].sha256 == ("aa",)


def test_a_stale_service_shows_what_it_showed_first() -> None:
    """B09: although another one is due."""
    installed = Installed()
    installed.save("node1:443", identity=OLD, expected=("aa",))
    installed.show("node1:443", "node1:443", now_ns=1, is_stale=True)
    installed.save("node1:443", identity=NEW, expected=("bb",))

    assert installed.show("node1:443", "node1:443", now_ns=2, is_stale=True) is OLD
    assert installed.in_force[-1].sha256 == ("bb",)
