"""``/steer/{asset_id}`` tells players where to play from, while they play (HLS Content Steering,
rfc8216bis §7)."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
from aiohttp import web

from common.clock import Clock
from common.hls import HERE, PathwayClone, steering_manifest
from control_plane.api.asking import ASSET, NOBODY_ELSES, routing
from control_plane.api.describing import described
from control_plane.library import AssetUnknown
from control_plane.metrics import ControlMetrics
from control_plane.policies import RouteBypassed, RouteDenied
from control_plane.router import NoEdgeLeft, Router
from control_plane.routing import Estimate
from control_plane.routing.clients import Address
from control_plane.steering import NEAR, Ranks, Session, SteeringSettings, Words, host, steer

NAME_BYTES: Final = 9
"""Of chance in a session's name: twelve characters."""

FromEdge = Callable[[str, Address], Estimate | None]
"""What is known of the network of an address from an edge on."""


class SteerApi:
    """Handlers of ``/steer/``; they touch no disk and wait for nobody."""

    def __init__(
        self,
        router: Router,
        metrics: ControlMetrics,
        rules: SteeringSettings,
        clock: Clock,
        from_edge: FromEdge,
    ) -> None:
        self._router = router
        self._route = routing(router, metrics, "steered", most=NEAR)
        self._sessions = metrics.sessions
        self._rules = rules
        # A relative one holds behind proxies that move the path.
        self._base = f"{rules.url.rstrip('/')}/" if rules.url is not None else ""
        self._clock = clock
        self._from_edge = from_edge

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are. GET answers HEAD too."""
        return [web.get(f"/steer/{ASSET}", self.steer)]

    @described(
        answer=dict[str, Any],
        query={"_HLS_pathway": str, "_HLS_throughput": str, "CMCD": str},
        refuses=[AssetUnknown, NoEdgeLeft, RouteDenied, RouteBypassed],
    )
    async def steer(self, request: web.Request) -> web.Response:
        """From which edge a session plays, and where it goes on when that one fails.

        Without an edge that takes viewers it is a 503: a player then keeps what it has, and asks
        again (rfc8216bis §7.2). 410, which ends steering for the whole session, is for those alone
        whom a policy sends elsewhere.
        """
        route, now, query = self._route(request), self._clock.now(), request.query
        address = route.viewer.address
        told = steer(
            Session.carried(query, secrets.token_urlsafe(NAME_BYTES), now),
            Words.heard(query, request.headers),
            Ranks(
                self._router.around(route),
                route.package.version,
                partial(self._router.edge_named, route),
            ),
            now,
            self._rules,
            partial(_of, self._from_edge, address),
        )
        self._sessions.labels(told.why.value).inc()
        manifest = steering_manifest(
            seconds=told.seconds,
            reload=f"{self._base}{route.package.asset_id}?{told.session.query}",
            priority=told.priority,
            clones=[PathwayClone(edge.edge_id, HERE, host(edge)) for edge in told.edges],
        )
        return web.Response(
            body=msgspec.json.encode(manifest),
            content_type="application/json",
            headers=NOBODY_ELSES,
        )


def _of(from_edge: FromEdge, address: Address, edge_id: str) -> Estimate | None:
    return from_edge(edge_id, address)
