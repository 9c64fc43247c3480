"""How long viewers are still sent to an edge that was killed.

    python -m tests.bench.killed_edge [--edges N] [--kills N]

A real control plane, and edges that share this process: each sends a heartbeat every second and
answers what it is asked for on a port of its own. One after another is killed at a moment of its
own: its port is closed and its heartbeats stop. A viewer asks every 20 milliseconds for the ranked
edges; the time is that from the kill to the last answer that names the edge at all.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import aiohttp
from aiohttp import web

from common.messages import encode
from tests.integration.control_service import Talk
from tests.integration.fleet_service import Role
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement, heartbeat, holdings

TOKEN = "operator-token-for-measuring"
MANIFEST = b"a manifest"
LOOK_EVERY = 0.02
SETTLED = 5.0
"""Seconds before the first kill."""


@dataclass
class Edge:
    """An edge, as far as control planes see it."""

    edge_id: str
    talk: Talk
    runner: web.AppRunner | None = None
    beating: asyncio.Task[None] | None = None
    killed_at: float = 0.0
    last_named_at: float = 0.0

    async def start(self) -> None:
        (port,) = free_ports(1)
        application = web.Application()
        application.router.add_get("/{path:.*}", lambda _: _manifest())
        self.runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.0)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", port).start()
        self.beating = asyncio.create_task(self._beat(f"http://127.0.0.1:{port}"))

    async def _beat(self, url: str) -> None:
        await asyncio.sleep(random.random())
        told = holdings(self.edge_id, ("a", "1"))
        sequence = 0
        while True:
            sequence += 1
            beat = heartbeat(self.edge_id, sequence, url=url, holdings_revision=told.revision)
            await self.tell("POST", "heartbeat", encode(beat))
            if sequence == 1:
                await self.tell("PUT", "holdings", encode(told))
            await asyncio.sleep(1)

    async def tell(self, method: str, what: str, body: bytes) -> None:
        path = f"/v1/edges/{self.edge_id}/{what}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.talk.session.request(method, path, data=body, headers=headers) as answer:
            answer.raise_for_status()

    async def kill(self) -> None:
        assert self.beating is not None
        assert self.runner is not None
        self.beating.cancel()
        self.killed_at = self.last_named_at = time.monotonic()
        await self.runner.cleanup()


async def _manifest() -> web.Response:
    return web.Response(body=MANIFEST)


@dataclass
class Measured:
    """What became of the edges."""

    edges: list[Edge] = field(default_factory=list)

    async def look(self, talk: Talk) -> None:
        """Asks for ever where a viewer would be sent."""
        named = {edge.edge_id: edge for edge in self.edges}
        while True:
            async with talk.session.get("/play/a.json") as answer:
                ranked = (await answer.json())["edges"] if answer.status == 200 else []
            now = time.monotonic()
            for each in ranked:
                edge = named[each["edge_id"]]
                if edge.killed_at:
                    edge.last_named_at = now
            await asyncio.sleep(LOOK_EVERY)


@contextlib.asynccontextmanager
async def control_of(folder: Path) -> AsyncIterator[Talk]:
    (port,) = free_ports(1)
    control = Role(
        "control",
        folder,
        {
            "listen": {"port": port},
            "database": {"sqlite": str(folder / "control.sqlite")},
            "regions": [{"name": "eu", "title": "Europe", "latitude": 0.0, "longitude": 0.0}],
            "credentials": [{"name": "operator", "token": TOKEN, "roles": ["operator"]}],
        },
    )
    await control.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield Talk(session)
    finally:
        await control.kill()


async def measure(edges: int, kills: int) -> list[float]:
    """The seconds for each edge that was killed."""
    with tempfile.TemporaryDirectory() as folder:
        async with control_of(Path(folder)) as talk:
            measured = Measured([Edge(f"eu-{number}", talk) for number in range(edges)])
            for edge in measured.edges:
                await edge.start()
            digest = sha256(MANIFEST).hexdigest()
            package = encode(announcement("a", manifest_sha256=digest))
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with talk.session.post("/v1/packages", data=package, headers=headers) as answer:
                answer.raise_for_status()
            looking = asyncio.create_task(measured.look(talk))
            await asyncio.sleep(SETTLED)
            for edge in measured.edges[:kills]:
                await asyncio.sleep(0.2 + random.random() / 2)
                await edge.kill()
            await asyncio.sleep(SETTLED)
            looking.cancel()
            for edge in measured.edges[kills:]:
                await edge.kill()
            return [edge.last_named_at - edge.killed_at for edge in measured.edges[:kills]]


def main() -> None:
    """Measures, and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=40)
    parser.add_argument("--kills", type=int, default=30)
    given = parser.parse_args()
    seconds = sorted(asyncio.run(measure(given.edges, given.kills)))
    print(f"{len(seconds)} of {given.edges} edges killed; seconds until no viewer is sent to them:")
    print(f"  shortest {seconds[0]:.2f}, median {statistics.median(seconds):.2f}", end="")
    print(f", longest {seconds[-1]:.2f}")


if __name__ == "__main__":
    main()
