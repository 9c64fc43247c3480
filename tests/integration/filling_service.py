"""A fill agent over a real cache and real sockets, with a clock that a test moves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from common.clock import SystemClock
from common.messages import DesiredChange, DesiredPackage, PackageName
from edge.fetch.fetches import Fetches
from edge.fetch.origins import Origins
from edge.fetch.pacing import Pacing
from edge.fetch.pool import Pool
from edge.fetch.upstream import Upstream
from edge.fetch.wire import Endpoint
from edge.fill import FillAgent
from edge.fill.obtain import Obtain
from edge.policy.fill_window import FillPlan
from edge.store import Cache
from tests.integration.edge_service import TOKEN

EDGE = "eu-1"


class Moved(SystemClock):
    """A clock that a test moves, and that runs as many times faster as it says."""

    def __init__(self, now: float = 1_800_000_000.0, faster: float = 1.0) -> None:
        self.wall = now
        self._faster = faster

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return super().monotonic() * self._faster


@dataclass
class Filling:
    """The agent and its parts."""

    agent: FillAgent
    cache: Cache
    upstream: Upstream

    async def tell(
        self, *packages: DesiredPackage, dropped: tuple[PackageName, ...] = (), whole: bool = False
    ) -> None:
        """Tells a change of what is to be held."""
        since = 0 if whole else self.agent.revision
        revision = self.agent.revision + 1
        await self.agent.apply_change(DesiredChange(EDGE, since, revision, packages, dropped))

    def whole(self) -> set[tuple[str, str]]:
        """The packages that are held whole, by asset and version."""
        held = self.agent.holdings().packages
        return {(each.asset_id, each.version) for each in held if each.complete}


@contextlib.asynccontextmanager
async def filling(
    folder: Path,
    origin_url: str,
    *,
    clock: Moved | None = None,
    plan: FillPlan | None = None,
    concurrency: int = 4,
    runs: bool = True,
) -> AsyncIterator[Filling]:
    """An agent that runs, or has only taken up what the last one knew."""
    clock, plan = clock or Moved(), plan or FillPlan()
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 30, memory_budget=1 << 20)
    pool = Pool(context=None)
    origins = Origins(pool, [Endpoint.of(origin_url)], clock)
    added = (("Authorization", f"Bearer {TOKEN}"),)
    upstream = Upstream(origins, pseudonym="nearcast-eu-1", added=added, forward_fields=False)
    fetches = Fetches(cache, upstream, clock, pacing=Pacing(plan, clock, 1))
    obtain = Obtain(cache, fetches, None)
    agent = FillAgent(EDGE, cache, obtain, clock, plan, concurrency=concurrency)
    await agent.restore()
    running = asyncio.create_task(agent.run()) if runs else None
    try:
        yield Filling(agent, cache, upstream)
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await fetches.close()
        await pool.close()
        await cache.close()
