"""What the control plane has purged: noted in the order of its log, each purge once.

A purge holds for all processes of the edge from the moment its note is written, and the number of
the last one is written with it. So the number is never ahead of what the edge does, and whoever is
told it knows that the edge has carried out everything up to it.
"""

from collections.abc import Callable

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import OrderedPurges
from edge.policy.purging import Purge, Scope
from edge.store import Cache

_log = logs.get(__name__)


class PurgesMissing(NearcastError):
    """Purges after number {since} cannot be carried out before all up to {last} are: this edge has
    those up to {cursor}."""


class Purges:
    """Carries purges out on this edge."""

    def __init__(self, cache: Cache, clock: Clock, *, taken: Callable[[], None]) -> None:
        """``taken`` is called after purges that took something away, so that it can be filled."""
        self._cache = cache
        self._clock = clock
        self._taken = taken
        self._cursor = cache.purges.followed

    @property
    def cursor(self) -> int:
        """The number of the last purge of the log that is carried out here; all before it are."""
        return self._cursor

    async def apply(self, orders: OrderedPurges) -> None:
        """Carries out those of ``orders`` that it has not yet.

        Raises:
            PurgesMissing: others come before them.
            StorageFull: no space is left to write them down.
        """
        now = self._clock.now()
        before = self._cursor
        if orders.lost:
            _log.warning("purges are lost, validating all", was=before, now=orders.head)
            self._cursor = await self._cache.purges.follow_anew(upto=orders.head, now=now)
            return
        numbers = [each.sequence for each in orders.purges]
        first = orders.since + 1
        if orders.since > before or numbers != list(range(first, first + len(numbers))):
            last = max(numbers, default=orders.since)
            raise PurgesMissing(since=orders.since, last=last, cursor=before)
        notes = [
            (each.sequence, Purge(0, Scope(each.scope.value), each.value, each.soft, now))
            for each in orders.purges
            if each.sequence > before
        ]
        if not notes:
            return
        upto = numbers[-1]
        self._cursor = await self._cache.purges.follow(notes, since=orders.since, upto=upto)
        if any(not purge.soft for _, purge in notes):
            self._taken()
