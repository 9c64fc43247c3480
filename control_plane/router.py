"""Decides where viewers go, from what is known of them, of what they ask for, and of the edges.

Touches no disk and waits for nobody.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from aiohttp import hdrs, web

from common.errors import NearcastError
from control_plane.geoip import GeoDatabase
from control_plane.library import Library
from control_plane.routing import (
    EdgeFacts,
    Estimate,
    Network,
    Place,
    Region,
    Route,
    Viewer,
    client_address,
    rank_edges,
)
from control_plane.routing.clients import Address
from control_plane.watch import Watch


class NoEdgeLeft(NearcastError):
    """No edge can serve asset {asset_id!r} now: try again soon."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class Router:
    """Knows the way."""

    def __init__(
        self,
        library: Library,
        watch: Watch,
        regions: Sequence[Region],
        geography: GeoDatabase | None,
        trusted: Sequence[Network],
    ) -> None:
        self._library = library
        self._watch = watch
        self._regions = regions
        self._geography = geography
        self._trusted = trusted
        self.estimated: Callable[[Address, int], Estimate | None] = lambda _address, _asn: None
        """What the network of an address carries, given its autonomous system."""

    def viewer(self, request: web.Request) -> Viewer:
        """Who asks."""
        return self.viewer_at(
            client_address(
                request.remote or "0.0.0.0",  # noqa: S104 - an address in no database, not a bind
                request.headers.getall(hdrs.X_FORWARDED_FOR, ()),
                self._trusted,
            )
        )

    def viewer_at(self, address: Address) -> Viewer:
        """Somebody of whom no more than the address is known."""
        location = self._geography.locate(address) if self._geography else None
        place = Place(location)
        return Viewer(address, place, self.estimated(address, place.asn))

    def route(self, asset_id: str, viewer: Viewer) -> Route:
        """Where ``viewer`` gets the current version of an asset.

        Raises:
            AssetUnknown: there is no such asset.
            NoEdgeLeft: no edge takes viewers.
        """
        package = self._library.asset(asset_id).current.announcement
        edges = rank_edges(
            asset_id,
            self._watch.serving(package),
            self._regions,
            viewer.place.location,
            str(viewer.address),
        )
        if not edges:
            raise NoEdgeLeft(asset_id=asset_id)
        return Route(package, viewer, edges, package.entry)

    def anywhere(self, viewer: Viewer) -> Sequence[EdgeFacts]:
        """The edges that take viewers, the best for ``viewer`` first, whatever they hold."""
        location, address = viewer.place.location, str(viewer.address)
        return rank_edges("", self._watch.taking(), self._regions, location, address)
