"""The floor under the main job: as many TLS handshakes by OpenSSL alone, on loopback, with nothing around them.

A sign-in takes four TLS sessions, one of them mutual. Here each is a connection of asyncio and `ssl` with one request
and one answer, both ends in one process: no namespaces, no tunnel, no balancer, no capture, no secrets, no verdict.
What a machine cannot do here, it cannot do there; the ratio of both says what everything else costs, on any machine.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from pathlib import Path

import trustme

SESSIONS = (True, False, False, False)
"""Of one sign-in: whether the client shows a certificate."""
_REQUEST = bytes(300)
_ANSWER = bytes(200)


def measure(transactions: int) -> float:
    """CPU milliseconds of one transaction, both ends."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(transactions, *_contexts(Path(folder))))


def _contexts(folder: Path) -> tuple[dict[bool, ssl.SSLContext], ssl.SSLContext]:
    """A server for mutual sessions and one for others, and the client of both."""
    ca = trustme.CA()
    files = []
    for name in ("server.example.com", "client.example.com"):
        file = folder / f"{name}.pem"
        ca.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(file)
        files.append(file)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_cert_chain(files[1])
    ca.configure_trust(client)
    servers = {}
    for is_mutual in (True, False):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(files[0])
        server.num_tickets = 0
        if is_mutual:
            ca.configure_trust(server)
            server.verify_mode = ssl.CERT_REQUIRED
        servers[is_mutual] = server
    return servers, client


async def _measure(
    transactions: int, servers: dict[bool, ssl.SSLContext], client: ssl.SSLContext
) -> float:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(_REQUEST))
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()

    listeners = {
        is_mutual: await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        for is_mutual, context in servers.items()
    }

    async def sign_in() -> None:
        for is_mutual in SESSIONS:
            port = listeners[is_mutual].sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=client, server_hostname="server.example.com"
            )
            writer.write(_REQUEST)
            await reader.readexactly(len(_ANSWER))
            writer.close()
            await writer.wait_closed()

    await sign_in()
    before = time.process_time()
    for _ in range(transactions):
        await sign_in()
    spent = time.process_time() - before
    for listener in listeners.values():
        listener.close()
    return spent / transactions * 1000


if __name__ == "__main__":
    print(f"{'floor: four sessions by OpenSSL, CPU of both ends':<58} {measure(200):13.1f} ms")
