"""The plan: which edges should hold which assets, kept up to date event by event.

The regions are planned apart. In each, an asset has copies in proportion to its traffic, at least
the minimum; ``filling`` chooses their edges and ``moving`` moves them when a rule demands it; where
there is not room for all, ``reclaiming`` and ``swapping`` tell who gives way. What the rules want
comes in this order: capacity, the minimum, the bound, extra copies. What is placed stays as long as
they let it, so a plan depends on what was before; the same events in the same order give the same
plan in every process.

What an event changed is told as it was when the event was over, whenever it is gone through.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from control_plane.placement.filling import fill
from control_plane.placement.loading import (
    Listing,
    Stored,
    complete,
    restore,
    size_of,
    traffic_of,
)
from control_plane.placement.model import (
    Placed,
    PlacementAsset,
    PlacementEdge,
    PlacementRules,
)
from control_plane.placement.moving import Work, fit, join, shrink, take, unbounded
from control_plane.placement.reclaiming import exchange, reclaim, settle
from control_plane.placement.region import Assets, Region
from control_plane.placement.scores import Ints, key_of
from control_plane.placement.telling import Told

NOTHING = np.zeros(0, np.int64)
EDGE_TRADES = 256
"""An edge that comes or goes changes the mean, and so puts several above the bound at once."""


class Plan:
    """The placement of all assets on all edges.

    Numbers that make no sense count as the nearest that does; names that are not known are passed
    over.
    """

    def __init__(self, rules: PlacementRules | None = None) -> None:
        self.rules = rules or PlacementRules()
        self._assets = Assets()
        self._rows: dict[str, int] = {}
        self._number = 0
        """Rows that were given out."""
        self._free: list[int] = []
        self._edges: dict[str, PlacementEdge] = {}
        self._regions: dict[str, Region] = {}
        self._turn = 0
        """Which region is the first to have its room used."""

    def load(
        self,
        edges: Iterable[PlacementEdge],
        assets: Iterable[PlacementAsset],
        placed: Iterable[Placed] = (),
    ) -> Told:
        """Plan anew, in place of all that was planned before.

        Args:
            edges: all there are.
            assets: all there are.
            placed: what is stored of the plan before. It stays, so nothing changes when nothing
                changed. An asset of which nothing is stored is new, urgent and told, also where it
                has no edges; what lay on an edge that is no more is urgent. An asset that is no
                more is told with no edges.
        """
        self._edges = {edge.edge_id: edge for edge in edges}
        listing = Listing(assets)
        self._rows, self._number, self._free = listing.rows, len(listing.ids), []
        self._assets, self._regions = Assets(), {}
        self._grow(self._number + self._number // 8 + 1024)
        self._assets.names[: self._number] = listing.ids
        self._assets.size[: self._number] = listing.sizes
        self._assets.keys[: self._number] = listing.keys
        for name in listing.regions:
            self._region(name)
        for edge in self._edges.values():
            self._region(edge.region).put_edge(edge)
        places = {edge.edge_id: edge.region for edge in self._edges.values()}
        stored = Stored(placed, self._rows, places)
        new = set(range(self._number)) - stored.known
        fresh = np.array(sorted(new | stored.lost), np.int64)
        for name, region in self._regions.items():
            restore(region, name, listing, stored)
            complete(region, fresh)
        return self._changed(urgent=fresh, also=fresh, gone=stored.gone)

    def put_asset(self, asset: PlacementAsset) -> Told:
        """Plan a new asset, or one whose size or traffic is another now; urgently.

        One that is new is told, also where it has no edges: what was told once is known to be
        planned, and a restart leaves it as it is.
        """
        for name in asset.traffic:
            self._region(name)
        row, new = self._rows.get(asset.asset_id), NOTHING
        if row is None:
            row = self._new_row(asset.asset_id)
            new = np.array([row])
        elif self._is_known(row, asset):
            return self._changed()
        rows = np.array([row])
        size = self._assets.size[row]
        for region in self._regions.values():
            region.lift(rows)
            region.used[region.holders(rows)[0]] -= size
        self._assets.size[row] = size_of(asset)
        for name, region in self._regions.items():
            held = region.holders(rows)[0]
            region.used[held] += self._assets.size[row]
            region.freed[held] |= self._assets.size[row] < size
            region.set_traffic(rows, np.array([traffic_of(asset.traffic, name)]))
            region.land(rows)
            for slot in np.flatnonzero(region.holders(rows)[0] & (region.used > region.room)):
                take(region, rows, int(slot))
            shrink(region, rows)
            _place(region, rows)
        self._settle()
        return self._changed(urgent=rows, also=new)

    def _is_known(self, row: int, asset: PlacementAsset) -> bool:
        return bool(self._assets.size[row] == size_of(asset)) and all(
            region.traffic[row] == traffic_of(asset.traffic, name)
            for name, region in self._regions.items()
        )

    def drop_asset(self, asset_id: str) -> Collection[Placed]:
        """Plan without an asset; it is told with no edges if it had any."""
        row = self._rows.pop(asset_id, None)
        if row is None:
            return []
        rows, dropped = np.array([row]), False
        for region in self._regions.values():
            had = bool(region.count[row])
            dropped |= had
            region.lift(rows)
            slots = np.flatnonzero(region.holders(rows)[0])
            region.remove(np.repeat(rows, len(slots)), slots)
            region.traffic[row] = region.want[row] = 0
            region.land(rows)
        self._settle()
        self._assets.names[row] = ""
        self._free.append(row)
        return self._changed(gone=[asset_id] if dropped else ())

    def put_edge(self, edge: PlacementEdge) -> Collection[Placed]:
        """Plan with an edge that is new, or has another region, capacity, bandwidth or weight."""
        before = self._edges.get(edge.edge_id)
        if before == edge:
            return []
        region = self._region(edge.region)
        if before and (before.region != edge.region or not region.room_of(edge)):
            old = self._regions[before.region]
            rows = old.on(old.slots[edge.edge_id])
            was = {one.asset_id: one.edges for one in self._told(rows, NOTHING)}
            lost = self._leave(before)
            self._join(region, edge)
            told = self._changed(urgent=lost)
            return [one for one in told if was.get(one.asset_id) != one.edges]
        self._join(region, edge)
        return self._changed()

    def _join(self, region: Region, edge: PlacementEdge) -> None:
        """Put an edge in, or change it where it is."""
        before = edge.edge_id in self._edges
        self._edges[edge.edge_id] = edge
        rows = region.on(region.slots[edge.edge_id]) if before else np.zeros(0, np.int64)
        region.lift(rows)
        shares, room = np.array([0.0, 0.0]), 0
        if before:
            shares = region.shares(region.slots[edge.edge_id])
            room = int(region.room[region.slots[edge.edge_id]])
        slot = region.put_edge(edge)
        region.land(rows)
        region.freed[slot] |= region.room[slot] > room
        out = fit(region, slot)
        fill(region, out)
        exchange(region, out)
        if (region.shares(slot) > shares).any():
            reclaim(region, unbounded())
            join(region, slot)
        settle(region, Work(trades=EDGE_TRADES))

    def drop_edge(self, edge_id: str) -> Collection[Placed]:
        """Plan without an edge; what it held is urgent elsewhere."""
        edge = self._edges.get(edge_id)
        if edge is None:
            return []
        return self._changed(urgent=self._leave(edge))

    def drift(self, traffic: Mapping[str, Mapping[str, float]]) -> Told:
        """Plan with other traffic of some assets, by their names; it replaces what they had, and
        nothing changes where it is the same.

        Urgent is what viewers crowd on: it should have more than ``rules.margin`` times its copies,
        and more than the minimum.
        """
        names = [name for name in traffic if name in self._rows]
        rows = np.array([self._rows[name] for name in names], np.int64)
        for name in {region for asset in names for region in traffic[asset]}:
            self._region(name)
        crowded, drifted = [NOTHING], False
        for name, region in self._regions.items():
            now = np.array([traffic_of(traffic[asset], name) for asset in names])
            other = rows[now != region.traffic[rows]] if len(rows) else rows
            if not len(other):
                continue
            drifted = True
            region.lift(other)
            region.set_traffic(other, now[now != region.traffic[rows]])
            had = np.maximum(region.count[other], region.floors(region.traffic[other]))
            crowded.append(other[region.goals(other) > self.rules.margin * had])
            region.land(other)
            shrink(region, other)
            _place(region, other)
        if drifted:
            self._settle()
        return self._changed(urgent=np.concatenate(crowded))

    def _leave(self, edge: PlacementEdge) -> Ints:
        """Take an edge out and place elsewhere what it held; the rows."""
        del self._edges[edge.edge_id]
        region = self._regions[edge.region]
        slot = region.slots[edge.edge_id]
        rows = region.on(slot)
        region.close(slot)
        region.lift(rows)
        region.remove(rows, np.full(len(rows), slot))
        region.drop_edge(edge.edge_id)
        fill(region, rows, lifted=rows)
        exchange(region, rows)
        settle(region, Work(trades=EDGE_TRADES))
        return rows

    def _settle(self) -> None:
        """Use what room has become free, in one region after the other, and keep the bound."""
        work, regions = Work(), list(self._regions.values())
        self._turn += 1
        for number in range(len(regions)):
            settle(regions[(number + self._turn) % len(regions)], work)

    # Rows and regions.

    def _region(self, name: str) -> Region:
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = Region(name, self.rules, self._assets)
            region.want[:] = region.needed(region.traffic)
            region.want[self._number :] = 0
            region.want[self._free] = 0
        return region

    def _new_row(self, asset_id: str) -> int:
        row = self._free.pop() if self._free else self._number
        if row == self._number:
            self._number += 1
            if row >= len(self._assets.size):
                self._grow(row + row // 8 + 1024)
        self._rows[asset_id] = row
        self._assets.names[row] = asset_id
        self._assets.keys[row] = key_of(asset_id)
        return row

    def _grow(self, rows: int) -> None:
        self._assets.grow(rows)
        for region in self._regions.values():
            region.grow(rows)

    # What is told.

    def _changed(
        self,
        urgent: Ints = NOTHING,
        also: Ints = NOTHING,
        gone: Iterable[str] = (),
    ) -> Told:
        """The assets whose edges changed since this was last asked, ``also`` those, and ``gone``,
        which are no more."""
        parts = [also, *(region.changed() for region in self._regions.values())]
        parts = [rows for rows in parts if len(rows)]
        rows = np.unique(np.concatenate(parts)) if len(parts) > 1 else [*parts, NOTHING][0]
        return self._told(rows, urgent, gone)

    def _told(self, rows: Ints, urgent: Ints, gone: Iterable[str] = ()) -> Told:
        if len(self._free):
            rows = rows[~np.isin(rows, self._free[-1:])]
        left = [Placed(name, (), 0.0, False) for name in gone]
        regions = list(self._regions.values())
        return Told(rows, self._assets.names[rows], urgent, self._edges, regions, left)


def _place(region: Region, rows: Ints) -> None:
    """Make the copies that ``rows`` lack."""
    fill(region, rows)
    exchange(region, rows)
