"""The control plane's picture of catalog and fleet: in memory, so that routing waits for nobody.

The picture is drawn anew from the catalog every second, which is how several control planes see the
same, and at once after what this one is told. What edges tell is written down a moment later, so
that a database that is away or slow keeps no edge waiting: the last picture serves, and goes on.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import (
    DesiredState,
    EdgeState,
    Heartbeat,
    HeartbeatAnswer,
    Holdings,
    OrderedRemovals,
    PackageAnnouncement,
)
from control_plane import health, placement
from control_plane.catalog import Asset, Catalog, EdgeRecord, History, Package, Pin, Removal
from control_plane.removal.orders import ordered
from control_plane.routing.rank import EdgeFacts, Region

_log = logs.get(__name__)


class AssetUnknown(NearcastError):
    """There is no asset {asset_id!r}."""

    status = 404


class EdgeUnknown(NearcastError):
    """The edge {edge_id!r} has not been heard of: it must send a heartbeat first."""

    status = 404


class RegionUnknown(NearcastError):
    """The edge {edge_id!r} says it is in region {region!r}, which the settings do not have."""

    status = 422


@dataclass(frozen=True)
class Rules:
    """What the settings say of fleet and placement."""

    regions: tuple[Region, ...]
    copies_per_region: int
    silence: float
    """Seconds without a heartbeat after which an edge is down."""
    patience: float
    """Seconds that a silent edge keeps its packages before they are placed elsewhere."""


@dataclass(frozen=True)
class _Picture:
    history: History = field(default_factory=History)
    removals: tuple[Removal, ...] = ()
    """Those that are not done, the oldest first."""
    orders: OrderedRemovals = field(default_factory=lambda: ordered(()))
    assets: Mapping[str, Asset] = field(default_factory=dict)
    edges: Mapping[str, EdgeRecord] = field(default_factory=dict)
    candidates: tuple[placement.Candidate, ...] = ()
    wanted: Mapping[tuple[str, str], placement.Wanted] = field(default_factory=dict)
    desired: Mapping[str, DesiredState] = field(default_factory=dict)


class Fleet:
    """Knows assets and edges, and what should be where."""

    def __init__(self, catalog: Catalog, clock: Clock, rules: Rules) -> None:
        self._catalog = catalog
        self._clock = clock
        self.rules = rules
        self._picture = _Picture()
        self._unsaved_heartbeats: dict[str, EdgeRecord] = {}
        self._unsaved_holdings: dict[str, Holdings] = {}
        self._unread: str | None = "the catalog was not read yet"
        self._unwritten: str | None = None

    @property
    def away(self) -> str | None:
        """Why picture and catalog may differ; None when both are fresh."""
        return self._unread or self._unwritten

    async def save(self) -> None:
        """Writes down what edges told since the last time. Never raises: what cannot be written is
        kept for the next time, the latest of each edge."""
        try:
            for record in list(self._unsaved_heartbeats.values()):
                await self._catalog.record_heartbeat(record.heartbeat, record.heard_at)
                if self._unsaved_heartbeats.get(record.edge_id) is record:
                    del self._unsaved_heartbeats[record.edge_id]
            for holdings in list(self._unsaved_holdings.values()):
                await self._catalog.record_holdings(holdings)
                if self._unsaved_holdings.get(holdings.edge_id) is holdings:
                    del self._unsaved_holdings[holdings.edge_id]
        except NearcastError as error:
            if self._unwritten is None:
                _log.warning("what edges tell is not written down", reason=str(error))
            self._unwritten = str(error)
        else:
            self._unwritten = None

    async def refresh(self) -> None:
        """Draws the picture anew. Never raises: an old picture is better than none.

        Not to be called while ``save`` runs.
        """
        try:
            read = await self._catalog.edges()
            told = await self._catalog.holdings(self._with_other_holdings(read))
            before = self._picture
            removals = await self._catalog.open_removals()
            history: History | None = None
            if await self._catalog.counts() != before.history.counts:
                history = History.of(
                    await self._catalog.packages(),
                    await self._catalog.pins(),
                    await self._catalog.tombstones(),
                )
        except NearcastError as error:
            # Unreachable, or with a record in it that this release cannot read.
            if self._unread is None:
                _log.warning("routing from the last picture", reason=str(error))
            self._unread = str(error)
            return
        if self._unread is not None:
            _log.info("the catalog answers")
        self._unread = None
        edges = self._merged(read, {holdings.edge_id: holdings for holdings in told})
        self._order(before, removals)
        # What was done here while the catalog was read stays in the picture.
        self._draw(edges, history and self._picture.history.joined(history))

    def _with_other_holdings(self, read: Iterable[EdgeRecord]) -> list[str]:
        """The edges whose holdings are not the ones that their heartbeat names: holdings are long,
        and most of the time they are known."""
        mine = self._picture.edges
        return [
            record.edge_id
            for record in read
            if record.edge_id not in mine
            or (held := mine[record.edge_id].holdings) is None
            or held.revision != record.heartbeat.holdings_revision
        ]

    def _merged(
        self, read: Iterable[EdgeRecord], told: Mapping[str, Holdings]
    ) -> dict[str, EdgeRecord]:
        """Of what was read and what this process heard itself, the newer."""
        edges = dict(self._picture.edges)
        for record in read:
            mine = edges.get(record.edge_id)
            if mine is None or mine.heard_at < record.heard_at:
                edges[record.edge_id] = replace(record, holdings=mine.holdings if mine else None)
        for edge_id, holdings in {**told, **self._unsaved_holdings}.items():
            edges[edge_id] = replace(edges[edge_id], holdings=holdings)
        return edges

    def _order(self, before: _Picture, read: Iterable[Removal]) -> None:
        """Makes what was read the removals that are not done, and what came in here since."""
        known = {removal.removal_id for removal in before.removals}
        removals = {removal.removal_id: removal for removal in read}
        for removal in self._picture.removals:
            if removal.removal_id not in known:
                removals.setdefault(removal.removal_id, removal)
        orders = self._picture.orders
        if [*removals] != [each.removal_id for each in orders.removals]:
            orders = ordered(removals.values())
        self._picture = replace(self._picture, removals=tuple(removals.values()), orders=orders)

    def _draw(self, edges: Mapping[str, EdgeRecord], changed: History | None = None) -> None:
        """Replaces the picture; places only what came, or all when edges came or went."""
        old = self._picture
        now = self._clock.now()
        regions = {region.name for region in self.rules.regions}
        candidates = tuple(
            placement.Candidate(record.edge_id, record.region)
            for _, record in sorted(edges.items())
            if now - record.heard_at < self.rules.patience and record.region in regions
        )
        if changed is None and candidates == old.candidates:
            self._picture = replace(old, edges=edges)
            return
        history = old.history if changed is None else changed
        current = old.assets if changed is None else history.assets()
        placed = old.wanted if candidates == old.candidates else {}
        wanted = {
            name: placed.get(name)
            or placement.wanted_edges(
                package.announcement,
                candidates,
                copies_per_region=self.rules.copies_per_region,
            )
            for asset in current.values()
            for package in asset.packages
            if (name := (package.announcement.asset_id, package.announcement.version))
        }
        desired = _desired(candidates, wanted, placed, old.desired)
        self._picture = replace(
            old,
            history=history,
            assets=current,
            edges=edges,
            candidates=candidates,
            wanted=wanted,
            desired=desired,
        )

    async def publish(self, announcement: PackageAnnouncement) -> Package:
        """Takes a package into the catalog; durable when this returns.

        Raises:
            PackageConflict: the version is known with another manifest.
            Unavailable: the database does not answer.
        """
        package = await self._catalog.publish(announcement, self._clock.now())
        self._take_in(History.of([package]))
        return package

    async def pin(self, pin: Pin) -> None:
        """Has viewers of an asset get another version; raises as ``publish``."""
        self._take_in(History.of(pins=[await self._catalog.pin(pin)]))

    async def remove(self, removal: Removal) -> None:
        """Has nobody get what ``removal`` names, from the moment this returns; raises as
        ``publish``."""
        await self._catalog.add_removal(removal)
        self._order(_Picture(), (*self._picture.removals, removal))
        self._take_in(History.of(tombstones=[removal.tombstone]))

    def _take_in(self, told: History) -> None:
        history = self._picture.history.joined(told)
        if history != self._picture.history:
            self._draw(self._picture.edges, history)

    async def refresh_removals(self) -> None:
        """Sees how far removals are, without waiting for the next refresh.

        Raises:
            Unavailable: the database does not answer.
        """
        before = self._picture
        self._order(before, await self._catalog.open_removals())

    @property
    def history(self) -> History:
        """All that was ever announced, pinned and removed."""
        return self._picture.history

    @property
    def removals(self) -> tuple[Removal, ...]:
        """Those that are not done, the oldest first."""
        return self._picture.removals

    @property
    def orders(self) -> OrderedRemovals:
        """What edges are told of them."""
        return self._picture.orders

    def hear(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Takes a heartbeat and answers what the edge should do.

        Raises:
            RegionUnknown: the edge names a region that is none.
        """
        if all(region.name != heartbeat.region for region in self.rules.regions):
            raise RegionUnknown(edge_id=heartbeat.edge_id, region=heartbeat.region)
        now = self._clock.now()
        record = self._picture.edges.get(heartbeat.edge_id)
        if record is None or health.accepts(
            record.heartbeat, record.heard_at, heartbeat, now=now, silence=self.rules.silence
        ):
            record = EdgeRecord(heartbeat, now, record.holdings if record else None)
            self._unsaved_heartbeats[record.edge_id] = record
            self._draw({**self._picture.edges, record.edge_id: record})
        holdings = record.holdings
        desired = self._picture.desired.get(record.edge_id)
        return HeartbeatAnswer(
            # A replay from an edge that was given up asks for nothing.
            desired_revision=desired.revision if desired else heartbeat.desired_revision,
            send_holdings=holdings is None or holdings.revision != heartbeat.holdings_revision,
            removals_revision=self._picture.orders.revision,
        )

    def take_holdings(self, holdings: Holdings) -> None:
        """Takes what an edge holds.

        Raises:
            EdgeUnknown: it never sent a heartbeat.
        """
        record = self._picture.edges.get(holdings.edge_id)
        if record is None:
            raise EdgeUnknown(edge_id=holdings.edge_id)
        self._unsaved_holdings[holdings.edge_id] = holdings
        self._draw({**self._picture.edges, record.edge_id: replace(record, holdings=holdings)})

    def desired(self, edge_id: str) -> DesiredState:
        """What an edge should hold.

        Raises:
            EdgeUnknown: it has not been heard of for long.
        """
        state = self._picture.desired.get(edge_id)
        if state is None:
            raise EdgeUnknown(edge_id=edge_id)
        return state

    def asset(self, asset_id: str) -> Asset:
        """The asset ``asset_id``.

        Raises:
            AssetUnknown: there is none.
        """
        asset = self._picture.assets.get(asset_id)
        if asset is None:
            raise AssetUnknown(asset_id=asset_id[:64])
        return asset

    def assets(self) -> Iterable[Asset]:
        """Every asset, the newest publish first."""
        return sorted(
            self._picture.assets.values(),
            key=lambda asset: asset.current.published_at,
            reverse=True,
        )

    def edges(self) -> Iterable[EdgeRecord]:
        """Every edge, by region and name."""
        return sorted(self._picture.edges.values(), key=lambda edge: (edge.region, edge.edge_id))

    def edge(self, edge_id: str) -> EdgeRecord | None:
        """The edge ``edge_id``, if it was ever heard of."""
        return self._picture.edges.get(edge_id)

    def wanted(self, asset_id: str, version: str) -> Mapping[str, tuple[str, ...]]:
        """The edges that should hold a version, by region."""
        found = self._picture.wanted.get((asset_id, version))
        return found.edges if found else {}

    def state_of(self, record: EdgeRecord) -> EdgeState:
        """An edge's health now."""
        return health.state_of(
            record.heartbeat,
            record.heard_at,
            now=self._clock.now(),
            silence=self.rules.silence,
        )

    def serving(self, package: PackageAnnouncement) -> list[EdgeFacts]:
        """The edges that take viewers of ``package``."""
        return [
            EdgeFacts(
                edge_id=record.edge_id,
                region=record.region,
                url=record.heartbeat.url,
                holds=record.holds(package.asset_id, package.version),
            )
            for record in self._picture.edges.values()
            if self.state_of(record) is EdgeState.UP
        ]


def _desired(
    candidates: Iterable[placement.Candidate],
    wanted: Mapping[tuple[str, str], placement.Wanted],
    placed: Mapping[tuple[str, str], placement.Wanted],
    known: Mapping[str, DesiredState],
) -> dict[str, DesiredState]:
    """What each edge should hold; only edges that get something that is not in ``placed``, or lose
    something that is, are asked anew."""
    shares: dict[str, list[placement.Wanted]] = {each.edge_id: [] for each in candidates}
    changed: set[str] = set() if placed else set(shares)
    for name in placed.keys() - wanted.keys():
        changed.update(*placed[name].edges.values())
    for name, package in wanted.items():
        for edge_id in itertools.chain.from_iterable(package.edges.values()):
            shares[edge_id].append(package)
            if name not in placed:
                changed.add(edge_id)
    return {
        edge_id: placement.desired_state(edge_id, share) if edge_id in changed else known[edge_id]
        for edge_id, share in shares.items()
    }
