"""Decides where viewers go, from what is known of them, of what they ask for, and of the edges.

Touches no disk and waits for nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import ClassVar, Final

from aiohttp import hdrs, web
from multidict import istr

from common.clock import Clock
from common.errors import NearcastError
from common.messages import PackageAnnouncement, PackageName
from common.signing import SESSION, session_told
from control_plane.devices import Devices
from control_plane.fleet import Fleet
from control_plane.library import Library
from control_plane.minting import Minter
from control_plane.places import Places
from control_plane.policies import Policies
from control_plane.routing import (
    Bandwidth,
    Chosen,
    Device,
    EdgeFacts,
    Estimate,
    Location,
    Network,
    Route,
    Serving,
    Step,
    Told,
    Viewer,
    bandwidth,
    choose,
    client_address,
    decide,
    explain,
    region_order,
)
from control_plane.routing.asked import FIELDS, parameters
from control_plane.routing.clients import Address
from control_plane.routing.load import told_load
from control_plane.routing.place import Place
from control_plane.routing.profile import expected_rate, playlist_key
from control_plane.watch import Watch

FEW: Final = 8
"""Edges that a route has as a rule: a player that has tried as many has another trouble."""
ORDERS: Final = 16384
"""Places whose order of regions is remembered."""
CLIENTS: Final = 16384
"""Clients whose addresses and places are remembered by what connections tell; about 5 MB."""
LONGEST_CHAIN: Final = 80
"""Characters of X-Forwarded-For that are remembered."""
_FIELDS: Final = tuple((istr(name), name, longest) for name, longest in FIELDS.items())
_NONE: Final[Mapping[str, str]] = {}


class NoEdgeLeft(NearcastError):
    """No edge can serve asset {asset_id!r} now: try again soon."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class Router:
    """Knows the way."""

    def __init__(
        self,
        library: Library,
        fleet: Fleet,
        watch: Watch,
        clock: Clock,
        devices: Devices,
        places: Places,
        policies: Policies,
        trusted: Sequence[Network],
        minter: Minter | None = None,
    ) -> None:
        self._library = library
        self._fleet = fleet
        self._watch = watch
        self._clock = clock
        self._devices = devices
        self._places = places
        self._policies = policies
        self._trusted = trusted
        self._minter = minter
        self.estimated: Callable[[Address, int], Estimate | None] = lambda _address, _asn: None
        """What the network of an address carries, given its autonomous system."""
        self._find = places.find
        """What ``clients`` were found with."""
        self._clients = lru_cache(CLIENTS)(self._client)
        self._regions = fleet.rules.regions
        self._serving = Serving()
        self._shares: Mapping[str, float] = {}
        """Those of which ``serving`` was made."""
        self._order = lru_cache(ORDERS)(self._ordered)

    def address(self, request: web.Request) -> Address:
        """The address of who asks."""
        return client_address(
            request.remote or "0.0.0.0",  # noqa: S104 - an address in no database, not a bind
            request.headers.getall(hdrs.X_FORWARDED_FOR, ()),
            self._trusted,
        )

    def viewer(self, request: web.Request, address: Address | None = None) -> Viewer:
        """Who asks, at ``address`` where that is known already."""
        headers = request.headers
        fields = {
            name: value[:longest]
            for field, name, longest in _FIELDS
            if (value := headers.get(field)) is not None
        }
        address = address or self.address(request)
        place = self._places.find(address)
        told = ", ".join(headers.getall("CMCD-Session", ()))
        return self._viewer(address, place, fields, request.rel_url.raw_query_string, told)

    def viewer_behind(
        self, peer: str, forwarded_for: str | None, fields: Mapping[str, str], query: str, told: str
    ) -> Viewer:
        """Who asks.

        Args:
            peer: the address at the other end of the connection.
            forwarded_for: X-Forwarded-For; None for none.
            fields: what counts of the request's, with names in lower case.
            query: its query, as it came.
            told: CMCD-Session, whole; empty for none.
        """
        if self._find is not self._places.find:
            # Places are others now.
            self._find = self._places.find
            self._clients = lru_cache(CLIENTS)(self._client)
        short = forwarded_for is None or len(forwarded_for) <= LONGEST_CHAIN
        client = (self._clients if short else self._client)(peer, forwarded_for)
        return self._viewer(*client, fields, query, told)

    def _client(self, peer: str, forwarded_for: str | None) -> tuple[Address, Place]:
        chain = () if forwarded_for is None else (forwarded_for,)
        address = client_address(peer, chain, self._trusted)
        return address, self._places.find(address)

    def _viewer(
        self, address: Address, place: Place, fields: Mapping[str, str], raw_query: str, told: str
    ) -> Viewer:
        query = parameters(raw_query) if raw_query else _NONE
        session = _session(raw_query, query, told)
        return Viewer(address, place, self.estimated(address, place.asn), fields, query, session)

    def viewer_at(self, address: Address) -> Viewer:
        """Somebody of whom no more than the address is known."""
        place = self._places.find(address)
        return Viewer(address, place, self.estimated(address, place.asn))

    def route(self, asset_id: str, viewer: Viewer, most: int | None = FEW) -> Route:
        """Where ``viewer`` gets the current version of an asset, with ``most`` edges at most; with
        all of them for None.

        Raises:
            AssetUnknown: there is no such asset.
            RouteDenied: the viewer may not watch it.
            RouteBypassed: the viewer gets it from elsewhere.
            NoEdgeLeft: no edge takes viewers.
        """
        package = self._library.asset(asset_id).current.announcement
        self._policies.check(package, viewer, self._entry)
        return self._found(package, viewer, most)

    def _found(self, package: PackageAnnouncement, viewer: Viewer, most: int | None) -> Route:
        asset_id, place = package.asset_id, viewer.place
        edges = decide(
            asset_id,
            self._fleet.holders(PackageName(asset_id, package.version)),
            viewer.address.packed,
            self._now().in_order(self._order(place.location, place.regions)),
            most,
        )
        if not edges:
            raise NoEdgeLeft(asset_id=asset_id)
        device, network, chosen = self._chosen(package, viewer)
        minter = self._minter
        return Route(
            package=package,
            viewer=viewer,
            edges=edges,
            entry=playlist_key(package, chosen.profile),
            opener=partial(minter.opening, package, viewer) if minter is not None else str,
            query=minter.query(viewer) if minter is not None else "",
            chosen=chosen,
            device=device,
            network=network,
        )

    def _chosen(
        self, package: PackageAnnouncement, viewer: Viewer
    ) -> tuple[Device, Bandwidth, Chosen]:
        device = self._devices.of(viewer.fields, viewer.query)
        network = bandwidth(viewer.fields, viewer.query, viewer.estimate)
        asked = viewer.query.get("profile", "")
        return device, network, choose(package.profiles, device, network, asked)

    def _entry(self, package: PackageAnnouncement, viewer: Viewer) -> str:
        _, _, chosen = self._chosen(package, viewer)
        return playlist_key(package, chosen.profile)

    def anywhere(self, viewer: Viewer) -> Sequence[EdgeFacts]:
        """The edges that take viewers, the best for ``viewer`` first, whatever they hold."""
        place = viewer.place
        regions = self._now().in_order(self._order(place.location, place.regions))
        return decide("", (), viewer.address.packed, regions)

    def around(self, route: Route) -> Sequence[EdgeFacts]:
        """The edges of ``route``, and the best one of the other regions where all are of one."""
        regions = {edge.region for edge in route.edges}
        if len(regions) > 1:
            return route.edges
        place, package = route.viewer.place, route.package
        farther = decide(
            package.asset_id,
            self._fleet.holders(PackageName(package.asset_id, package.version)),
            route.viewer.address.packed,
            [
                region
                for region in self._now().in_order(self._order(place.location, place.regions))
                if region.name not in regions
            ],
            most=1,
        )
        return [*route.edges, *farther]

    def edge_named(self, route: Route, edge_id: str) -> EdgeFacts | None:
        """An edge that takes viewers, be it among those of ``route`` or not, as it is for that
        viewer; None for one that does not, or was never heard of."""
        serving, package = self._now(), route.package
        edge = serving.edge(edge_id)
        if edge is None:
            return None
        holds = self._fleet.holds(edge_id, PackageName(package.asset_id, package.version))
        turn = serving.regions[edge.region].turn(edge, route.viewer.address.packed)
        return edge.facts(holds=holds, turn=turn)

    def sent(self, route: Route) -> None:
        """A viewer was sent where ``route`` says: what this takes of the edge counts from now
        on."""
        rate = expected_rate(route.chosen.profile, route.network)
        self._serving.send(route.best.edge_id, rate, self._clock.monotonic())

    def explained(self, asset_id: str, viewer: Viewer) -> tuple[Route, list[Step]]:
        """The route of ``viewer`` with all its edges, whatever policies say; and how it was found.

        Raises:
            AssetUnknown: there is no such asset.
            NoEdgeLeft: no edge takes viewers.
        """
        package = self._library.asset(asset_id).current.announcement
        route = self._found(package, viewer, None)
        judged = self._policies.judge(package, viewer)
        return route, explain(route, self._regions, self._now().regions, *judged)

    def _ordered(self, location: Location | None, preferred: tuple[str, ...]) -> tuple[str, ...]:
        return region_order(self._regions, location, preferred)

    def _now(self) -> Serving:
        """The edges that take viewers, as they were at the last look."""
        shares = self._watch.shares()
        if shares is not self._shares:
            self._shares = shares
            known = {region.name for region in self._regions}
            told = (self._told(edge_id, share) for edge_id, share in shares.items())
            self._serving.update(
                [each for each in told if each is not None and each.region in known],
                self._clock.monotonic(),
            )
        return self._serving

    def _told(self, edge_id: str, share: float) -> Told | None:
        record = self._fleet.edge(edge_id)
        if record is None:
            return None
        beat = record.heartbeat
        return Told(
            edge_id=edge_id,
            region=record.region,
            url=beat.url,
            share=share,
            load=told_load(sending=beat.sending, bandwidth=beat.bandwidth, processors=beat.load),
            bandwidth=beat.bandwidth,
            weight=beat.weight,
        )


def _session(raw_query: str, query: Mapping[str, str], told: str) -> str:
    """The playback that a request is about: its parameter ``session``, or what CMCD tells; empty
    for none, or one that cannot be."""
    named = query.get("session", "") if query else ""
    if named and SESSION.fullmatch(named):
        return named
    return session_told(raw_query, told) if told or "CMCD" in query else ""
