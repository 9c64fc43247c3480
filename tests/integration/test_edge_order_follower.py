"""Following orders with the real parts of an edge, one of which does as a test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from common.clock import SystemClock
from common.messages import (
    DesiredChange,
    Neighbours,
    OrderedPurges,
    OrderedRemoval,
    OrderedRemovals,
    PurgeScope,
)
from edge.configured import fetches_of
from edge.control_planes import ControlPlanes
from edge.fetch.neighbourhood import Neighbourhood
from edge.fetch.pool import Pool
from edge.fill import FillAgent, Purges, Removals
from edge.fill.obtain import Obtain
from edge.orders import OrderFollower
from edge.policy.fill_window import FillPlan
from edge.store import Cache
from tests.integration.edge_service import Control, edge_settings, serving, until
from tests.servers.processes import free_ports

CLOCK = SystemClock()


class NotingRemovals(Removals):
    def note_in(self, noted: list[str]) -> None:
        self.noted = noted

    async def apply(self, orders: OrderedRemovals) -> None:
        self.noted.append("removals")
        await super().apply(orders)


class NotingPurges(Purges):
    def note_in(self, noted: list[str]) -> None:
        self.noted = noted

    async def apply(self, orders: OrderedPurges) -> None:
        self.noted.append("purges")
        await super().apply(orders)


class NotingNeighbourhood(Neighbourhood):
    def note_in(self, noted: list[str]) -> None:
        self.noted = noted

    async def apply(self, neighbours: Neighbours) -> None:
        self.noted.append("neighbours")
        await super().apply(neighbours)


class Agent(FillAgent):
    """Notes what it adopts, waits before it does, and refuses some."""

    def prepare(self, noted: list[str], refused: int = 0) -> None:
        self.noted = noted
        self.refused = refused
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def apply_change(self, change: DesiredChange) -> None:
        self.noted.append("desired")
        await self.may_go_on.wait()
        if self.refused:
            self.refused -= 1
            return
        await super().apply_change(change)


@contextlib.asynccontextmanager
async def following(
    folder: Path, control: Control, noted: list[str]
) -> AsyncIterator[tuple[OrderFollower, Agent]]:
    """A follower of what ``control`` orders, which tells ``noted`` the order of what it does."""
    settings = edge_settings(folder, "http://127.0.0.1:1")
    runtime = folder / "runtime"
    async with contextlib.AsyncExitStack() as stack:
        cache = await Cache.open(folder, runtime, disk_budget=10**8, memory_budget=10**7)
        stack.push_async_callback(cache.close)
        pool = Pool(context=None)
        stack.push_async_callback(pool.close)
        neighbourhood = NotingNeighbourhood("eu-1", runtime, {})
        fetches = fetches_of(settings, cache, pool, CLOCK, neighbourhood)
        stack.push_async_callback(fetches.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        agent = Agent("eu-1", cache, Obtain(cache, fetches, None), CLOCK, FillPlan(), concurrency=1)
        removals = NotingRemovals(cache, CLOCK)
        purges = NotingPurges(cache, CLOCK, taken=lambda: None)
        for part in (removals, purges, neighbourhood):
            part.note_in(noted)
        agent.prepare(noted)
        planes = ControlPlanes(session, [control.url], "eu-1")
        yield (
            OrderFollower(
                planes,
                CLOCK,
                run=1.0,
                agent=agent,
                removals=removals,
                purges=purges,
                neighbours=neighbourhood,
            ),
            agent,
        )


@contextlib.asynccontextmanager
async def controlled() -> AsyncIterator[Control]:
    (port,) = free_ports(1)
    control = Control(port=port)
    async with serving(control.answer, port):
        yield control


@contextlib.asynccontextmanager
async def doing(follower: OrderFollower) -> AsyncIterator[None]:
    """Follows while the block runs."""
    tasks = [asyncio.create_task(follower.run()), asyncio.create_task(follower.adopt())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_must_not_be_served_comes_first_and_what_takes_long_last(tmp_path: Path) -> None:
    noted: list[str] = []
    async with controlled() as control, following(tmp_path, control, noted) as (follower, agent):
        control.want()
        control.remove(OrderedRemoval("r1", ("v/a/1",)))
        control.purge("v/a/", PurgeScope.PREFIX)
        control.neighbours = Neighbours(4, ())
        async with doing(follower):
            await until(lambda: agent.revision == 2)

    assert noted == ["removals", "purges", "neighbours", "desired"]


async def test_a_change_that_was_being_adopted_when_another_process_took_over_is_adopted_later(
    tmp_path: Path,
) -> None:
    noted: list[str] = []
    async with controlled() as control, following(tmp_path, control, noted) as (follower, agent):
        agent.may_go_on.clear()
        async with doing(follower):
            await until(lambda: "desired" in noted)
            control.want()
            await until(lambda: control.asked[-1]["desired"] == 2)
        assert agent.revision == 0
        agent.may_go_on.set()
        async with doing(follower):
            await until(lambda: agent.revision == 2)

    assert noted == ["desired", "desired"]


async def test_a_change_that_cannot_be_adopted_is_asked_for_anew(tmp_path: Path) -> None:
    noted: list[str] = []
    async with controlled() as control, following(tmp_path, control, noted) as (follower, agent):
        agent.refused = 2
        async with doing(follower):
            await until(lambda: agent.revision == 1)
            await until(lambda: control.asked[-1]["desired"] == 1)

    assert noted == ["desired"] * 3
