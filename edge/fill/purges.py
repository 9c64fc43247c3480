"""What the control plane has purged: noted in the order of its log, each purge once.

A purge holds for all processes of the edge from the moment its note is written, and the number of
the last one is written with it. So the number is never ahead of what the edge does, and whoever is
told it knows that the edge has carried out everything up to it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import OrderedPurges
from edge.policy.purging import Purge, Scope
from edge.store import Cache

PAUSE: Final = 1.0
"""Seconds that it waits when a purge cannot be noted: it is told the same at once again."""

_log = logs.get(__name__)


class Purges:
    """Carries purges out on this edge."""

    def __init__(self, cache: Cache, clock: Clock, *, taken: Callable[[], None]) -> None:
        """``taken`` is called after purges that took something away, so that it can be filled."""
        self._cache = cache
        self._clock = clock
        self._taken = taken
        self.cursor = cache.purges.followed
        """The number of the last purge of the log that is carried out here; all before it are."""

    async def apply(self, orders: OrderedPurges) -> bool:
        """Carries out those of ``orders`` that it has not yet; whether all are carried out.

        What cannot be, because no space is left or something before it is missing, is told by a
        warning in the log, and takes a while, since whoever asks next gets the same answer.
        """
        try:
            if orders.lost:
                await self._begin_anew(orders.head)
            else:
                await self._follow(orders)
        except NearcastError as error:
            _log.warning("purges not written down", reason=str(error))
        if orders.lost:
            done = self.cursor == orders.head
        else:
            done = self.cursor >= orders.since + len(orders.purges)
        if not done:
            await asyncio.sleep(PAUSE)
        return done

    async def _follow(self, orders: OrderedPurges) -> None:
        numbers = [purge.sequence for purge in orders.purges]
        first = orders.since + 1
        if numbers != list(range(first, first + len(numbers))):
            _log.warning("purges do not follow one another", since=orders.since)
            return
        if orders.since > self.cursor or not numbers:
            return
        now = self._clock.now()
        notes = [
            (each.sequence, Purge(0, Scope(each.scope.value), each.value, each.soft, now))
            for each in orders.purges
        ]
        before = self.cursor
        self.cursor = await self._cache.purges.follow(notes, since=orders.since, upto=numbers[-1])
        if any(not each.soft for each in orders.purges if each.sequence > before):
            self._taken()

    async def _begin_anew(self, head: int) -> None:
        """Has all that it holds validated: the log does not tell any more what was purged."""
        _log.warning("purges are lost: all that is stored is validated", was=self.cursor, now=head)
        self.cursor = await self._cache.purges.follow_anew(upto=head, now=self._clock.now())
