"""How long the feed and searches take at a million assets.

    python -m tests.bench.feed [--assets N] [--creators N] [--follows N] [--users N] [--folder F]
                               [--mongodb]

A control plane in a process of its own, on one core, over a catalog that is made first, in SQLite
(with --folder it is kept for the next time) or in a MongoDB server of its own: creators have
published by Zipf's law, half of the assets are described, edges in four regions hold some of them,
and what is watched follows Zipf's law too.
Each user follows other channels. How late the process's event loop is, is looked at every two
milliseconds, and told beside. Their pages are asked for over HTTP one after another: the first
three of each, cold, as nobody has read their metadata before, and once more, warm. A newer control
plane plans; this one answers.
"""

import argparse
import asyncio
import contextlib
import functools
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import uvloop
from aiohttp import web

from common.service import (
    CredentialSettings,
    DatabaseSettings,
    Gatekeeper,
    ListenSettings,
    Role,
)
from common.service.run import ProcessStop
from control_plane.app import main as control_plane
from control_plane.app import watching
from control_plane.planning import open_plan_store
from control_plane.settings import Settings
from deploy.up.geography import PLACES, ensure_database
from tests.bench.feed_catalog import made, words
from tests.integration.control_service import TOKENS, Talk, control_settings, listens
from tests.servers.databases import mongodb
from tests.servers.processes import free_ports

EDGES = tuple(f"{place.region}-{number}" for place in PLACES for number in (1, 2))
HELD = 5000
"""Packages that each edge holds."""
PAGES = 3
LOOKED_EVERY = 0.002
"""Seconds."""
LATE = 0.01
"""Seconds."""
LIMIT = 20


def served(database: DatabaseSettings, port: int, folder: Path) -> Settings:
    return control_settings(
        folder,
        database=database,
        listen=ListenSettings(port=port),
        geoip=(folder / "geoip.mmdb",),
        credentials=tuple(
            CredentialSettings(
                name=name,
                token=TOKENS.get(name, f"{name}-token-for-tests"),
                roles=(Role.OPERATOR if name == "operator" else Role.EDGE,),
            )
            for name in ("operator", *EDGES)
        ),
    )


def serve(database: DatabaseSettings, port: int, folder: Path, given: argparse.Namespace) -> None:
    """Is the control plane."""

    @functools.cache
    def channels(user_id: str) -> tuple[str, ...]:
        chance = random.Random(user_id)
        return tuple(f"creator-{chance.randrange(given.creators)}" for _ in range(given.follows))

    async def followed(user_id: str) -> tuple[str, ...]:
        return channels(user_id)

    def user(_: Gatekeeper, request: web.Request) -> str | None:
        return request.query.get("user")

    vars(watching).update(_no_follows=followed, _user=user)

    async def served_and_watched() -> None:
        settings = served(database, port, folder)
        async with asyncio.TaskGroup() as group:
            group.create_task(Lateness().watch())
            group.create_task(control_plane(settings, ProcessStop()))

    uvloop.run(served_and_watched())


class Lateness:
    """How late a loop is for what is due, in the process that is measured."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def watch(self) -> None:
        """Looks, for ever; SIGUSR1 has it print a line about what it saw since the last."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._say)
        while True:
            due = time.perf_counter() + LOOKED_EVERY
            await asyncio.sleep(LOOKED_EVERY)
            self._late.append(time.perf_counter() - due)

    def _say(self) -> None:
        over = sum(late > LATE for late in self._late)
        print(f"{cuts(self._late)}, {over} times more than {1000 * LATE:.0f}", flush=True)
        self._late = []


@contextlib.asynccontextmanager
async def process(
    database: DatabaseSettings, folder: Path, given: argparse.Namespace
) -> AsyncIterator[tuple[Talk, asyncio.subprocess.Process]]:
    (port,) = free_ports(1)
    began = time.monotonic()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.feed", "--serve"),
        *(database.mongodb or str(database.sqlite), str(port), "--folder", str(folder)),
        *("--follows", str(given.follows), "--creators", str(given.creators)),
        stdout=asyncio.subprocess.PIPE,
    )
    os.sched_setaffinity(child.pid, {0})
    try:
        while not await listens(port):
            assert child.returncode is None
            await asyncio.sleep(0.1)
        print(f"it listens after {time.monotonic() - began:.1f} s", flush=True)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield Talk(session), child
    finally:
        child.kill()
        await child.wait()


def memory(pid: int) -> int:
    """Mebibytes."""
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) // 1024


class Asker:
    """Asks the process. Others use this machine, too: what both sides waited for a processor (the
    second number of Linux' schedstat) is told apart."""

    def __init__(self, talk: Talk, child: asyncio.subprocess.Process) -> None:
        self._talk = talk
        self._child = child
        self._files = [Path(f"/proc/{one}/schedstat") for one in (child.pid, os.getpid())]
        self._took: list[float] = []
        self._net: list[float] = []

    def _waited(self) -> float:
        return sum(int(file.read_text().split()[1]) for file in self._files) / 1e9

    async def ask(self, path: str, name: str | None = None) -> Any:
        """The answer."""
        address = f"198.51.{random.randrange(256)}.{random.randrange(256)}"
        fields = {"X-Forwarded-For": address}
        waited, began = self._waited(), time.perf_counter()
        status, body, _ = await self._talk.call("GET", path, name, headers=fields)
        took = time.perf_counter() - began
        assert status == 200, body
        self._took.append(took)
        self._net.append(took - (self._waited() - waited))
        return body

    async def say(self, what: str) -> None:
        """Tells how long all took since it was told last, and how late the loop was."""
        took, net = cuts(self._took), cuts(self._net)
        print(
            f"{what:<38}{len(self._took):5}  {took}  with a processor of its own {net}", flush=True
        )
        print(f"{'':<38}the loop was late by {await self.late()}", flush=True)
        self._took, self._net = [], []

    async def late(self) -> str:
        """How late the process's loop was since this was asked last."""
        assert self._child.stdout is not None
        self._child.send_signal(signal.SIGUSR1)
        while not (line := await self._child.stdout.readline()).startswith(b"p50"):
            assert line
        return line.decode().strip()


def cuts(seconds: list[float]) -> str:
    found = statistics.quantiles(seconds, n=100, method="inclusive")
    told = (1000 * each for each in (found[49], found[98], max(seconds)))
    return "p50 {:5.1f} p99 {:5.1f} longest {:6.1f} ms".format(*told)


async def feeds(asker: Asker, what: str, users: Sequence[str | None]) -> None:
    for state in ("cold", "warm"):
        queries = [f"/v1/feed?limit={LIMIT}" + (f"&user={user}" if user else "") for user in users]
        pages = {query: await asker.ask(query) for query in queries}
        await asker.say(f"{what}, first pages, {state}")
        for _ in range(PAGES - 1):
            for query in queries:
                pages[query] = await asker.ask(f"{query}&cursor={pages[query]['next']}")
                assert len(pages[query]["entries"]) == LIMIT
        await asker.say(f"{what}, later pages, {state}")


async def searches(asker: Asker) -> None:
    generator = np.random.default_rng(7)
    kinds = {
        "a word": [words(generator, 1)[0] + "+" for _ in range(200)],
        "three words": ["+".join(words(generator, 3)) + "+" for _ in range(200)],
        "two letters": [words(generator, 1)[0][:2] for _ in range(200)],
        "a word and three letters": ["+".join(words(generator, 2))[:-1] for _ in range(200)],
    }
    for what, queries in kinds.items():
        for query in queries:
            await asker.ask(f"/v1/assets?limit={LIMIT}&q={query}", "operator")
        await asker.say(f"search, {what}")


async def measure(folder: Path, given: argparse.Namespace) -> None:
    with contextlib.ExitStack() as stack:
        if given.mongodb:
            server = stack.enter_context(mongodb(folder))
            database = DatabaseSettings(mongodb=server.url)
        else:
            database = DatabaseSettings(sqlite=folder / f"feed-{given.assets}.sqlite")
        await measured(database, folder, given)


async def measured(database: DatabaseSettings, folder: Path, given: argparse.Namespace) -> None:
    ensure_database(folder / "geoip.mmdb")
    await made(database, given.assets, given.creators)
    store = await open_plan_store(database)
    # Another control plane plans.
    assert await store.acquire("bench", 36_000) is not None
    TOKENS.update({edge: f"{edge}-token-for-tests" for edge in EDGES})
    async with process(database, folder, given) as (talk, child):
        chance = random.Random(1)
        for edge in EDGES:
            # With --folder, the edges of the run before are known.
            await talk.beat(edge, started_at=time.time())
            held = [(f"asset-{chance.randrange(given.assets):08}", "1") for _ in range(HELD)]
            await talk.hold(edge, *dict.fromkeys(held))
        await asyncio.sleep(6)
        print(f"it has {memory(child.pid)} MiB", flush=True)
        asker = Asker(talk, child)
        await asker.late()
        await asyncio.sleep(20)
        print(f"asked by nobody for 20 s, its loop was late by {await asker.late()}", flush=True)
        await feeds(asker, "everybody's", [None] * given.users)
        await feeds(asker, f"{given.follows} follows", [f"u{n}" for n in range(given.users)])
        await searches(asker)
        print(f"it has {memory(child.pid)} MiB", flush=True)
    await store.close()


def main() -> None:
    """Measures as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=1_000_000)
    parser.add_argument("--creators", type=int, default=100_000)
    parser.add_argument("--follows", type=int, default=1000)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--mongodb", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("DATABASE", "PORT"))
    given = parser.parse_args()
    if given.serve:
        where, port = given.serve
        is_url = where.startswith("mongodb:")
        database = (
            DatabaseSettings(mongodb=where) if is_url else DatabaseSettings(sqlite=Path(where))
        )
        serve(database, int(port), given.folder, given)
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(given.folder or Path(folder), given))


if __name__ == "__main__":
    main()
