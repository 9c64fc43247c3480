"""Filling at the rate that is set for it, as its bytes arrive."""

import asyncio
from collections.abc import Callable

from common.clock import Clock
from edge.policy.fill_rate import FillRate
from edge.policy.fill_window import FillPlan

LONGEST_SLEEP = 0.25
"""Seconds until it is looked again whether somebody waits for what is filled."""


class Pacing:
    """The part of one of ``workers`` processes in the edge's rate."""

    def __init__(self, plan: FillPlan, clock: Clock, workers: int) -> None:
        self._plan = plan
        self._clock = clock
        self._workers = workers
        self._rate = FillRate()

    async def wait(self, size: int, hurried: Callable[[], bool]) -> None:
        """Waits for as long as the ``size`` bytes that have come take at the rate; no longer once
        ``hurried``, when a viewer wants them, or when there is another rate."""
        clock, rate = self._clock, self._now()
        until = clock.monotonic() + self._rate.take(size, rate, clock.monotonic())
        while (left := until - clock.monotonic()) > 0:
            if hurried() or self._now() != rate:
                return
            await asyncio.sleep(min(left, LONGEST_SLEEP))

    def _now(self) -> float:
        """Bytes per second of this process."""
        return self._plan.bytes_per_second(self._clock.now()) / self._workers
