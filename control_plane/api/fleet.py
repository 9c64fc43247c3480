"""What ingest and edges tell the control plane, and what operators read."""

from typing import Any

from aiohttp import web

from common.errors import CredentialForbidden, NearcastError
from common.messages import (
    EdgeView,
    Heartbeat,
    HeartbeatAnswer,
    Holdings,
    HoldingsChange,
    PackageAnnouncement,
    RemovalView,
    encode,
)
from common.messages.packages import IDENTIFIER_PATTERN
from common.service import Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import described
from control_plane.catalog import Package
from control_plane.catalog.port import PackageConflict
from control_plane.fleet import EdgeUnknown, HoldingsNotKnown, RegionUnknown
from control_plane.health.heartbeats import EdgeNameTaken
from control_plane.library import Library
from control_plane.metrics import ControlMetrics
from control_plane.purge import PurgeDesk
from control_plane.removal.desk import Desk, VersionRemoved
from control_plane.removal.origin import OriginNotGiven
from control_plane.routing import Region
from control_plane.views import Views

EDGE = f"/v1/edges/{{edge_id:{IDENTIFIER_PATTERN}}}"
"""What the paths begin with of which an edge asks."""
WITHDRAWN = f"/v1/packages/{{asset_id:{IDENTIFIER_PATTERN}}}/{{version:{IDENTIFIER_PATTERN}}}"
"""The path of what ingest takes back, which need not be known here."""


class EdgeMisnamed(NearcastError):
    """The body is of edge {told!r}, but it was sent as {expected!r}."""

    status = 422


class FleetApi:
    """Handlers for packages and edges."""

    def __init__(
        self,
        library: Library,
        views: Views,
        desk: Desk,
        purges: PurgeDesk,
        gatekeeper: Gatekeeper,
        metrics: ControlMetrics,
    ) -> None:
        self._library = library
        self._views = views
        self._fleet = views.fleet
        self._placements = views.placements
        self._purges = purges
        self._desk = desk
        self._gatekeeper = gatekeeper
        self._metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.post("/v1/packages", self.publish),
            web.delete(WITHDRAWN, self.withdraw),
            web.post(f"{EDGE}/heartbeat", self.heartbeat),
            web.put(f"{EDGE}/holdings", self.holdings),
            web.post(f"{EDGE}/holdings", self.change_holdings),
            web.get("/v1/edges", self.edges),
            web.get("/v1/regions", self.regions),
        ]

    @described(
        Role.INGEST,
        body=PackageAnnouncement,
        answer=Package,
        status=201,
        refuses=[PackageConflict, VersionRemoved],
    )
    async def publish(self, request: web.Request) -> web.Response:
        """Ingest announces a package."""
        self._gatekeeper.require(request, Role.INGEST)
        announcement = await read_message(request, PackageAnnouncement, limit=64 * KIBIBYTE)
        package = await self._desk.publish(announcement)
        return json_answer(package, status=201)

    @described(Role.INGEST, answer=RemovalView, status=202, refuses=[OriginNotGiven])
    async def withdraw(self, request: web.Request) -> web.Response:
        """Ingest takes a package back, or one that it may still be announcing."""
        credential = self._gatekeeper.require(request, Role.INGEST)
        asset_id, version = request.match_info["asset_id"], request.match_info["version"]
        removal = await self._desk.withdraw(asset_id, version, by=credential.name)
        return json_answer(self._desk.view(removal), status=202)

    @described(
        Role.EDGE,
        body=Heartbeat,
        answer=HeartbeatAnswer,
        refuses=[EdgeMisnamed, EdgeNameTaken, RegionUnknown],
    )
    async def heartbeat(self, request: web.Request) -> web.Response:
        """An edge tells how it is."""
        edge_id = as_edge(self._gatekeeper, request)
        heartbeat = await read_message(request, Heartbeat, limit=256 * KIBIBYTE)
        check_name(heartbeat.edge_id, edge_id)
        self._metrics.heartbeats.inc()
        told = self._fleet.hear(heartbeat).heartbeat
        self._purges.heard(edge_id, told.purges)
        return json_answer(
            HeartbeatAnswer(
                desired_revision=self._placements.revision(edge_id),
                send_holdings=not self._fleet.knows_holdings(edge_id, told.holdings_revision),
                removals_revision=self._library.orders.revision,
                purges=self._purges.head,
            )
        )

    @described(Role.EDGE, body=Holdings, refuses=[EdgeMisnamed, EdgeUnknown])
    async def holdings(self, request: web.Request) -> web.Response:
        """An edge tells what it holds."""
        edge_id = as_edge(self._gatekeeper, request)
        holdings = await read_message(request, Holdings, limit=16 * KIBIBYTE * KIBIBYTE)
        check_name(holdings.edge_id, edge_id)
        self._fleet.take_holdings(holdings)
        return web.Response(status=204)

    @described(
        Role.EDGE, body=HoldingsChange, refuses=[EdgeMisnamed, EdgeUnknown, HoldingsNotKnown]
    )
    async def change_holdings(self, request: web.Request) -> web.Response:
        """An edge tells what changed of what it holds."""
        edge_id = as_edge(self._gatekeeper, request)
        change = await read_message(request, HoldingsChange, limit=16 * KIBIBYTE * KIBIBYTE)
        check_name(change.edge_id, edge_id)
        self._fleet.change_holdings(change)
        return web.Response(status=204)

    @described(Role.OPERATOR, answer=list[EdgeView])
    async def edges(self, request: web.Request) -> web.Response:
        """Every edge."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer([self._views.edge(record) for record in self._fleet.edges()])

    @described(Role.OPERATOR, answer=list[Region])
    async def regions(self, request: web.Request) -> web.Response:
        """Every region."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(self._fleet.rules.regions)


def as_edge(gatekeeper: Gatekeeper, request: web.Request) -> str:
    """The edge that asks: its credential has its name, so none can speak for another.

    Raises:
        CredentialForbidden: it is another edge's, or none's.
    """
    credential = gatekeeper.require(request, Role.EDGE)
    edge_id = request.match_info["edge_id"]
    if credential.name != edge_id and not credential.may(Role.OPERATOR):
        raise CredentialForbidden(name=credential.name, needed=f"edge {edge_id[:64]}")
    return edge_id


def check_name(told: str, expected: str) -> None:
    """Does nothing when a body is of the edge that it was sent as.

    Raises:
        EdgeMisnamed: it is not.
    """
    if told != expected:
        raise EdgeMisnamed(told=told, expected=expected)


def json_answer(message: Any, *, status: int = 200) -> web.Response:
    """``message`` as an answer that nobody keeps."""
    return web.Response(
        status=status,
        body=encode(message),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
