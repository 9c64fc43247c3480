"""Two control planes, while processes die and stand still and networks break: nothing that was
acknowledged is lost, viewers are routed all the time, and the plan has one history."""

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import aiohttp
import pytest

from common.messages import encode
from tests.faults.control_planes import EDGES, Fleet, Machines, fleet, machines
from tests.faults.network import network
from tests.integration.control_service import Talk
from tests.unit.control_plane.records import announcement

LEASE = 10.0
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    with network("db", "redis", "one", "two") as made, machines(made, folder) as running:
        yield running


@pytest.fixture
async def edges(here: Machines) -> AsyncIterator[Fleet]:
    async with fleet(here) as living:
        yield living


@dataclass
class Acknowledged:
    """What was answered with success."""

    assets: list[str] = field(default_factory=list)
    purges: dict[str, int] = field(default_factory=dict)
    """By name, the number."""


@contextlib.asynccontextmanager
async def writing(edges: Fleet) -> AsyncIterator[Acknowledged]:
    """Publishes and purges at both control planes while the block runs."""
    done = Acknowledged()

    async def write(talk: Talk) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await write_one(talk, done)
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(write(talk)) for talk in edges.talks.values()]
    try:
        yield done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def write_one(talk: Talk, done: Acknowledged) -> None:
    asset = f"asset-{next(NUMBERS)}"
    status, _, _ = await talk.call(
        "POST", "/v1/packages", "ingest", data=encode(announcement(asset))
    )
    if status == 201:
        done.assets.append(asset)
    status, body, _ = await talk.call(
        "POST", "/v1/purges", "operator", json={"asset_id": asset, "soft": True}
    )
    if status in {200, 201, 202}:
        done.purges[body["purge_id"]] = body["sequence"]


async def alike(edges: Fleet, done: Acknowledged) -> None:
    """Waits until both control planes know everything that was acknowledged, and the same."""
    assert len(done.assets) > 5
    assert len(done.purges) > 5
    assert len(set(done.purges.values())) == len(done.purges), "every purge has its own number"
    for name, talk in edges.talks.items():
        for asset in done.assets:
            await edges.until(partial(edges.placed, name, asset))
        for purge_id, number in done.purges.items():
            status, body, _ = await talk.call("GET", f"/v1/purges/{purge_id}", "operator")
            assert (status, body["sequence"]) == (200, number)

    told = [await plan(talk) for talk in edges.talks.values()]
    assert told[0] == told[1]


async def plan(talk: Talk) -> dict[str, tuple[int, list[str]]]:
    """By edge, the revision of what a control plane tells it to hold, and the assets of that."""
    found = {}
    for edge in EDGES:
        desired = (await talk.orders(edge, desired=0))["desired"]
        assets = sorted(package["asset_id"] for package in desired["packages"])
        found[edge] = desired["revision"], assets
    return found


async def planning(here: Machines, edges: Fleet, after: int = 0) -> tuple[str, str]:
    """Who plans, and who does not, once the planner has changed so many times."""

    async def begun() -> bool:
        return len(here.planned()) > after

    await edges.until(begun)
    planner = here.planned()[-1][1]
    return (planner, "two" if planner == "one" else "one")


async def test_when_the_planner_is_killed_the_other_plans(here: Machines, edges: Fleet) -> None:
    planner, other = await planning(here, edges)
    changes = len(here.planned())
    async with writing(edges) as done:
        await asyncio.sleep(2)
        here.signal(planner, signal.SIGKILL)
        took = await edges.until(lambda: edges.placed(other, done.assets[-1]))
        assert (await planning(here, edges, changes))[0] == other
        assert took < LEASE + 10
        here.start_control(planner)
        await edges.until(lambda: edges.is_ready(planner))
        await asyncio.sleep(2)
    await alike(edges, done)


async def test_a_control_plane_without_its_database_routes_and_says_so(
    here: Machines, edges: Fleet
) -> None:
    planner, other = await planning(here, edges)
    changes = len(here.planned())
    async with writing(edges) as done:
        await asyncio.sleep(2)
        known = done.assets[0]
        await edges.until(lambda: edges.placed(planner, known))
        here.network.cut(planner, "db")
        try:
            await edges.until(lambda: away(edges, planner, "catalog"))
            # What is acknowledged from now on, the other one places.
            assert (await planning(here, edges, changes))[0] == other
            count = len(done.assets)
            await edges.until(lambda: more_than(done, count + 3))
            await edges.until(lambda: edges.placed(other, done.assets[-1]))
            for _ in range(20):
                assert await edges.routed(planner, known)
                assert await edges.routed(other, known)
        finally:
            here.network.mend(planner, "db")
        await edges.until(lambda: edges.is_ready(planner))
    await alike(edges, done)


async def away(edges: Fleet, name: str, what: str) -> bool:
    return what in await edges.readiness(name)


async def more_than(done: Acknowledged, count: int) -> bool:
    return len(done.assets) > count


async def test_without_redis_everything_goes_on_and_is_a_little_later(
    here: Machines, edges: Fleet
) -> None:
    async with writing(edges) as done:
        await asyncio.sleep(1)
        here.signal("redis", signal.SIGKILL)
        for name in ("one", "two"):
            await edges.until(partial(away, edges, name, "redis"))
        count = len(done.assets)
        await edges.until(lambda: more_than(done, count + 3))
        asset = done.assets[-1]
        for name in ("one", "two"):
            await edges.until(partial(edges.placed, name, asset))
            assert await edges.routed(name, asset)
        here.start_redis()
        for name in ("one", "two"):
            await edges.until(partial(edges.is_ready, name))
    await alike(edges, done)


async def test_a_planner_that_stood_still_beyond_its_lease_writes_nothing_over_the_other(
    here: Machines, edges: Fleet
) -> None:
    planner, other = await planning(here, edges)
    changes = len(here.planned())
    async with writing(edges) as done:
        await asyncio.sleep(2)
        here.signal(planner, signal.SIGSTOP)
        try:
            assert (await planning(here, edges, changes))[0] == other
            await edges.until(lambda: edges.placed(other, done.assets[-1]))
        finally:
            here.signal(planner, signal.SIGCONT)
        await edges.until(lambda: edges.is_ready(planner))
        await asyncio.sleep(2)
    await alike(edges, done)
    assert len(here.planned()) == changes + 1, "one plans, and the same one"


async def test_a_control_plane_that_starts_without_its_database_routes_by_its_snapshot(
    here: Machines, edges: Fleet
) -> None:
    async with writing(edges) as done:
        await asyncio.sleep(2)
    known = done.assets[-1]
    await edges.until(lambda: edges.placed("one", known))

    def saved() -> float:
        path = here.folder / "one.snapshot"
        return path.stat().st_mtime if path.exists() else 0.0

    before = time.time()
    await edges.until(lambda: later_than(saved, before - 1))
    here.signal("one", signal.SIGKILL)
    here.network.cut("one", "db")
    try:
        here.start_control("one")
        await edges.until(lambda: edges.routed("one", known))
        assert "catalog" in await edges.readiness("one")
    finally:
        here.network.mend("one", "db")
    await edges.until(lambda: edges.is_ready("one"))
    await alike(edges, done)


async def later_than(read: Callable[[], float], moment: float) -> bool:
    return read() > moment
