"""``/steer/{asset_id}`` tells players where to go on when the edge that they play from fails (HLS
Content Steering, rfc8216bis §7)."""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from common.hls import HERE, PathwayClone, steering_manifest
from control_plane.api.asking import ASSET, NOBODY_ELSES, routing
from control_plane.api.describing import described
from control_plane.library import AssetUnknown
from control_plane.metrics import ControlMetrics
from control_plane.router import NoEdgeLeft, Router

STEERED_FOR: Final = 30
"""Seconds after which a player asks again."""


class SteerApi:
    """Handlers of ``/steer/``; they touch no disk and wait for nobody."""

    def __init__(self, router: Router, metrics: ControlMetrics) -> None:
        self._route = routing(router, metrics, "steered")

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are. GET answers HEAD too."""
        return [web.get(f"/steer/{ASSET}", self.steer)]

    @described(answer=dict[str, Any], refuses=[AssetUnknown, NoEdgeLeft])
    async def steer(self, request: web.Request) -> web.Response:
        """To which other edges a player goes when the one that it plays from fails, best first."""
        route = self._route(request)
        manifest = steering_manifest(
            seconds=STEERED_FOR,
            reload=request.path,
            priority=[HERE, *(edge.edge_id for edge in route.edges)],
            clones=[
                PathwayClone(edge.edge_id, HERE, urlsplit(edge.url).netloc) for edge in route.edges
            ],
        )
        return web.Response(
            body=msgspec.json.encode(manifest),
            content_type="application/json",
            headers=NOBODY_ELSES,
        )
