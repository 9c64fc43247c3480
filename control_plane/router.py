"""Decides where viewers go, from what is known of them, of what they ask for, and of the edges.

Touches no disk and waits for nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from aiohttp import hdrs, web

from common.errors import NearcastError
from common.signing import SESSION, session_told
from control_plane.library import Library
from control_plane.minting import Minter
from control_plane.places import Places
from control_plane.policies import Policies
from control_plane.routing import (
    EdgeFacts,
    Estimate,
    Network,
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
        places: Places,
        policies: Policies,
        trusted: Sequence[Network],
        minter: Minter | None = None,
    ) -> None:
        self._library = library
        self._watch = watch
        self._regions = regions
        self._places = places
        self._policies = policies
        self._trusted = trusted
        self._minter = minter
        self.estimated: Callable[[Address, int], Estimate | None] = lambda _address, _asn: None
        """What the network of an address carries, given its autonomous system."""

    def viewer(self, request: web.Request) -> Viewer:
        """Who asks."""
        viewer = self.viewer_at(
            client_address(
                request.remote or "0.0.0.0",  # noqa: S104 - an address in no database, not a bind
                request.headers.getall(hdrs.X_FORWARDED_FOR, ()),
                self._trusted,
            )
        )
        return replace(viewer, session=asked_session(request))

    def viewer_at(self, address: Address) -> Viewer:
        """Somebody of whom no more than the address is known."""
        place = self._places.find(address)
        return Viewer(address, place, self.estimated(address, place.asn))

    def route(self, asset_id: str, viewer: Viewer) -> Route:
        """Where ``viewer`` gets the current version of an asset.

        Raises:
            AssetUnknown: there is no such asset.
            RouteDenied: the viewer may not watch it.
            RouteBypassed: the viewer gets it from elsewhere.
            NoEdgeLeft: no edge takes viewers.
        """
        package = self._library.asset(asset_id).current.announcement
        self._policies.check(package, viewer)
        edges = rank_edges(
            asset_id,
            self._watch.serving(package),
            self._regions,
            viewer.place.location,
            str(viewer.address),
        )
        if not edges:
            raise NoEdgeLeft(asset_id=asset_id)
        if self._minter is None:
            return Route(package, viewer, edges, package.entry)
        opener = partial(self._minter.opening, package, viewer)
        query = self._minter.query(viewer)
        return Route(package, viewer, edges, package.entry, opener=opener, query=query)

    def anywhere(self, viewer: Viewer) -> Sequence[EdgeFacts]:
        """The edges that take viewers, the best for ``viewer`` first, whatever they hold."""
        location, address = viewer.place.location, str(viewer.address)
        return rank_edges("", self._watch.taking(), self._regions, location, address)


def asked_session(request: web.Request) -> str:
    """The playback that a request is about: its parameter ``session``, or what CMCD tells; empty
    for none, or one that cannot be."""
    named = request.query.get("session", "")
    if SESSION.fullmatch(named):
        return named
    return session_told(
        request.rel_url.raw_query_string, ", ".join(request.headers.getall("CMCD-Session", ()))
    )
