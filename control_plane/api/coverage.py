"""Operators tell over HTTP which regions serve which networks."""

from aiohttp import hdrs, web

from common.messages.zones import CoverageView, CoverageZones
from common.service import Gatekeeper, Role
from control_plane.api.bodies import read_body
from control_plane.api.describing import described
from control_plane.api.versions import NotJson
from control_plane.coverage import Coverage
from control_plane.documents.port import DOCUMENT_AT_MOST
from control_plane.routing.zones import ZonesInvalid

ZONES = "/v1/zones"


class CoverageApi:
    """Handlers for coverage zones."""

    def __init__(self, coverage: Coverage, gatekeeper: Gatekeeper) -> None:
        self._coverage = coverage
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.get(ZONES, self.zones),
            web.put(ZONES, self.tell),
            web.delete(ZONES, self.forget),
        ]

    @described(Role.OPERATOR, answer=CoverageView)
    async def zones(self, request: web.Request) -> web.Response:
        """All zones, and who told them."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return await self._shown()

    @described(
        Role.OPERATOR,
        body=CoverageZones,
        answer=CoverageView,
        refuses=[NotJson, ZonesInvalid],
    )
    async def tell(self, request: web.Request) -> web.Response:
        """The zones of the body hold from now on, in place of all others, and after restarts."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        if request.content_type != "application/json":
            # A form on another site's page, which a browser sends with its password, cannot be.
            raise NotJson
        body = await read_body(request, limit=DOCUMENT_AT_MOST)
        await self._coverage.tell(body, by=credential.name)
        return await self._shown()

    @described(Role.OPERATOR)
    async def forget(self, request: web.Request) -> web.Response:
        """There are no zones from now on."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        await self._coverage.forget(by=credential.name)
        return web.Response(status=204)

    async def _shown(self) -> web.Response:
        body = await self._coverage.view()
        fields = {hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(body=body, content_type="application/json", headers=fields)
