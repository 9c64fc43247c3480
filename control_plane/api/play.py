"""``/play/{asset_id}``: sends a viewer to the best edge, or tells which it would be and why."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from common.messages import RankedEdge, RouteView, encode
from control_plane.api.asking import ASSET, DEPENDS, NOBODY_ELSES, elsewhere, routing
from control_plane.api.describing import described
from control_plane.api.floods import Floods, TooManyRequests
from control_plane.library import AssetUnknown
from control_plane.metrics import ControlMetrics
from control_plane.minting import SessionMissing
from control_plane.policies import RouteBypassed, RouteDenied
from control_plane.router import NoEdgeLeft, Router
from control_plane.routing import Region, Route, reasons
from control_plane.routing.asked import PARAMETERS

FIELDS: Final = CIMultiDict({**NOBODY_ELSES, **DEPENDS})
ASKED: Final[Mapping[str, type]] = dict.fromkeys(PARAMETERS, str)
"""The parameters of a query."""
REFUSES: Final = (
    *(AssetUnknown, NoEdgeLeft, RouteDenied, RouteBypassed, SessionMissing, TooManyRequests),
)
"""What a route may end in."""


class PlayApi:
    """Handlers of ``/play/``; they touch no disk and wait for nobody."""

    def __init__(
        self, router: Router, regions: Sequence[Region], floods: Floods, metrics: ControlMetrics
    ) -> None:
        self._router = router
        self._regions = regions
        self._redirected = routing(router, metrics, "redirected", most=1, admit=floods.admit)
        self._explained = routing(router, metrics, "explained", most=None, admit=floods.admit)

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are. GET answers HEAD too."""
        return [
            web.get(f"/play/{ASSET}", self.redirect),
            web.get(f"/play/{ASSET}.json", self.explain),
        ]

    @described(
        status=302,
        query=ASKED,
        refuses=REFUSES,
    )
    async def redirect(self, request: web.Request) -> web.Response:
        """302 to the multivariant playlist on the best edge.

        Raises:
            TooManyRequests: the client asks too often.
        """
        try:
            route = self._redirected(request)
        except (RouteDenied, RouteBypassed) as error:
            return elsewhere(error)
        if request.method == hdrs.METH_GET:
            self._router.sent(route)
        response = web.Response(status=302, headers=FIELDS)
        response.headers[hdrs.LOCATION] = route.play
        return response

    @described(
        answer=RouteView,
        query=ASKED,
        refuses=REFUSES,
    )
    async def explain(self, request: web.Request) -> web.Response:
        """The ranked edges, with the reason for each rank; raises as ``redirect``."""
        route = self._explained(request)
        package, viewer = route.package, route.viewer
        location = viewer.place.location
        view = RouteView(
            asset_id=package.asset_id,
            version=package.version,
            client=str(viewer.address),
            location=location.name if location is not None else "unknown",
            edges=ranked_edges(route, self._regions),
            poster=route.url(route.best, package.poster),
            preview=route.url(route.best, package.preview),
            storyboard=route.url(route.best, package.storyboard),
            profile=route.chosen.profile.value,
            decided_by=route.chosen.reason,
        )
        return web.Response(
            body=encode(view), content_type="application/json", headers=FIELDS.copy()
        )


def ranked_edges(route: Route, regions: Sequence[Region]) -> tuple[RankedEdge, ...]:
    """The edges of ``route``, with the reason for each rank."""
    why = reasons(route.edges, regions, route.viewer.place)
    return tuple(
        RankedEdge(
            rank=number,
            edge_id=edge.edge_id,
            region=edge.region,
            url=route.url(edge, route.entry),
            reason=reason,
        )
        for number, (edge, reason) in enumerate(zip(route.edges, why, strict=True), start=1)
    )
