"""Runs ``nearcast up`` as a user does, and talks to it from outside."""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NEARCAST = Path(sys.executable).parent / "nearcast"
READY_WITHIN = 150.0
"""Seconds."""
PORTS = 30

REGION_CLIENTS = {
    "eu": "192.0.2.10",
    "us": "198.51.100.10",
    "ap": "203.0.113.10",
    "sa": "198.19.0.10",
}
"""A client's address in each region of ``nearcast up``."""


def free_port_base() -> int:
    """The first of thirty ports that are all free."""
    while True:
        base = random.randrange(20_000, 30_000, PORTS)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(base, base + PORTS):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base


@dataclass
class System:
    """A running ``nearcast up``."""

    home: Path
    process: subprocess.Popen[str]
    lines: list[str]
    """What it wrote to standard output so far."""
    errors: Path
    """The file of what it writes to standard error."""
    began: float = field(default_factory=time.monotonic)
    ready: dict[str, Any] = field(default_factory=dict)
    """The ready line."""
    seconds: float = 0.0
    """From the start to the ready line."""

    @property
    def ca(self) -> Path:
        """The local authority's certificate."""
        return Path(self.ready["ca"])

    def wait_for(self, pattern: str) -> str:
        """Reads what it writes up to the first line that ``pattern`` fits from its start."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if re.match(pattern, line):
                return line
            assert time.monotonic() - self.began < READY_WITHIN, self.lines
        pytest.fail("\n".join([*self.lines, self.errors.read_text()]))

    def wait_until_ready(self) -> None:
        """Reads what it writes up to the ready line."""
        self.ready = json.loads(self.wait_for(r"\{"))
        self.seconds = time.monotonic() - self.began
        assert self.ready["event"] == "ready"

    def kill(self) -> None:
        """Ends it as a crash would: nothing of it has a last word."""
        self.process.kill()
        self.process.wait()

    def children(self) -> dict[str, int]:
        """The process id of each role that runs, by the name of its settings."""
        found: dict[str, int] = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                words = (process / "cmdline").read_bytes().decode().split("\0")
                if "--config" in words:
                    config = Path(words[words.index("--config") + 1])
                    if config.parent == self.home / "config":
                        found[config.stem] = int(process.name)
        return found

    def interrupt(self) -> float:
        """Sends what Ctrl-C sends; the seconds until the end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        return time.monotonic() - began

    @contextlib.asynccontextmanager
    async def client(self, **headers: str) -> Any:
        """An HTTP client that trusts the local authority and nobody else."""
        context = await asyncio.to_thread(ssl.create_default_context, cafile=str(self.ca))
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            yield session

    def operator(self) -> Any:
        """An HTTP client with the operator's token."""
        return self.client(Authorization=f"Bearer {self.ready['token']}")

    async def route(self, client: str, asset: str | None = None) -> dict[str, Any]:
        """The ranked edges for a client's address."""
        async with self.client(**{"X-Forwarded-For": client}) as session:
            url = f"{self.ready['control']}/play/{asset or self.ready['asset']}.json"
            async with session.get(url) as response:
                assert response.status == 200, await response.text()
                answer: dict[str, Any] = await response.json()
                return answer

    async def listed(self, what: str) -> list[dict[str, Any]]:
        """What ingest or the control plane lists: jobs, assets, edges."""
        service = self.ready["ingest" if what == "jobs" else "control"]
        async with self.operator() as session, session.get(f"{service}/v1/{what}") as response:
            assert response.status == 200, await response.text()
            found: list[dict[str, Any]] = await response.json()
            return found

    async def location(self, client: str) -> str:
        """Where ``/play/`` redirects a client's address to."""
        async with (
            self.client(**{"X-Forwarded-For": client}) as session,
            session.get(self.ready["play"], allow_redirects=False) as response,
        ):
            assert response.status == 302
            return str(response.headers["Location"])


@contextlib.contextmanager
def started(home: Path, *arguments: str, port_base: int | None = None) -> Iterator[System]:
    """``nearcast up`` from its first moment on, until the block ends."""
    base = free_port_base() if port_base is None else port_base
    command = [str(NEARCAST), "up", "--home", str(home), "--port-base", str(base), *arguments]
    errors = home.parent / f"{home.name}.stderr"
    with errors.open("a") as output:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=output, text=True, env={**os.environ, "CI": "1"}
        )
    system = System(home, process, [], errors)
    try:
        yield system
    finally:
        if process.poll() is None:
            system.interrupt()
        assert process.stdout is not None
        process.stdout.close()


@contextlib.contextmanager
def running(home: Path, *arguments: str, port_base: int | None = None) -> Iterator[System]:
    """``nearcast up`` from its ready line on, until the block ends."""
    with started(home, *arguments, port_base=port_base) as system:
        system.wait_until_ready()
        yield system


async def until(check: Any, *, within: float = 30.0) -> None:
    """Waits until the coroutine function ``check`` answers with something true."""
    async with asyncio.timeout(within):
        while not await check():  # noqa: ASYNC110 - what is awaited happens in other processes
            await asyncio.sleep(0.1)
