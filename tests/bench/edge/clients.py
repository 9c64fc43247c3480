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
import select
import socket
import ssl
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

AT_ONCE = 100
"""Connections that are opened at the same time."""
PER_ADDRESS = 2000
"""Connections from one address of the loopback network."""


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's own classes.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            self.begun.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(exc or EOFError())

    def ask(self, url: str) -> None:
        self.transport.write(request(url))


def request(url: str) -> bytes:
    """A plain request for ``url``."""
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


def own_address(number: int) -> tuple[str, int]:
    """Where connection ``number`` comes from."""
    return f"127.0.0.{2 + number // PER_ADDRESS}", 0


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
            _, client = await loop.create_connection(
                Client, host, port, ssl=context, local_addr=own_address(number)
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


def wait(url: str, count: int) -> None:
    """Reads as little as can be: what this does takes time that is counted as the server's."""
    parts = urlsplit(url)
    waiting: dict[int, socket.socket] = {}
    poll = select.epoll()
    for number in range(count):
        one = socket.create_connection(
            (parts.hostname or "", parts.port or 80), source_address=own_address(number)
        )
        one.sendall(request(url))
        one.setblocking(False)
        waiting[one.fileno()] = one
        poll.register(one, select.EPOLLIN | select.EPOLLONESHOT)
    came: list[float] = []
    heads: list[bytes] = []
    while len(came) < count:
        ready = poll.poll(maxevents=count)
        # Of all in one go: so late at most were they there.
        now = time.monotonic()
        for file, _ in ready:
            heads.append(waiting[file].recv(2000))
            came.append(now)
    sent = re.search(rb"Sent-At: ([\d.]+)", heads[0])
    assert sent is not None
    assert all(head.startswith(b"HTTP/1.1 200 ") for head in heads)
    print(json.dumps([moment - float(sent[1]) for moment in came]))


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    what, where, how_many = sys.argv[1:]
    if what == "wait":
        wait(where, int(how_many))
    else:
        uvloop.run(idle(where, int(how_many)))
