"""``/play/{asset_id}``: sends a viewer to the best edge, or tells which it would be and why.

``/steer/{asset_id}`` tells players where to go on when that edge fails (HLS Content Steering).
"""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple, overload
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web

from common.errors import NearcastError
from common.hls import HERE, PathwayClone, steering_manifest
from common.messages import PackageAnnouncement, RankedEdge, RouteView, encode
from common.messages.packages import IDENTIFIER_PATTERN
from control_plane.geoip import GeoDatabase
from control_plane.library import AssetUnknown, Library
from control_plane.metrics import ControlMetrics
from control_plane.routing import (
    EdgeFacts,
    Location,
    Network,
    Region,
    client_address,
    rank_edges,
    reasons,
)
from control_plane.routing.clients import Address
from control_plane.watch import Watch

ASSET: Final = f"{{asset_id:{IDENTIFIER_PATTERN}}}"
"""The part of a path that names an asset."""

STEERED_FOR: Final = 30
"""Seconds after which a player asks again."""


class NoEdgeLeft(NearcastError):
    """No edge can serve asset {asset_id!r} now: try again soon."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class _Route(NamedTuple):
    package: PackageAnnouncement
    client: Address
    location: Location | None
    edges: list[EdgeFacts]
    """Best first; at least one."""


class PlayApi:
    """Handlers of ``/play/``; they touch no disk and wait for nobody."""

    def __init__(
        self,
        library: Library,
        watch: Watch,
        regions: Sequence[Region],
        geography: GeoDatabase | None,
        trusted: Sequence[Network],
        metrics: ControlMetrics,
    ) -> None:
        self._library = library
        self._watch = watch
        self._regions = regions
        self._geography = geography
        self._trusted = trusted
        self._redirected = metrics.routes.labels("redirected")
        self._explained = metrics.routes.labels("explained")
        self._steered = metrics.routes.labels("steered")
        self._unknown = metrics.routes.labels("unknown")
        self._no_edge = metrics.routes.labels("no edge")

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are. GET answers HEAD too."""
        return [
            web.get(f"/play/{ASSET}", self.redirect),
            web.get(f"/play/{ASSET}.json", self.explain),
            web.get(f"/steer/{ASSET}", self.steer),
        ]

    async def redirect(self, request: web.Request) -> web.Response:
        """302 to the multivariant playlist on the best edge."""
        route = self._route(request)
        self._redirected.inc()
        return web.Response(
            status=302,
            headers={
                hdrs.LOCATION: _address_on(route.edges[0], route.package.entry),
                # Where a client goes is its own business and true for a moment only.
                hdrs.CACHE_CONTROL: "private, no-store",
            },
        )

    async def explain(self, request: web.Request) -> web.Response:
        """The ranked edges, with the reason for each rank."""
        route = self._route(request)
        self._explained.inc()
        package, best = route.package, route.edges[0]
        why = reasons(route.edges, self._regions, route.location)
        view = RouteView(
            asset_id=package.asset_id,
            version=package.version,
            client=str(route.client),
            location=route.location.name if route.location else "unknown",
            edges=tuple(
                RankedEdge(
                    rank=number,
                    edge_id=edge.edge_id,
                    region=edge.region,
                    url=_address_on(edge, package.entry),
                    reason=reason,
                )
                for number, (edge, reason) in enumerate(zip(route.edges, why, strict=True), start=1)
            ),
            poster=_address_on(best, package.poster),
            preview=_address_on(best, package.preview),
            storyboard=_address_on(best, package.storyboard),
        )
        return web.Response(
            body=encode(view),
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "private, no-store"},
        )

    async def steer(self, request: web.Request) -> web.Response:
        """To which other edges a player goes when the one that it plays from fails, best first."""
        route = self._route(request)
        self._steered.inc()
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
            headers={hdrs.CACHE_CONTROL: "private, no-store"},
        )

    @staticmethod
    async def allow_any_origin(request: web.Request, response: web.StreamResponse) -> None:
        """Lets players on pages of any site read the answers, the failures included."""
        if request.path.startswith(("/play/", "/steer/")):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"

    def _route(self, request: web.Request) -> _Route:
        try:
            package = self._library.asset(request.match_info["asset_id"]).current.announcement
        except AssetUnknown:
            self._unknown.inc()
            raise
        client = client_address(
            request.remote or "0.0.0.0",  # noqa: S104 - an address in no database, not a bind
            request.headers.getall(hdrs.X_FORWARDED_FOR, ()),
            self._trusted,
        )
        location = self._geography.locate(client) if self._geography else None
        ranked = rank_edges(
            package.asset_id, self._watch.serving(package), self._regions, location, str(client)
        )
        if not ranked:
            self._no_edge.inc()
            raise NoEdgeLeft(asset_id=package.asset_id)
        return _Route(package, client, location, ranked)


@overload
def _address_on(edge: EdgeFacts, key: str) -> str: ...
@overload
def _address_on(edge: EdgeFacts, key: str | None) -> str | None: ...
def _address_on(edge: EdgeFacts, key: str | None) -> str | None:
    return f"{edge.url.rstrip('/')}/{key}" if key is not None else None
