"""Operators' orders in memory, so that judging an edge waits for no database.

What is ordered here holds here at once, and on every other control plane with its next look.
"""

from collections.abc import Callable, Iterable, Mapping

from common import logs
from common.clock import Clock
from common.messages import EdgeStanding
from control_plane.standing.port import Standing, StandingStore

_log = logs.get(__name__)


class Standings:
    """The last order for each edge."""

    def __init__(self, store: StandingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, Standing] = {}
        self._orders = 0
        self.on_written: Callable[[], None] = lambda: None
        """Called when something was ordered that other control planes do not know yet."""

    async def order(
        self, edge_id: str, standing: EdgeStanding, *, by: str, reason: str = ""
    ) -> Standing:
        """Orders something of an edge; durable when this returns.

        Args:
            edge_id: which.
            standing: what.
            by: the operator's name.
            reason: for people.

        Raises:
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        ordered = Standing(edge_id, standing, by, self._clock.now(), reason)
        await self._store.put(ordered)
        self._orders += 1
        self._known[edge_id] = ordered
        self.on_written()
        _log.info("an edge's standing was ordered", edge=edge_id, standing=standing.value, by=by)
        return ordered

    async def save(self) -> None:
        """Does nothing: orders are written down before they hold."""

    async def refresh(self) -> None:
        """Reads what other control planes were told.

        Raises:
            Unavailable: the database does not answer; the last orders hold.
        """
        orders = self._orders
        read = await self._store.all()
        # What was ordered here meanwhile may be missing in what was read.
        if self._orders == orders:
            self._known = {each.edge_id: each for each in read}

    def restore(self, standings: Iterable[Standing]) -> None:
        """Goes on from what was known before a restart."""
        self._known = {each.edge_id: each for each in standings}

    @property
    def known(self) -> Mapping[str, Standing]:
        """By edge; those for which there never was an order are not in it."""
        return self._known

    def of(self, edge_id: str) -> EdgeStanding:
        """What an edge has to do."""
        found = self._known.get(edge_id)
        return found.standing if found is not None else EdgeStanding.IN_SERVICE
