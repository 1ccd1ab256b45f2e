"""The certificate store of one cert proxy: certificates by the local port of the tunnel's outgoing connection.

One live tunnel owns a port (V02); a certificate is given out once (V04), and is gone when its tunnel is (V03, V23).
"""

from __future__ import annotations

from collections.abc import Callable

from harness.net.address import Address, Endpoint

LIMIT = 4096
"""Ports owned at the same time (V23: bounded)."""
NO_LIMIT = 65536
"""More than there are ports."""


class PortTakenError(Exception):
    """Another live tunnel owns this port, or there are too many tunnels."""


class CertificateStore:
    """Port to PEM chain."""

    def __init__(
        self,
        *,
        limit: int = LIMIT,
        lifetime_ns: int | None = None,
        now_ns: Callable[[], int] = lambda: 0,
        defects: frozenset[str] = frozenset(),
    ) -> None:
        """Start empty; F01 to F05, F07, F09, F14 and V03 are faults of a store."""
        self._limit = limit
        self._lifetime_ns = lifetime_ns
        self._now_ns = now_ns
        self._since_ns: dict[int, int] = {}
        self._defects = defects
        self._locals: dict[int, Address] = {}
        """Where the connection of an owned port comes from."""
        self._clients: dict[int, int] = {}
        """The port that the client of an owned port came from."""
        self._owned: dict[int, str | None] = {}

    def claim(self, local: Endpoint, chain_pem: str | None, *, client_port: int = 0) -> None:
        """Make a tunnel the owner of a port.

        Args:
            local: the local end of its outgoing connection. A call-back names the port alone, so that no other
                tunnel may have it, whatever its address.
            chain_pem: the client's certificates, leaf first; None: there is nothing to give out.
            client_port: where the client's own connection comes from: nothing to go by, unless F05 is on.

        Raises:
            PortTakenError: somebody owns it, or the store is full.
        """
        port = local.port
        if port in self._owned and self._overlooks(local):
            return
        if port in self._owned and "F07" not in self._defects:
            raise PortTakenError(f"port {port} belongs to another live tunnel")
        if len(self._owned) >= self._limit:
            raise PortTakenError(
                f"{len(self._owned)} tunnels own a port; the limit is {self._limit}"
            )
        self._locals[port] = local.address
        self._clients[port] = client_port
        self._since_ns[port] = self._now_ns()
        self._write(port, chain_pem)

    def _write(self, port: int, chain_pem: str | None) -> None:
        """Put what there is to give out where the port's tunnel finds it."""
        self._owned[port] = chain_pem
        if "F05" in self._defects:
            # The file bears the name of the client's port, and all who came from such a port have this one.
            name = self._clients[port]
            same = (one for one in self._owned if self._clients[one] == name)
            self._owned |= dict.fromkeys(tuple(same), chain_pem)

    def _overlooks(self, local: Endpoint) -> bool:
        """Whether a fault takes a port that is owned for a free one."""
        owner = self._locals[local.port]
        is_other_family = owner.version != local.address.version
        is_other_address = not is_other_family and owner != local.address
        return (
            bool({"F01", "F02", "F14"} & self._defects)
            or ("F03" in self._defects and is_other_family)
            or ("F04" in self._defects and is_other_address)
        )

    def put(self, port: int, chain_pem: str) -> None:
        """Store for an owner what was not there when it became one (F06); nothing happens when it is gone."""
        if port in self._owned:
            self._write(port, chain_pem)

    def take(self, port: int) -> str | None:
        """Give the chain out, once; None where there is none (any more)."""
        if self._is_too_old(port):
            self._write(port, None)
        chain_pem = self._owned.get(port)
        if chain_pem is not None and "F09" not in self._defects:
            self._write(port, None)
        return chain_pem

    def _is_too_old(self, port: int) -> bool:
        since_ns = self._since_ns.get(port)
        if (
            self._lifetime_ns is None
            or since_ns is None
            or port not in self._owned
            or "V03" in self._defects
        ):
            return False
        return self._now_ns() - since_ns > self._lifetime_ns

    def release(self, port: int) -> None:
        """End the ownership, and with it what was never asked for."""
        if not {"F01", "F14"} & self._defects:
            self._owned.pop(port, None)
            self._locals.pop(port, None)
            self._clients.pop(port, None)
            self._since_ns.pop(port, None)

    def copy(self) -> CertificateStore:
        """Another store with the same entries: what is on disk when a process is killed (F12)."""
        other = CertificateStore(
            limit=self._limit,
            lifetime_ns=self._lifetime_ns,
            now_ns=self._now_ns,
            defects=self._defects,
        )
        other._since_ns.update(self._since_ns)
        other._owned.update(self._owned)
        other._locals.update(self._locals)
        other._clients.update(self._clients)
        return other

    def __len__(self) -> int:
        """Number of ports owned."""
        return len(self._owned)
