"""An asset's versions over HTTP: listed, rolled back to, removed; and what edges tell of that."""

from aiohttp import hdrs, web

from common.errors import NearcastError
from common.messages import AssetView, CarriedOut, RemovalView, RollbackRequest, VersionView
from common.service import Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import described
from control_plane.api.fleet import EDGE, EdgeMisnamed, as_edge, check_name, json_answer
from control_plane.library import AssetUnknown
from control_plane.metadata.reading import MetadataReader
from control_plane.removal.desk import Desk, RemovalUnknown, VersionRemoved, VersionUnknown
from control_plane.removal.origin import OriginNotGiven
from control_plane.views import Views

MOST_REMOVALS = 1000
"""Removals in one answer."""
ASSET = "/v1/assets/{asset_id}"


class NotJson(NearcastError):
    """The body has to be sent as application/json."""

    status = 415


class VersionsApi:
    """Handlers for versions and removals."""

    def __init__(
        self, views: Views, metadata: MetadataReader, desk: Desk, gatekeeper: Gatekeeper
    ) -> None:
        self._views = views
        self._metadata = metadata
        self._desk = desk
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.get(f"{ASSET}/versions", self.versions),
            web.post(f"{ASSET}/rollback", self.roll_back),
            web.delete(f"{ASSET}/versions/{{version}}", self.remove),
            web.delete(ASSET, self.remove),
            web.get("/v1/removals", self.removals),
            web.get("/v1/removals/{removal_id}", self.removal),
            web.put(f"{EDGE}/removals", self.carried_out),
        ]

    @described(Role.PUBLISHER, answer=list[VersionView], refuses=[AssetUnknown])
    async def versions(self, request: web.Request) -> web.Response:
        """All versions of an asset."""
        self._gatekeeper.require(request, Role.PUBLISHER)
        return json_answer(self._desk.versions(request.match_info["asset_id"]))

    @described(
        Role.OPERATOR,
        body=RollbackRequest,
        answer=AssetView,
        refuses=[NotJson, AssetUnknown, VersionUnknown, VersionRemoved],
    )
    async def roll_back(self, request: web.Request) -> web.Response:
        """Viewers get another version."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        if request.content_type != "application/json":
            # A form on another site's page, which a browser sends with its password, cannot be.
            raise NotJson
        asked = await read_message(request, RollbackRequest, limit=KIBIBYTE)
        asset = await self._desk.roll_back(
            request.match_info["asset_id"], asked.version, by=credential.name
        )
        said = await self._metadata.shown([asset.asset_id])
        return json_answer(self._views.asset(asset, said.get(asset.asset_id)))

    @described(
        Role.OPERATOR,
        answer=RemovalView,
        status=202,
        refuses=[AssetUnknown, VersionUnknown, OriginNotGiven],
    )
    async def remove(self, request: web.Request) -> web.Response:
        """Removes a version, or all of an asset."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        removal = await self._desk.remove(
            request.match_info["asset_id"], request.match_info.get("version"), by=credential.name
        )
        answer = json_answer(self._desk.view(removal), status=202)
        answer.headers[hdrs.LOCATION] = f"/v1/removals/{removal.removal_id}"
        return answer

    @described(Role.OPERATOR, answer=list[RemovalView])
    async def removals(self, request: web.Request) -> web.Response:
        """The newest removals."""
        self._gatekeeper.require(request, Role.OPERATOR)
        found = await self._desk.recent(limit=MOST_REMOVALS)
        return json_answer([self._desk.view(removal) for removal in found])

    @described(Role.OPERATOR, answer=RemovalView, refuses=[RemovalUnknown])
    async def removal(self, request: web.Request) -> web.Response:
        """How far a removal is."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(await self._desk.removal(request.match_info["removal_id"]))

    @described(Role.EDGE, body=CarriedOut, refuses=[EdgeMisnamed])
    async def carried_out(self, request: web.Request) -> web.Response:
        """An edge tells what it has forgotten."""
        edge_id = as_edge(self._gatekeeper, request)
        told = await read_message(request, CarriedOut, limit=128 * KIBIBYTE)
        check_name(told.edge_id, edge_id)
        await self._desk.confirm(edge_id, told.removal_ids)
        return web.Response(status=204)
