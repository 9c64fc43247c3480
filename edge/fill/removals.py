"""What the control plane has removed for good: barred at once, gone soon after, and told to be.

A bar is written down before it counts as learnt, so it holds through every kind of end. It is
lifted once the control plane has not named it for a while: then nobody has any of it.
"""

import asyncio
import contextlib
from collections.abc import Set as AbstractSet
from typing import Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import OrderedRemovals
from edge.policy.purging import Scope
from edge.store import Cache

LOOK_EVERY: Final = 0.5
"""Seconds between looks for what is left; what was being stored when a bar came is, by then."""
LOOK_SHARE: Final = 5.0
"""How many times as long as a look took it waits for the next: a large index takes a while."""
SWEEP_AGAIN_AFTER: Final = 5.0
"""Seconds after which what is still left is swept again."""
LIFT_AFTER: Final = 60.0
"""Seconds that a bar outlives the orders: a control plane may know of a removal before another."""

_log = logs.get(__name__)


class Removals:
    """Carries removals out on this edge."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._since: dict[str, float] = {}
        """When each removal was learnt, on the monotonic clock."""
        self._prefixes: dict[str, frozenset[str]] = {}
        self._unlisted: dict[str, float] = {}
        """Since when each barred prefix is in no order."""
        self._done: set[str] = set()
        self._changed = asyncio.Event()
        # What bars from the last run may have been lifted since.
        self.revision = -1 if cache.purges.current().barred else 0
        """That of the orders it works on; -1 when they are of an earlier run."""

    @property
    def done(self) -> AbstractSet[str]:
        """The removals of which nothing is left here."""
        return self._done

    async def apply(self, orders: OrderedRemovals) -> None:
        """Learns all removals there are. None of what they name is served from now on."""
        if orders.revision == self.revision:
            return
        now = self._clock.monotonic()
        prefixes = {each.removal_id: frozenset(each.prefixes) for each in orders.removals}
        try:
            listed = frozenset[str]().union(*prefixes.values())
            await self._cache.purges.bar(listed, now=self._clock.now())
        except NearcastError as error:
            # The control plane is asked again, and waits for the confirmation.
            _log.warning("removals not written down", reason=str(error))
            return
        for removal_id in prefixes.keys() - self._prefixes.keys():
            _log.info("removing", removal=removal_id)
            self._since[removal_id] = now
        self._prefixes = prefixes
        self._since = {name: self._since[name] for name in prefixes}
        self._done &= prefixes.keys()
        self.revision = orders.revision
        self._changed.set()

    async def run(self) -> None:
        """Sees to it that nothing is left, for ever."""
        pause = LOOK_EVERY
        while True:
            if self._prefixes.keys() <= self._done and not self._cache.purges.current().barred:
                await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(pause)
            began = self._clock.monotonic()
            with contextlib.suppress(NearcastError):
                # A damaged index or a full disk: the control plane waits.
                await self._look()
                await self._lift()
            pause = max(LOOK_EVERY, LOOK_SHARE * (self._clock.monotonic() - began))

    async def _look(self) -> None:
        """Finds out which removals nothing is left of."""
        began = self._clock.monotonic()
        waiting = {
            removal_id: self._prefixes[removal_id]
            for removal_id, since in self._since.items()
            if removal_id not in self._done and began - since >= LOOK_EVERY
        }
        if not waiting:
            return
        left = await self._cache.purges.left_behind_bars()
        await self._cache.purges.outlast_power()
        for removal_id, prefixes in waiting.items():
            if prefixes.isdisjoint(left):
                self._done.add(removal_id)
                _log.info("removed", removal=removal_id)
            elif began - self._since[removal_id] > SWEEP_AGAIN_AFTER:
                self._since[removal_id] = began
                for prefix in prefixes & left:
                    await self._cache.purges.add(
                        Scope.PREFIX, f"{prefix}/", soft=False, now=self._clock.now()
                    )

    async def _lift(self) -> None:
        """Lifts bars that have been in no order for a while, once there are orders."""
        if self.revision < 0:
            return
        now = self._clock.monotonic()
        listed = frozenset[str]().union(*self._prefixes.values())
        barred = self._cache.purges.current().barred.keys()
        self._unlisted = {prefix: self._unlisted.get(prefix, now) for prefix in barred - listed}
        old = [prefix for prefix, since in self._unlisted.items() if now - since >= LIFT_AFTER]
        await self._cache.purges.lift(old, now=self._clock.now())
