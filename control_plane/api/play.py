"""``/play/{asset_id}``: sends a viewer to the best edge, or tells which it would be and why."""

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from common.messages import RankedEdge, RouteView, encode
from control_plane.api.asking import ASSET, NOBODY_ELSES, SESSION, elsewhere, routing
from control_plane.api.describing import described
from control_plane.library import AssetUnknown
from control_plane.metrics import ControlMetrics
from control_plane.minting import SessionMissing
from control_plane.policies import RouteBypassed, RouteDenied
from control_plane.router import NoEdgeLeft, Router
from control_plane.routing import Region, reasons

REFUSES: Final = (AssetUnknown, NoEdgeLeft, RouteDenied, RouteBypassed, SessionMissing)
"""What a route may end in."""


class PlayApi:
    """Handlers of ``/play/``; they touch no disk and wait for nobody."""

    def __init__(self, router: Router, regions: Sequence[Region], metrics: ControlMetrics) -> None:
        self._regions = regions
        self._redirected = routing(router, metrics, "redirected")
        self._explained = routing(router, metrics, "explained")

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are. GET answers HEAD too."""
        return [
            web.get(f"/play/{ASSET}", self.redirect),
            web.get(f"/play/{ASSET}.json", self.explain),
        ]

    @described(status=302, query=SESSION, refuses=REFUSES)
    async def redirect(self, request: web.Request) -> web.Response:
        """302 to the multivariant playlist on the best edge."""
        try:
            route = self._redirected(request)
        except (RouteDenied, RouteBypassed) as error:
            return elsewhere(error)
        location = route.url(route.best, route.entry)
        return web.Response(status=302, headers={hdrs.LOCATION: location, **NOBODY_ELSES})

    @described(answer=RouteView, query=SESSION, refuses=REFUSES)
    async def explain(self, request: web.Request) -> web.Response:
        """The ranked edges, with the reason for each rank."""
        route = self._explained(request)
        package, viewer = route.package, route.viewer
        location = viewer.place.location
        why = reasons(route.edges, self._regions, location)
        view = RouteView(
            asset_id=package.asset_id,
            version=package.version,
            client=str(viewer.address),
            location=location.name if location is not None else "unknown",
            edges=tuple(
                RankedEdge(
                    rank=number,
                    edge_id=edge.edge_id,
                    region=edge.region,
                    url=route.url(edge, route.entry),
                    reason=reason,
                )
                for number, (edge, reason) in enumerate(zip(route.edges, why, strict=True), start=1)
            ),
            poster=route.url(route.best, package.poster),
            preview=route.url(route.best, package.preview),
            storyboard=route.url(route.best, package.storyboard),
        )
        return web.Response(
            body=encode(view), content_type="application/json", headers=NOBODY_ELSES
        )
