"""The certificate store of one cert proxy: certificates by the local port of the tunnel's outgoing connection.

One live tunnel owns a port (V02); a certificate is given out once (V04), and is gone when its tunnel is (V03, V23).
"""

from __future__ import annotations

LIMIT = 4096
"""Ports owned at the same time (V23: bounded)."""
NO_LIMIT = 65536
"""More than there are ports."""


class PortTakenError(Exception):
    """Another live tunnel owns this port, or there are too many tunnels."""


class CertificateStore:
    """Port to PEM chain."""

    def __init__(self, *, limit: int = LIMIT, defects: frozenset[str] = frozenset()) -> None:
        """Start empty; F01, F02, F07 and F09 are faults of a store."""
        self._limit = limit
        self._defects = defects
        self._owned: dict[int, str | None] = {}

    def claim(self, port: int, chain_pem: str | None) -> None:
        """Make a tunnel the owner of a port.

        Args:
            port: the local port of its outgoing connection.
            chain_pem: the client's certificates, leaf first; None: there is nothing to give out.

        Raises:
            PortTakenError: somebody owns it, or the store is full.
        """
        if "F01" in self._defects and port in self._owned:
            return
        if "F02" in self._defects and port in self._owned:
            return
        if port in self._owned and "F07" not in self._defects:
            raise PortTakenError(f"port {port} belongs to another live tunnel")
        if len(self._owned) >= self._limit:
            raise PortTakenError(
                f"{len(self._owned)} tunnels own a port; the limit is {self._limit}"
            )
        self._owned[port] = chain_pem

    def put(self, port: int, chain_pem: str) -> None:
        """Store for an owner what was not there when it became one (F06); nothing happens when it is gone."""
        if port in self._owned:
            self._owned[port] = chain_pem

    def take(self, port: int) -> str | None:
        """Give the chain out, once; None where there is none (any more)."""
        chain_pem = self._owned.get(port)
        if chain_pem is not None and "F09" not in self._defects:
            self._owned[port] = None
        return chain_pem

    def release(self, port: int) -> None:
        """End the ownership, and with it what was never asked for."""
        if "F01" not in self._defects:
            self._owned.pop(port, None)

    def copy(self) -> CertificateStore:
        """Another store with the same entries: what is on disk when a process is killed (F12)."""
        other = CertificateStore(limit=self._limit, defects=self._defects)
        other._owned.update(self._owned)
        return other

    def __len__(self) -> int:
        """Number of ports owned."""
        return len(self._owned)
