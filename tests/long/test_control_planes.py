"""Two control planes, while processes die and stand still and networks break: nothing that was
acknowledged is lost, viewers are routed all the time, and the plan has one history."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from control_plane.snapshot import Snapshot
from tests.faults.control_planes import Fleet, Machines, fleet, machines
from tests.faults.network import network
from tests.faults.writing import alike, away, more_than, writing

LEASE = 10.0


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    with network("db", "redis", "one", "two") as made, machines(made, folder) as running:
        yield running


@pytest.fixture
async def edges(here: Machines) -> AsyncIterator[Fleet]:
    async with fleet(here) as living:
        yield living


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

    path = here.folder / "one.snapshot"

    async def saved() -> bool:
        kept = (await asyncio.to_thread(Snapshot.load, path)).packages if path.exists() else ()
        return any(package.announcement.asset_id == known for package in kept)

    await edges.until(saved)
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
