"""Real edges in two regions, each on a host of its own, an origin behind them, and two control
planes over MongoDB and Redis before them."""

import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import tomli_w

from common.messages import EdgePurgeState, EdgeState, PurgeState, PurgeView, decode
from deploy.up.geography import ensure_database
from origin.store import StoreSettings, open_store
from tests.faults.control_planes import PORT, Machines, machines
from tests.faults.fleet import CLIENTS, Fleet, bearer, regions, token, until
from tests.faults.network import network
from tests.faults.viewers import Purged, Viewers, watching
from tests.servers.processes import stop

EDGES = ("eu-1", "eu-2", "us-1", "us-2")
CONTROLS = ("one", "two")
FILM = "film"
SEGMENTS = 200
"""Of the film."""
PURGED_WITHIN = 10
"""Seconds that whoever purges waits for all edges."""
NUMBERS = itertools.count()
"""Of the segments, in the order in which they are purged."""


def planes(edge: str) -> tuple[str, str]:
    """The control plane that an edge asks first, and the other: in each region both are first."""
    first, second = CONTROLS if edge.endswith("1") else reversed(CONTROLS)
    return first, second


class Hosts:
    """The origin and the edges beside both control planes."""

    def __init__(self, here: Machines) -> None:
        self.machines = here
        self.published: list[str] = []
        """Besides the film."""
        self.network = here.network
        self.folder = here.folder
        self.urls = {name: self._url(name) for name in EDGES}

    def _url(self, host: str) -> str:
        return f"http://{self.network.addresses[host]}:{PORT}"

    def start(self) -> None:
        """Starts them."""
        settings = {
            "store": {"folder": str(self.folder / "objects")},
            "credentials": [
                {"name": name, "token": token(name), "roles": ["edge"]} for name in EDGES
            ],
        }
        self._start("origin", "origin", settings)
        for name in EDGES:
            self._start(name, "edge", self._edge(name))

    def _start(self, host: str, role: str, settings: dict[str, Any]) -> None:
        listen = {"host": self.network.addresses[host], "port": PORT}
        config = self.folder / f"{host}.toml"
        config.write_text(tomli_w.dumps({"listen": listen, **settings}))
        command = (sys.executable, "-m", "deploy", role, "--config", str(config))
        self.machines.start(host, host, *command)

    def _edge(self, name: str) -> dict[str, Any]:
        first, second = planes(name)
        return {
            "edge_id": name,
            "region": name.partition("-")[0],
            "url": self.urls[name],
            "cache_folder": str(self.folder / name / "cache"),
            "origin": {"url": self._url("origin"), "token": token(name)},
            "control": {"url": self.machines.url(first), "token": token(name)},
            "control_fallbacks": [self.machines.url(second)],
            "memory": "16MiB",
            "disk": "1GiB",
            "drain_seconds": 1.0,
        }

    def end(self) -> None:
        """Ends the edges, all at once."""
        processes = [self.machines.processes.pop(name) for name in EDGES]
        for process in processes:
            process.terminate()
        for process in processes:
            stop(process)

    def states(self) -> list[tuple[str, str, str]]:
        """Each change of an edge's state: the control plane that told it, the edge, the state."""
        return [
            (control, told["edge"], told["state"])
            for control in CONTROLS
            for told in self.machines.told(control, "edge")
        ]


@contextlib.contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """All of it, in networks of its own."""
    with network("db", "redis", *CONTROLS, "origin", *EDGES) as made:
        ensure_database(folder / "geoip.mmdb")
        with machines(made, folder, **_control(folder)) as here:
            running = Hosts(here)
            running.start()
            try:
                yield running
            finally:
                running.end()


def _control(folder: Path) -> dict[str, Any]:
    """What the control planes' settings have besides or instead."""
    roles = {"operator": "operator", "ingest": "ingest", **dict.fromkeys(EDGES, "edge")}
    return {
        "credentials": [
            {"name": name, "token": token(name), "roles": [role]} for name, role in roles.items()
        ],
        "regions": regions(),
        "geoip": [str(folder / "geoip.mmdb")],
        "trusted_proxies": ["10.0.0.0/8"],
    }


@dataclass
class Life:
    """What is said to a fleet while its networks break."""

    here: Hosts
    fleet: Fleet
    viewers: Viewers
    purges: list[PurgeView] = field(default_factory=list)
    """Those that were done in time."""

    async def purge(self) -> None:
        """Purges one segment after the other, at the control planes in turn, for ever."""
        for number, url in zip(NUMBERS, itertools.cycle(self.fleet.control_urls), strict=False):
            path = f"/v/{FILM}/1/{number % SEGMENTS:05}.m4s"
            asked_at = time.monotonic()
            view = await self._purged(f"{url}/v1/purges?wait={PURGED_WITHIN}", path)
            if view.state is PurgeState.DONE:
                self.purges.append(view)
                self.viewers.purged.append(Purged(path, asked_at))
            await asyncio.sleep(0.1)

    async def _purged(self, url: str, path: str) -> PurgeView:
        asked = {"url": path, "soft": False}
        async with self.fleet.session.post(url, json=asked, headers=bearer("operator")) as answer:
            assert answer.status == 202, await answer.text()
            return decode(await answer.read(), PurgeView)

    async def publish(self) -> None:
        """Publishes one more asset."""
        asset = f"new-{next(NUMBERS)}"
        await self.fleet.announce(await self.fleet.put(asset))
        self.here.published.append(asset)

    async def purges_more(self, count: int = 5) -> None:
        """Waits for some more purges that are done."""
        least = len(self.purges) + count

        async def more() -> bool:
            return len(self.purges) >= least

        await until(more)

    async def served(self, edge: str) -> bool:
        """Whether a viewer who is on an edge still gets all of the film from there."""
        paths = ["main.m3u8", *(f"{number:05}.m4s" for number in range(0, SEGMENTS, 50))]
        url = f"{self.here.urls[edge]}/v/{FILM}/1"
        return {await self.fleet.status(f"{url}/{path}") for path in paths} == {200}

    def settled(self, edges: Sequence[str] = EDGES) -> Callable[[], Awaitable[bool]]:
        """Tells whether both control planes find that ``edges`` are up, hold everything that was
        published and have done everything that was purged until now."""
        head = max((purge.sequence for purge in self.purges), default=0)

        async def check() -> bool:
            for number in range(len(CONTROLS)):
                views = await self.fleet.views(number)
                if len(views) < len(EDGES) or not all(
                    views[edge].state is EdgeState.UP
                    and views[edge].packages_held == len(self.here.published) + 1
                    and views[edge].purges >= head
                    for edge in edges
                ):
                    return False
            return True

        return check

    def holding(self, edge: str) -> Callable[[], Awaitable[bool]]:
        """Tells whether both control planes find that an edge holds everything."""

        async def check() -> bool:
            held = [(await self.fleet.views(number))[edge].packages_held for number in range(2)]
            return min(held) == len(self.here.published) + 1

        return check

    def away(self, control: str, what: str) -> Callable[[], Awaitable[bool]]:
        """Tells whether a control plane says that it has to do without something."""

        async def check() -> bool:
            return what in await self._missing(control)

        return check

    def ready(self, control: str) -> Callable[[], Awaitable[bool]]:
        """Tells whether it has everything."""

        async def check() -> bool:
            return await self._missing(control) == {}

        return check

    async def _missing(self, control: str) -> dict[str, str]:
        async with self.fleet.session.get(f"{self.viewers.controls[control]}/readyz") as response:
            body = await response.json()
            return dict(body.get("away", {}))

    async def confirmed(self) -> bool:
        """Whether every edge has confirmed every purge that was ever done."""
        for purge in self.purges:
            url = f"{self.fleet.url}/v1/purges/{purge.purge_id}"
            async with self.fleet.session.get(url, headers=bearer("operator")) as answer:
                view = decode(await answer.read(), PurgeView)
            if any(edge.state is not EdgePurgeState.CONFIRMED for edge in view.edges):
                return False
        return True


@contextlib.asynccontextmanager
async def life(here: Hosts) -> AsyncIterator[Life]:
    """Viewers who watch and operators who purge while the block runs, from when all edges are up
    and hold the film; after it, all edges come to be so again."""
    store = StoreSettings(folder=here.folder / "objects")
    timeout = aiohttp.ClientTimeout(total=PURGED_WITHIN + 10)
    async with aiohttp.ClientSession(timeout=timeout) as session, open_store(store) as opened:
        urls = {name: here.machines.url(name) for name in CONTROLS}
        fleet = Fleet(here.folder, session, opened, EDGES, {}, control_urls=[*urls.values()])
        named = {url: name for name, url in here.urls.items()}
        living = Life(here, fleet, Viewers(session, urls, named, FILM, CLIENTS))
        await _begun(living)
        async with watching(living.viewers):
            purging = asyncio.create_task(living.purge())
            try:
                for region in CLIENTS:
                    await until(living.viewers.only_to(EDGES, of=region))
                await living.purges_more()
                yield living
                await until(living.settled(), within=60)
            finally:
                purging.cancel()
                ended = await asyncio.gather(purging, return_exceptions=True)
            assert isinstance(ended[0], asyncio.CancelledError), ended
        await until(living.confirmed, within=20)


async def _begun(living: Life) -> None:
    fleet = living.fleet

    async def answering() -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            return all([len(await fleet.views(number)) == len(EDGES) for number in range(2)])
        return False

    await until(answering, within=60)
    told = await fleet.put(FILM, segments=SEGMENTS, size=1000)
    await fleet.announce(told)
    await until(living.settled(), within=60)
