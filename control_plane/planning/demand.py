"""What viewers take of each asset, by region: counted here, summed in the database for all control
planes, and read by the planner as bits per second that fade.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from common.clock import Clock
from control_plane.catalog import EdgeRecord
from control_plane.placement.popularity import DAY, Decay
from control_plane.planning.port import Demand, PlanStore

ERA: Final = 128 * DAY
"""Seconds of an era: amounts of one are added as they are, and the next begins with small numbers
again before they overflow."""
SAVED_EVERY: Final = 10.0
"""Seconds."""
MOST_WAITING: Final = 100_000
"""Sums that wait to be written while the database is away; more are dropped."""
LEAST: Final = 1.0
"""Bits per second; what is watched less counts as not watched."""


class DemandCounts:
    """Counts what edges tell that was watched."""

    def __init__(self, store: PlanStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._reference = clock.now()
        self._waiting: dict[tuple[str, str], float] = defaultdict(float)
        self._saved_at = clock.monotonic()
        self._era = 0

    def heard(self, record: EdgeRecord) -> None:
        """Counts what viewers took from an edge since its heartbeat before."""
        for watched in record.heartbeat.watched:
            name = (watched.asset_id, record.region)
            if name in self._waiting or len(self._waiting) < MOST_WAITING:
                self._waiting[name] += watched.bytes

    def decay(self, era: int) -> Decay:
        """How the sums of an era fade."""
        return Decay(landmark=era * ERA, reference=self._reference)

    async def save(self) -> None:
        """Adds what was counted to the sums.

        Raises:
            Unavailable: the database does not answer; it is kept for the next time.
        """
        if self._clock.monotonic() - self._saved_at < SAVED_EVERY or not self._waiting:
            return
        now = self._clock.now()
        # A clock that jumps moves the sums' time by no more than a step.
        self._reference = self.decay(int(self._reference // ERA)).moved(now).reference
        era = int(self._reference // ERA)
        weight = self.decay(era).weight_at(now)
        waiting, self._waiting = self._waiting, defaultdict(float)
        try:
            await self._store.add_demand(
                [
                    (asset_id, region, bytes_ * weight)
                    for (asset_id, region), bytes_ in waiting.items()
                ],
                era,
            )
        except BaseException:
            for name, amount in waiting.items():
                self._waiting[name] += amount
            raise
        self._saved_at = self._clock.monotonic()
        if era != self._era:
            await self._store.forget_demand(era - 1)
            self._era = era

    async def refresh(self) -> None:
        """Does nothing: the planner alone reads the sums."""

    async def traffic(self) -> dict[str, dict[str, float]]:
        """Bits per second that viewers take of each asset, by region.

        Raises:
            Unavailable: the database does not answer.
        """
        # Of 100,000 assets half a second: viewers are routed meanwhile.
        return await asyncio.to_thread(self._rates, await self._store.demand())

    async def most_watched(self, limit: int) -> list[str]:
        """The assets of the ``limit`` largest sums, of which viewers take most first.

        One that is watched a little in each of many regions may be missing: sums are by region.

        Raises:
            Unavailable: the database does not answer.
        """
        rates = self._rates(await self._store.most_demanded(limit))
        return sorted(rates, key=lambda asset_id: -sum(rates[asset_id].values()))

    def _rates(self, sums: Iterable[Demand]) -> dict[str, dict[str, float]]:
        now, rates = self._clock.now(), dict[str, dict[str, float]]()
        for asset_id, region, era, total in sums:
            rate = self.decay(era).rate(total, now)
            if rate >= LEAST:
                regions = rates.setdefault(asset_id, {})
                regions[region] = regions.get(region, 0.0) + rate
        return rates
