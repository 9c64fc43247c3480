"""How soon a fleet of real processes notices what happens to it.

    python -m tests.bench.fleet [--edges N] [--kills N] [--publishes N] [--mongodb] [--write]

Control planes, an origin on a folder and edges in two regions, each a process of its own on this
machine. Measured are:

- publishes: packages that lie in the origin are announced one after another; how long until an
  edge of each region serves its entry from its cache, until one holds the whole of it (as the
  control plane's ``nearcast_publish_lag_seconds`` says), and how much longer that is than one plain
  transfer of the same bytes, which is made just before;
- kills: one edge after another is killed with all its processes, while viewers from many addresses
  ask all the time where to go; how long until the last answer that sends one there, and how long
  after its start it has its whole share again;
- joining: a new edge starts; how long until it holds all that is placed on it.

Each wait for a core is in the times, and everything here shares those that there are.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import random
import re
import statistics
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from common.messages import (
    AssetState,
    AssetView,
    DesiredChange,
    Holdings,
    Orders,
    PackageAnnouncement,
    decode,
)
from tests.faults.fleet import CLIENTS, Edge, Fleet, bearer, fleet, until
from tests.servers.databases import mongodb, redis

RESULT = Path(__file__).parent / "results" / "fleet.md"
ASSETS = 24
"""Packages that lie on the edges from the beginning."""
SIZES: Mapping[str, tuple[int, int]] = {"100 kB": (4, 25_000), "20 MB": (10, 2_000_000)}
"""Segments of a package and bytes of each."""
VIEWERS = 4
"""Viewers that ask at the same time, each from another address every time."""
LOOK_EVERY = 0.02
"""Seconds between looks at whether something has come."""
OUT_FOR = 6.0
"""Seconds that a killed edge stays away."""
LONGEST = 300.0
"""Seconds that anything takes at most."""
LATECOMER = "eu-late"
LAG = re.compile(r'nearcast_publish_lag_seconds_(count|sum)\{region="(\w+)"\} (\S+)')


@dataclass
class Measured:
    """All times, in seconds."""

    transfer: dict[str, list[float]] = field(default_factory=dict)
    entry: dict[str, list[float]] = field(default_factory=dict)
    whole: dict[str, list[float]] = field(default_factory=dict)
    beyond: dict[str, list[float]] = field(default_factory=dict)
    out: list[float] = field(default_factory=list)
    viewed: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    joined: str = ""


# Publishes.


async def transfer(here: Fleet, told: PackageAnnouncement, segments: int) -> float:
    """Seconds in which all of a package comes from the origin, one object after the other."""
    base = f"{here.origin_url}/v/{told.asset_id}/1"
    names = ["manifest.json", "main.m3u8", *(f"{number:05}.m4s" for number in range(segments))]
    began = time.perf_counter()
    for name in names:
        assert await here.status(f"{base}/{name}", **bearer(next(iter(here.edges)))) == 200
    return time.perf_counter() - began


async def lags(here: Fleet) -> list[dict[tuple[str, str], float]]:
    """What each control plane says of the times between publishes and first edges."""
    found = []
    for url in here.control_urls:
        async with here.session.get(f"{url}/metrics") as answer:
            text = await answer.text()
        found.append({(kind, region): float(value) for kind, region, value in LAG.findall(text)})
    return found


async def whole_in(here: Fleet, region: str, before: list[dict[tuple[str, str], float]]) -> float:
    """Seconds until an edge of a region had the whole of what was published after ``before``."""

    async def counted() -> list[float]:
        return [
            new["sum", region] - old.get(("sum", region), 0.0)
            for old, new in zip(before, await lags(here), strict=True)
            if new.get(("count", region), 0.0) > old.get(("count", region), 0.0)
        ]

    # Each control plane counts what its own edges tell it.
    return min(await until(counted, LONGEST))


async def serves(here: Fleet, edge: Edge, path: str, began: float) -> float:
    """Seconds until an edge serves ``path`` from its cache."""
    async with asyncio.timeout(LONGEST):
        while True:
            only = {"Cache-Control": "only-if-cached"}
            async with here.session.get(f"{edge.url}/{path}", headers=only) as answer:
                await answer.read()
                # What arrives just now is answered with too, but it is no hit.
                if answer.status == 200 and "; hit" in answer.headers["Cache-Status"]:
                    return time.perf_counter() - began
            await asyncio.sleep(LOOK_EVERY)


async def entry_in(here: Fleet, region: str, path: str, began: float) -> float:
    """Seconds until the first edge of a region does."""
    asking = [
        asyncio.create_task(serves(here, edge, path, began))
        for edge in here.edges.values()
        if edge.region == region
    ]
    done, left = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    return min(task.result() for task in done)


async def publish(here: Fleet, measured: Measured, kind: str, number: int) -> None:
    """Publishes a package, and waits until all is told of it."""
    segments, size = SIZES[kind]
    told = await here.put(f"new-{size}-{number}", segments=segments, size=size)
    plain = await transfer(here, told, segments)
    before, began = await lags(here), time.perf_counter()
    looking = [asyncio.create_task(entry_in(here, region, told.entry, began)) for region in CLIENTS]
    await here.announce(told)
    entries = await asyncio.gather(*looking)
    # Later on, other edges of the region may have told other control planes.
    await until(partial(placed_everywhere, here, told.asset_id), LONGEST)
    whole = [await whole_in(here, region, before) for region in CLIENTS]
    measured.transfer.setdefault(kind, []).append(plain)
    measured.entry.setdefault(kind, []).extend(entries)
    measured.whole.setdefault(kind, []).extend(whole)
    measured.beyond.setdefault(kind, []).extend(seconds - plain for seconds in whole)


async def placed_everywhere(here: Fleet, asset: str) -> bool:
    """Whether all edges hold an asset that should."""
    url = f"{here.url}/v1/assets/{asset}"
    async with here.session.get(url, headers=bearer("operator")) as answer:
        return decode(await answer.read(), AssetView).state is AssetState.PLACED


# Kills.


class Viewers:
    """Viewers everywhere, who ask all the time where to go."""

    def __init__(self, here: Fleet, assets: Sequence[str]) -> None:
        self._here = here
        self._assets = assets
        self.sent_at: dict[str | None, float] = {}
        """When the last answer came that sent one to an edge."""
        self.answers = 0

    async def ask(self) -> None:
        """Asks for ever."""
        while True:
            asset, network = random.choice(self._assets), random.choice([*CLIENTS.values()])
            client = f"{network}.{random.randrange(1, 255)}"
            control = random.randrange(len(self._here.control_urls))
            self.sent_at[await self._here.sent_to(asset, client, control)] = time.monotonic()
            self.answers += 1
            await asyncio.sleep(0.002)


async def has_share(here: Fleet, name: str, least: float) -> bool:
    """Whether an edge gets so much of its viewers, wherever they ask."""
    views = [await here.views(control) for control in range(len(here.control_urls))]
    return all(name in edges and edges[name].share >= least for edges in views)


async def came_back(here: Fleet, measured: Measured, edge: Edge) -> None:
    """Starts an edge that was killed, and waits until all trust it as before."""
    began = time.monotonic()
    await edge.role.start()
    await until(partial(has_share, here, edge.edge_id, 0.01), LONGEST)
    measured.viewed.append(time.monotonic() - began)
    await until(partial(has_share, here, edge.edge_id, 1.0), LONGEST)
    measured.back.append(time.monotonic() - began)


async def kill(here: Fleet, viewers: Viewers, measured: Measured, edge: Edge) -> None:
    """Kills an edge that has viewers, and waits until it has none for long."""
    name = edge.edge_id

    async def popular() -> bool:
        lately = time.monotonic() - viewers.sent_at.get(name, 0.0) < 0.5
        return lately and await has_share(here, name, 1.0)

    await until(popular, LONGEST)
    await asyncio.sleep(random.random())
    killed_at = time.monotonic()
    await edge.role.kill()
    await asyncio.sleep(OUT_FOR)
    measured.out.append(viewers.sent_at[name] - killed_at)
    print(f"  {name} was sent viewers for {measured.out[-1]:.2f} s", flush=True)


async def kills(here: Fleet, measured: Measured, assets: Sequence[str], count: int) -> None:
    """Kills edges, one region after the other; each comes back while the next is killed."""
    viewers = Viewers(here, assets)
    asking = [asyncio.create_task(viewers.ask()) for _ in range(VIEWERS)]
    turns = deque(sorted(here.edges.values(), key=lambda edge: edge.edge_id.partition("-")[2]))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                edge = turns[0]
                turns.rotate(-1)
                await kill(here, viewers, measured, edge)
                group.create_task(came_back(here, measured, edge))
    finally:
        for task in asking:
            task.cancel()
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, asyncio.CancelledError), outcome


# Joining.


async def join(here: Fleet) -> str:
    """Starts one edge more; what becomes of it."""
    edge, began = here.add_edge(LATECOMER), time.monotonic()
    await edge.role.start()
    started = time.monotonic() - began

    async def placed() -> DesiredChange | None:
        url = f"{here.url}/v1/edges/{LATECOMER}/orders"
        async with here.session.get(url, headers=bearer("operator")) as answer:
            change = decode(await answer.read(), Orders).desired
        return change if change is not None and change.packages else None

    async def held() -> Holdings | None:
        wanted = await placed()
        headers = bearer("operator")
        async with here.session.get(f"{edge.admin}/v1/holdings", headers=headers) as answer:
            found = decode(await answer.read(), Holdings)
        names = {(each.asset_id, each.version) for each in found.packages if each.complete}
        missing = not wanted or {(each.asset_id, each.version) for each in wanted.packages} - names
        return None if missing else found

    await until(placed, LONGEST)
    told = time.monotonic() - began
    found = await until(held, LONGEST)
    holds = time.monotonic() - began
    await until(partial(has_share, here, LATECOMER, 1.0), LONGEST)
    size = sum(each.bytes_total for each in found.packages) / 1e6
    return (
        f"One edge more answered after {started:.1f} s, had its packages placed on it after "
        f"{told:.1f} s, held all {len(found.packages)} of them ({size:.0f} MB) after {holds:.1f} s "
        f"and had its whole share of viewers after {time.monotonic() - began:.1f} s."
    )


# All of it.


def row(name: str, seconds: Sequence[float], unit: Callable[[float], str]) -> str:
    """A row of a table: the middle, the longest, and of how many."""
    cells = [unit(statistics.median(seconds)), unit(max(seconds)), str(len(seconds))]
    return f"| {name} | {' | '.join(cells)} |"


def report(measured: Measured) -> list[str]:
    """Lines of the report."""

    def milliseconds(seconds: float) -> str:
        return f"{1000 * seconds:.0f} ms"

    def whole_seconds(seconds: float) -> str:
        return f"{seconds:.1f} s"

    rows = ["| | p50 | max | times |", "|---|---|---|---|"]
    for kind in measured.transfer:
        rows += [
            row(f"{kind}: a plain transfer", measured.transfer[kind], milliseconds),
            row(f"{kind}: to the first edge's entry", measured.entry[kind], milliseconds),
            row(f"{kind}: to the first edge's whole", measured.whole[kind], milliseconds),
            row(f"**{kind}: that beyond the transfer**", measured.beyond[kind], milliseconds),
        ]
    if measured.out:
        rows += [
            row("**killed: to the last viewer sent there**", measured.out, milliseconds),
            row("started again: to the first viewer", measured.viewed, whole_seconds),
            row("started again: to its whole share", measured.back, whole_seconds),
        ]
    return [*rows, "", measured.joined, ""]


async def measure(given: argparse.Namespace, controls: int, besides: Mapping[str, Any]) -> Measured:
    """Runs all of it once, with control planes that have settings ``besides``."""
    regions, measured = [*CLIENTS], Measured()
    names = [f"{regions[number % 2]}-{number // 2 + 1}" for number in range(given.edges)]
    with tempfile.TemporaryDirectory() as folder:
        running = fleet(Path(folder), names, later=[LATECOMER], controls=controls, **besides)
        async with running as here:
            assets = [f"film-{number}" for number in range(ASSETS)]
            for asset in assets:
                await here.announce(await here.put(asset))
            for asset in assets:
                await until(partial(placed_everywhere, here, asset), LONGEST)
            for name in names:
                await until(partial(has_share, here, name, 1.0), LONGEST)
            for kind in SIZES:
                for number in range(given.publishes):
                    await publish(here, measured, kind, number)
                    print(f"  {kind}: {measured.whole[kind][-2:]}", flush=True)
            await kills(here, measured, assets, given.kills)
            measured.joined = await join(here)
    return measured


@contextlib.asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """The settings of control planes on many machines."""
    with mongodb(folder) as documents, redis(folder) as hints:
        yield {
            "database": {"mongodb": documents.url, "name": "fleet"},
            "redis": hints.url,
        }


async def run(given: argparse.Namespace) -> list[str]:
    """Measures with each database."""
    how = (
        "`make bench-fleet`, which `tests/bench/fleet.py` explains. Real processes on loopback: "
        f"control planes, one origin on a folder and {given.edges} edges in two regions; "
        f"{os.cpu_count()} cores that others use too (load {os.getloadavg()[2]:.0f}), "
        f"{platform.machine()}, Python {platform.python_version()}."
    )
    lines = ["# How soon a fleet notices what happens to it", "", how, ""]

    def tell(title: str, measured: Measured) -> None:
        section = [f"## {title}", "", *report(measured)]
        print("\n".join(section), flush=True)
        lines.extend(section)

    tell("One control plane on SQLite", await measure(given, 1, {}))
    if given.mongodb:
        with tempfile.TemporaryDirectory() as folder:
            async with databases(Path(folder)) as kept:
                measured = await measure(given, 2, kept)
        tell("Two control planes on MongoDB and Redis", measured)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--edges", type=int, default=6)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--publishes", type=int, default=30, help="Of each size.")
    parser.add_argument("--mongodb", action="store_true", help="With two control planes as well.")
    parser.add_argument("--write", action="store_true", help=f"Writes {RESULT.name} too.")
    given = parser.parse_args()
    lines = uvloop.run(run(given))
    if given.write:
        RESULT.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
