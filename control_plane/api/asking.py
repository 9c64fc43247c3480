"""Handlers that viewers' players ask, and pages of any site."""

from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from common.messages.packages import IDENTIFIER_PATTERN
from control_plane.library import AssetUnknown
from control_plane.metrics import ControlMetrics
from control_plane.policies import RouteBypassed, RouteDenied
from control_plane.router import NoEdgeLeft, Router
from control_plane.routing import Route

ASSET: Final = f"{{asset_id:{IDENTIFIER_PATTERN}}}"
"""The part of a path that names an asset."""
SESSION: Final = {"session": str}
"""The parameter of a query that names a playback."""
NOBODY_ELSES: Final = {hdrs.CACHE_CONTROL: "private, no-store"}
"""Where a client goes is its own business, and true for a moment only."""


def routing(router: Router, metrics: ControlMetrics, result: str) -> Callable[[web.Request], Route]:
    """What finds the route that a request asks for and counts it as ``result``, or as a failure;
    raises as ``Router.route``."""
    done, unknown = metrics.routes.labels(result), metrics.routes.labels("unknown")
    no_edge = metrics.routes.labels("no edge")
    denied, bypassed = metrics.routes.labels("denied"), metrics.routes.labels("bypassed")

    def route(request: web.Request) -> Route:
        try:
            found = router.route(request.match_info["asset_id"], router.viewer(request))
        except AssetUnknown:
            unknown.inc()
            raise
        except NoEdgeLeft:
            no_edge.inc()
            raise
        except RouteDenied:
            denied.inc()
            raise
        except RouteBypassed:
            bypassed.inc()
            raise
        done.inc()
        return found

    return route


def elsewhere(error: RouteDenied | RouteBypassed) -> web.Response:
    """The redirection of a viewer whom a policy has elsewhere.

    Raises:
        RouteDenied: ``error``, when it tells of nowhere to go.
    """
    url = error.facts.get("url")
    if url is None:
        raise error
    return web.Response(status=302, headers={hdrs.LOCATION: url, **NOBODY_ELSES})


async def allow_any_origin(request: web.Request, response: web.StreamResponse) -> None:
    """Lets players on pages of any site read the answers, the failures included."""
    if request.path.startswith(("/play/", "/steer/")):
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
