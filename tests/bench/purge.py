"""How soon a purge is carried out by all edges: a real control plane, and edges in one process.

    python -m tests.bench.purge [--edges N] [--purges N] [--stores N] [--soft] [--mongodb]

`nearcast control` runs as a process of its own. Edges wait for orders with a long poll, send a
heartbeat each second, carry purges out and ask again, which is their acknowledgement. The first of
them note purges in real caches, synced to the disk; the others only keep the number, as a hundred
disks in one machine would not be a hundred machines' disks. Purges come one after another; then
a storm of 5,000 from 64 connections; then an edge that was away since the first.
"""

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from common.clock import SystemClock
from common.messages import OrderedPurges, Orders, PurgeView, decode, encode
from edge.fill import Purges
from edge.store import Cache
from tests.integration.fleet_service import Role
from tests.servers.databases import mongodb
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import heartbeat

OPERATOR = "operator-token-for-benchmarks"
STORM = 5000
CONNECTIONS = 64
PAUSE = 0.02
"""Seconds between purges."""
RESULT = Path(__file__).parent / "results" / "purge.md"


def token(edge_id: str) -> str:
    return f"token-for-benchmarks-of-{edge_id}"


class CursorOnly:
    """Carries purges out by remembering how far they go."""

    cursor = 0

    async def apply(self, orders: OrderedPurges) -> None:
        """Takes them for done."""
        self.cursor = orders.head if orders.lost else orders.since + len(orders.purges)


class Edge:
    """What of an edge has to do with purges."""

    def __init__(
        self, session: aiohttp.ClientSession, name: str, purges: Purges | CursorOnly
    ) -> None:
        self.name = name
        self.purges = purges
        self.done_at: dict[int, float] = {}
        """When each purge was carried out."""
        self._session = session
        self._headers = {"Authorization": f"Bearer {token(name)}"}

    async def beat(self) -> None:
        """Sends heartbeats for ever."""
        sequence = 0
        while True:
            sequence += 1
            beat = heartbeat(self.name, sequence, purges=self.purges.cursor)
            url = f"/v1/edges/{self.name}/heartbeat"
            async with self._session.post(url, data=encode(beat), headers=self._headers) as answer:
                assert answer.status == 200, await answer.text()
            await asyncio.sleep(1)

    async def follow(self, *, upto: int | None = None) -> None:
        """Carries purges out, for ever or up to a number."""
        known = {"desired": 0, "removals": 0, "neighbours": 0}
        while upto is None or self.purges.cursor < upto:
            query = {**known, "purges": self.purges.cursor, "wait": 25}
            url = f"/v1/edges/{self.name}/orders"
            async with self._session.get(url, params=query, headers=self._headers) as answer:
                assert answer.status == 200, await answer.text()
                orders = decode(await answer.read(), Orders)
            if orders.desired is not None:
                known["desired"] = orders.desired.revision
            if orders.removals is not None:
                known["removals"] = orders.removals.revision
            if orders.neighbours is not None:
                known["neighbours"] = orders.neighbours.revision
            if orders.purges is not None:
                before = self.purges.cursor
                await self.purges.apply(orders.purges)
                now = time.perf_counter()
                self.done_at.update(dict.fromkeys(range(before + 1, self.purges.cursor + 1), now))


def processor_seconds(pid: int) -> float:
    """The processors' time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def control(
    folder: Path, names: Sequence[str], database: dict[str, str]
) -> AsyncIterator[tuple[str, int]]:
    """A control plane as a process; its URL and its number."""
    (port,) = free_ports(1)
    credentials: list[dict[str, Any]] = [
        {"name": "operator", "token": OPERATOR, "roles": ["operator"]},
        *({"name": name, "token": token(name), "roles": ["edge"]} for name in names),
    ]
    settings: dict[str, Any] = {
        "listen": {"port": port},
        "database": database,
        "regions": [{"name": "eu", "title": "Europe", "latitude": 50.0, "longitude": 9.0}],
        "credentials": credentials,
        "log_level": "warning",
    }
    role = Role("control", folder, settings)
    await role.start()
    try:
        assert role._process is not None
        yield f"http://127.0.0.1:{port}", role._process.pid
    finally:
        await role.kill()


@asynccontextmanager
async def store_in(folder: Path) -> AsyncIterator[Purges]:
    """What follows purges with a real cache."""
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 30, memory_budget=0)
    try:
        yield Purges(cache, SystemClock(), taken=lambda: None)
    finally:
        await cache.close()


class Operator:
    """Who purges."""

    def __init__(self, session: aiohttp.ClientSession, *, soft: bool) -> None:
        self._session = session
        self._soft = soft

    async def purge(self, number: int, *, wait: int) -> PurgeView:
        """Purges an object; the purge as it is then, or once all edges have done it."""
        body = {"url": f"/v/a/1/x/{number:08}.m4s", "soft": self._soft}
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        async with self._session.post(
            f"/v1/purges?wait={wait}", json=body, headers=headers
        ) as answer:
            assert answer.status == 202, await answer.text()
            return decode(await answer.read(), PurgeView)

    async def until_known(self, edges: int) -> None:
        """Waits until the control plane has heard of all edges."""
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        while True:
            async with self._session.get("/v1/edges", headers=headers) as answer:
                if len(await answer.json()) == edges:
                    return
            await asyncio.sleep(0.1)


def line(name: str, seconds: list[float]) -> str:
    """A row of the table of times, in milliseconds."""
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    cells = [hundredths[49], hundredths[89], hundredths[98], max(seconds)]
    return f"| {name} | {' | '.join(f'{1000 * cell:.1f}' for cell in cells)} |"


async def one_by_one(operator: Operator, edges: list[Edge], purges: int) -> list[str]:
    """Purges one after another; rows of the table."""
    carried: list[float] = []
    told: list[float] = []
    everywhere: list[float] = []
    for number in range(purges):
        began = time.perf_counter()
        view = await operator.purge(number, wait=30)
        ended = time.perf_counter()
        assert view.state.value == "done", view
        everywhere.append(ended - began)
        carried += [edge.done_at[view.sequence] - began for edge in edges]
        told += [
            each.confirmed_at - view.created_at
            for each in view.edges
            if each.confirmed_at is not None
        ]
        await asyncio.sleep(PAUSE)
    return [
        line("carried out, each edge", carried),
        line("acknowledged, each edge", told),
        line("**acknowledged by all edges**", everywhere),
    ]


async def storm(operator: Operator, edges: list[Edge]) -> tuple[float, float, int]:
    """Seconds until all purges of a storm were taken, and until all edges have done the last."""
    waiting = iter(range(STORM))
    views: list[PurgeView] = []

    async def ask() -> None:
        views.extend([await operator.purge(number, wait=0) for number in waiting])

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    taken = time.perf_counter() - began
    last = max(view.sequence for view in views)
    while not all(last in edge.done_at for edge in edges):  # noqa: ASYNC110 - they are looked at
        await asyncio.sleep(0.005)
    done = max(edge.done_at[last] for edge in edges) - began
    return taken, done, last


async def measure(given: argparse.Namespace, kind: str, database: dict[str, str]) -> list[str]:
    """Runs all of it; lines of the report."""
    names = [f"eu-{number}" for number in range(given.edges)]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, pid = await stack.enter_async_context(control(folder, [*names, "eu-late"], database))
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(60))
        )
        operator = Operator(session, soft=given.soft)
        edges = []
        for number, name in enumerate(names):
            purges: Purges | CursorOnly = CursorOnly()
            if number < given.stores:
                purges = await stack.enter_async_context(store_in(folder / name))
            edges.append(Edge(session, name, purges))
        tasks = [asyncio.create_task(edge.beat()) for edge in edges]
        tasks += [asyncio.create_task(edge.follow()) for edge in edges]
        try:
            await operator.until_known(len(edges))
            await operator.purge(0, wait=30)
            used = processor_seconds(pid)
            rows = await one_by_one(operator, edges, given.purges)
            each = 1000 * (processor_seconds(pid) - used) / given.purges
            used = processor_seconds(pid)
            taken, done, last = await storm(operator, edges)
            storming = processor_seconds(pid) - used
            late = Edge(session, "eu-late", await stack.enter_async_context(store_in(folder / "l")))
            began = time.perf_counter()
            await late.follow(upto=last)
            caught_up = time.perf_counter() - began
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, asyncio.CancelledError), outcome
    cost = (
        f"The control plane used {each:.1f} ms of one core for each purge, heartbeats included, "
        f"and {storming:.1f} s for the storm below: where others use the machine too, waiting for "
        "a core is the rest of these times."
    )
    stormy = (
        f"A storm of {STORM:,} purges from {CONNECTIONS} connections was taken in {taken:.2f} s "
        f"({STORM / taken:,.0f} a second), and carried out by all edges after {done:.2f} s."
    )
    back = (
        f"An edge that was away for {last:,} purges, with a real cache, caught up in "
        f"{caught_up:.2f} s."
    )
    head = "| from the request, milliseconds | p50 | p90 | p99 | max |"
    return [
        f"## {kind}",
        "",
        head,
        "|---|---|---|---|---|",
        *rows,
        "",
        cost,
        "",
        stormy,
        "",
        back,
        "",
    ]


async def run(given: argparse.Namespace) -> list[str]:
    """Measures with each database."""
    how = (
        "`make bench-purge`, which `tests/bench/purge.py` explains. One control plane and "
        f"{given.edges} edges in another process, {given.stores} of them with real caches; "
        f"{given.purges} {'soft' if given.soft else 'hard'} purges one after another, on "
        f"{os.cpu_count()} cores that others use too, {platform.machine()}, Python "
        f"{platform.python_version()}."
    )
    report = ["# How soon a purge is carried out by all edges", "", how, ""]
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name) / "control.sqlite")
        report += await measure(given, "SQLite", {"sqlite": path})
        if given.mongodb:
            with mongodb(Path(name)) as server:
                report += await measure(given, "MongoDB", {"mongodb": server.url, "name": "purges"})
    return report


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--edges", type=int, default=100)
    parser.add_argument("--purges", type=int, default=300)
    parser.add_argument("--stores", type=int, default=10)
    parser.add_argument("--soft", action="store_true")
    parser.add_argument("--mongodb", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"Writes {RESULT.name} too.")
    given = parser.parse_args()
    report = "\n".join(uvloop.run(run(given))).rstrip() + "\n"
    print(report)
    if given.write:
        RESULT.write_text(report)


if __name__ == "__main__":
    main()
