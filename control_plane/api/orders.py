"""``/v1/edges/{edge_id}/orders``: an edge asks what is new, and is answered when there is some."""

from typing import Any, Final

from aiohttp import web

from common.clock import Clock
from common.errors import NearcastError
from common.messages import DesiredChange, OrderedPurges, Orders
from common.service import Gatekeeper, Role
from control_plane.api.describing import Number, described
from control_plane.api.fleet import EDGE, as_edge, json_answer
from control_plane.api.queries import whole_number
from control_plane.fleet import Fleet
from control_plane.library import Library
from control_plane.neighbourhoods import Neighbourhoods
from control_plane.planning import Placements, Planner
from control_plane.purge import PurgeDesk
from control_plane.waiting import CatchUp, News, waited

LONGEST_WAIT: Final = 60.0
"""Seconds."""
ASKED: Final[dict[str, Any]] = {
    "desired": Number,
    "removals": Number,
    "purges": Number,
    "neighbours": Number,
    "wait": Number,
    "run": str,
}
"""The parameters of the query."""


class OrdersApi:
    """The handler of orders. An edge that asks with a number has carried out all up to it."""

    def __init__(
        self,
        library: Library,
        fleet: Fleet,
        placements: Placements,
        planner: Planner,
        purges: PurgeDesk,
        neighbourhoods: Neighbourhoods,
        news: News,
        gatekeeper: Gatekeeper,
        clock: Clock,
    ) -> None:
        self._library = library
        self._fleet = fleet
        self._placements = placements
        self._planner = planner
        self._catch_up = CatchUp(self._read_plan, news.tell)
        self._purges = purges
        self._neighbourhoods = neighbourhoods
        self._news = news
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._ending = False

    def routes(self) -> list[web.RouteDef]:
        """Where the handler is."""
        return [web.get(f"{EDGE}/orders", self.orders)]

    async def end(self, _: web.Application) -> None:
        """Answers everybody who waits: the control plane ends."""
        self._ending = True
        self._news.tell()
        await self._catch_up.close()

    @described(Role.EDGE, answer=Orders, query=ASKED)
    async def orders(self, request: web.Request) -> web.Response:
        """What is new to an edge."""
        edge_id = as_edge(self._gatekeeper, request)
        desired, removals, purges, neighbours = (
            whole_number(request, name) for name in ("desired", "removals", "purges", "neighbours")
        )
        until = self._clock.monotonic() + min(whole_number(request, "wait"), LONGEST_WAIT)
        while True:
            coming = self._news.coming()
            acknowledges = self._is_heard(edge_id, request.query.get("run"))
            told = await self._purges.orders(edge_id, purges, acknowledges=acknowledges)
            change = await self._change(edge_id, desired)
            found = self._new(edge_id, change, removals, neighbours, told)
            left = until - self._clock.monotonic()
            if found != Orders() or left <= 0 or self._ending:
                return json_answer(found)
            await waited(coming, left)

    def _is_heard(self, edge_id: str, run: str | None) -> bool:
        """Whether who asks is the run of the edge whose heartbeats are heard, and no other edge
        with its name; one that does not say which it is counts."""
        record = self._fleet.edge(edge_id)
        return run is None or record is None or run == str(record.heartbeat.started_at)

    async def _change(self, edge_id: str, desired: int) -> DesiredChange | None:
        """What is new of what an edge should hold. What another control plane has told it already
        is read first: older than that is no news."""
        if not await self._catch_up.sure(lambda: desired <= self._placements.head):
            return None
        return self._placements.change(edge_id, desired)

    async def _read_plan(self) -> bool:
        """Reads the plan; whether that was possible."""
        try:
            await self._planner.refresh()
        except NearcastError:
            return False
        return True

    def _new(
        self,
        edge_id: str,
        change: DesiredChange | None,
        removals: int,
        neighbours: int,
        purges: OrderedPurges | None,
    ) -> Orders:
        told = self._library.orders
        near = self._neighbourhoods.of(edge_id)
        return Orders(
            desired=change,
            removals=told if told.revision != removals else None,
            purges=purges,
            neighbours=near if near.revision != neighbours else None,
        )
