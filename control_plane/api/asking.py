"""Handlers that viewers' players ask, and pages of any site."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import hdrs, web

from common.messages.packages import IDENTIFIER_PATTERN
from control_plane.api.floods import TooManyRequests
from control_plane.library import AssetUnknown
from control_plane.metrics import ControlMetrics
from control_plane.policies import RouteBypassed, RouteDenied
from control_plane.router import FEW, NoEdgeLeft, Router
from control_plane.routing import Route
from control_plane.routing.asked import HINTS, VARIES_BY
from control_plane.routing.clients import Address

ASSET: Final = f"{{asset_id:{IDENTIFIER_PATTERN}}}"
"""The part of a path that names an asset."""
SESSION: Final = {"session": str}
"""The parameter of a query that names a playback."""
NOBODY_ELSES: Final[Mapping[str, str]] = {hdrs.CACHE_CONTROL: "private, no-store"}
"""Where a client goes is its own business, and true for a moment only."""
DEPENDS: Final[Mapping[str, str]] = {hdrs.VARY: VARIES_BY, "Accept-CH": ", ".join(HINTS)}
"""On what an answer depends, and what browsers are to tell from now on (RFC 8942 §3.1)."""


def routing(
    router: Router,
    metrics: ControlMetrics,
    result: str,
    *,
    most: int | None = FEW,
    admit: Callable[[Address], None] | None = None,
) -> Callable[[web.Request], Route]:
    """What finds the route that a request asks for, with ``most`` edges at most, and counts it as
    ``result``, or as a failure; raises as ``Router.route``, and what ``admit`` raises of the
    client's address."""
    done, unknown = metrics.routes.labels(result), metrics.routes.labels("unknown")
    no_edge, too_many = metrics.routes.labels("no edge"), metrics.routes.labels("too many")
    denied, bypassed = metrics.routes.labels("denied"), metrics.routes.labels("bypassed")

    def route(request: web.Request) -> Route:
        try:
            address = router.address(request)
            if admit is not None:
                admit(address)
            viewer = router.viewer(request, address)
            found = router.route(request.match_info["asset_id"], viewer, most)
        except TooManyRequests:
            too_many.inc()
            raise
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
