"""Clients that wrk cannot be: thousands that are idle, and a thousand that wait for one object.

    python -m tests.bench.edge.clients idle URL COUNT
    python -m tests.bench.edge.clients wait URL COUNT

``idle`` opens connections, asks once on each, prints ``open`` and holds them until its input ends.
``wait`` prints a JSON list: for each viewer, seconds from the origin's first byte to its own.
"""

import asyncio
import json
import re
import resource
import ssl
import sys
import time
from urllib.parse import urlsplit

import uvloop

AT_ONCE = 100
"""Connections that are opened at the same time."""
PER_ADDRESS = 2000
"""Connections from one address of the loopback network."""


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.first = 0.0
        self.head = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            self.first = time.monotonic()
            self.head = data[:2000]
            self.begun.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(exc or EOFError())

    def ask(self, url: str) -> None:
        parts = urlsplit(url)
        head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
        self.transport.write(head.encode())  # type: ignore[attr-defined] # uvloop's own


async def connect(url: str, count: int) -> list[Client]:
    """``count`` connections."""
    parts = urlsplit(url)
    context = None
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    loop, host, port = asyncio.get_running_loop(), parts.hostname or "", parts.port or 443
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Client:
        async with turns:
            address = (f"127.0.0.{2 + number // PER_ADDRESS}", 0)
            _, client = await loop.create_connection(
                Client, host, port, ssl=context, local_addr=address
            )
            return client

    return list(await asyncio.gather(*map(one, range(count))))


async def idle(url: str, count: int) -> None:
    clients = await connect(url, count)
    for client in clients:
        client.ask(url)
        await client.begun
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)


async def wait(url: str, count: int) -> None:
    clients = await connect(url, count)
    for client in clients:
        client.ask(url)
    await asyncio.gather(*(client.begun for client in clients))
    sent = re.search(rb"Sent-At: ([\d.]+)", clients[0].head)
    assert sent is not None
    print(json.dumps([client.first - float(sent[1]) for client in clients]))


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run({"idle": idle, "wait": wait}[sys.argv[1]](sys.argv[2], int(sys.argv[3])))
