"""The plan: which edges should hold which assets, kept up to date event by event.

The regions are planned apart. In each, an asset has copies in proportion to its traffic, at least
the minimum; ``filling`` chooses their edges and ``moving`` moves them when a rule demands it. What
the rules want comes in this order: capacity, the minimum, the bound, extra copies. What is placed
stays as long as they let it, so a plan depends on what was before; the same events in the same
order give the same plan in every process.
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
from control_plane.placement.moving import fit, join, shrink, take
from control_plane.placement.reclaiming import exchange, reclaim, settle
from control_plane.placement.region import Assets, Ints, Region
from control_plane.placement.scores import key_of

EMITTED = 65536
"""Rows whose edges are named at once."""


class Plan:
    """The placement of all assets on all edges.

    Numbers that make no sense count as the nearest that does; names that are not known are passed
    over.
    """

    def __init__(self, rules: PlacementRules | None = None) -> None:
        self.rules = rules or PlacementRules()
        self._assets = Assets()
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        self._free: list[int] = []
        self._edges: dict[str, PlacementEdge] = {}
        self._regions: dict[str, Region] = {}

    def load(
        self,
        edges: Iterable[PlacementEdge],
        assets: Iterable[PlacementAsset],
        placed: Iterable[Placed] = (),
    ) -> list[Placed]:
        """Plan anew, in place of all that was planned before.

        Args:
            edges: all there are.
            assets: all there are.
            placed: what is stored of the plan before. It stays, so nothing changes when nothing
                changed. An asset of which nothing is stored is new and urgent, and so is what lay
                on an edge that is no more. An asset that is no more is told with no edges.
        """
        self._edges = {edge.edge_id: edge for edge in edges}
        listing = Listing(assets)
        self._rows, self._ids, self._free = listing.rows, listing.ids, []
        self._assets, self._regions = Assets(), {}
        self._grow(len(self._ids) + len(self._ids) // 8 + 1024)
        self._assets.size[: len(self._ids)] = listing.sizes
        self._assets.keys[: len(self._ids)] = listing.keys
        for name in listing.regions:
            self._region(name)
        for edge in self._edges.values():
            self._region(edge.region).put_edge(edge)
        places = {edge.edge_id: edge.region for edge in self._edges.values()}
        stored = Stored(placed, self._rows, places)
        new = set(range(len(self._ids))) - stored.known
        urgent = new | stored.lost
        fresh = np.array(sorted(urgent), np.int64)
        for name, region in self._regions.items():
            restore(region, name, listing, stored)
            complete(region, fresh)
        gone = [Placed(name, (), 0.0, False) for name in stored.gone]
        return gone + self._changed(urgent, stored.lost)

    def put_asset(self, asset: PlacementAsset) -> list[Placed]:
        """Plan a new asset, or one whose size or traffic is another now; urgently."""
        for name in asset.traffic:
            self._region(name)
        row = self._rows.get(asset.asset_id)
        if row is None:
            row = self._new_row(asset.asset_id)
        rows = np.array([row])
        size = self._assets.size[row]
        for region in self._regions.values():
            region.lift(rows)
            region.used[region.holders(rows)[0]] -= size
        self._assets.size[row] = size_of(asset)
        for name, region in self._regions.items():
            region.used[region.holders(rows)[0]] += self._assets.size[row]
            region.set_traffic(rows, np.array([traffic_of(asset.traffic, name)]))
            region.land(rows)
            for slot in np.flatnonzero(region.holders(rows)[0] & (region.used > region.room)):
                take(region, rows, int(slot))
            shrink(region, rows)
            _place(region, rows)
        return self._changed(urgent={row})

    def drop_asset(self, asset_id: str) -> list[Placed]:
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
            settle(region)
        self._ids[row] = ""
        self._free.append(row)
        gone = [Placed(asset_id, (), 0.0, False)] if dropped else []
        return gone + self._changed()

    def put_edge(self, edge: PlacementEdge) -> list[Placed]:
        """Plan with an edge that is new, or has another region, capacity, bandwidth or weight."""
        before = self._edges.get(edge.edge_id)
        if before == edge:
            return []
        region = self._region(edge.region)
        if before and (before.region != edge.region or not region.room_of(edge)):
            old = self._regions[before.region]
            rows = old.on(old.slots[edge.edge_id])
            was = {one.asset_id: one.edges for one in self._tell(rows, ())}
            lost = self._leave(before)
            self._join(region, edge)
            told = self._changed(urgent=set(lost.tolist()))
            return [one for one in told if was.get(one.asset_id) != one.edges]
        self._join(region, edge)
        return self._changed()

    def _join(self, region: Region, edge: PlacementEdge) -> None:
        """Put an edge in, or change it where it is."""
        before = edge.edge_id in self._edges
        self._edges[edge.edge_id] = edge
        rows = region.on(region.slots[edge.edge_id]) if before else np.zeros(0, np.int64)
        region.lift(rows)
        shares = np.array([0.0, 0.0])
        if before:
            shares = region.shares(region.slots[edge.edge_id])
        slot = region.put_edge(edge)
        region.land(rows)
        out = fit(region, slot)
        fill(region, out)
        exchange(region, out)
        if (region.shares(slot) > shares).any():
            reclaim(region)
            join(region, slot)
        settle(region)

    def drop_edge(self, edge_id: str) -> list[Placed]:
        """Plan without an edge; what it held is urgent elsewhere."""
        edge = self._edges.get(edge_id)
        if edge is None:
            return []
        return self._changed(urgent=set(self._leave(edge).tolist()))

    def drift(self, traffic: Mapping[str, Mapping[str, float]]) -> list[Placed]:
        """Plan with other traffic of some assets, by their names; it replaces what they had.

        Urgent is what viewers crowd on: it should have more than ``rules.margin`` times its copies,
        and more than the minimum.
        """
        names = [name for name in traffic if name in self._rows]
        rows = np.array([self._rows[name] for name in names], np.int64)
        for name in {region for asset in names for region in traffic[asset]}:
            self._region(name)
        crowded: set[int] = set()
        for name, region in self._regions.items():
            now = np.array([traffic_of(traffic[asset], name) for asset in names])
            other = rows[now != region.traffic[rows]] if len(rows) else rows
            region.lift(other)
            region.set_traffic(other, now[now != region.traffic[rows]])
            had = np.maximum(region.count[other], region.floors(other))
            crowded |= set(other[region.goals(other) > self.rules.margin * had].tolist())
            region.land(other)
            shrink(region, other)
            if len(other):
                _place(region, other)
        return self._changed(urgent=crowded)

    def _leave(self, edge: PlacementEdge) -> Ints:
        """Take an edge out and place elsewhere what it held; the rows."""
        del self._edges[edge.edge_id]
        region = self._regions[edge.region]
        slot = region.slots[edge.edge_id]
        rows = region.on(slot)
        take(region, rows, slot)
        region.drop_edge(edge.edge_id)
        _place(region, rows)
        return rows

    # Rows and regions.

    def _region(self, name: str) -> Region:
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = Region(name, self.rules, self._assets)
            region.want[:] = region.needed(region.traffic)
            region.want[len(self._ids) :] = 0
            region.want[self._free] = 0
        return region

    def _new_row(self, asset_id: str) -> int:
        row = self._free.pop() if self._free else len(self._ids)
        if row == len(self._ids):
            self._ids.append("")
            if row >= len(self._assets.size):
                self._grow(row + row // 8 + 1024)
        self._rows[asset_id] = row
        self._ids[row] = asset_id
        self._assets.keys[row] = key_of(asset_id)
        return row

    def _grow(self, rows: int) -> None:
        self._assets.grow(rows)
        for region in self._regions.values():
            region.grow(rows)

    # What is told.

    def _changed(self, urgent: Collection[int] = (), also: Collection[int] = ()) -> list[Placed]:
        """The assets whose edges changed since this was last asked, and ``also`` those."""
        parts = [region.changed() for region in self._regions.values()]
        rows = np.unique(np.concatenate([np.array([*also], np.int64), *parts]))
        told: list[Placed] = []
        for start in range(0, len(rows), EMITTED):
            told += self._tell(rows[start : start + EMITTED], urgent)
        return told

    def _tell(self, rows: Ints, urgent: Collection[int]) -> list[Placed]:
        names = sorted(self._edges)
        ranks = {name: rank for rank, name in enumerate(names)}
        found = [np.zeros(0, np.int64)]
        priority = np.zeros(len(rows))
        for region in self._regions.values():
            places, slots = region.copies(rows)
            rank = np.array([ranks.get(name, 0) for name in region.names], np.int64)
            found.append(places * len(names) + rank[slots])
            held = np.where(region.count[rows] > 0, region.traffic[rows], 0.0)
            priority = np.maximum(priority, np.minimum(held / max(region.total, 1e-300), 1.0))
        copies = np.sort(np.concatenate(found))
        ends = np.searchsorted(copies, np.arange(len(rows) + 1) * len(names)).tolist()
        edges = [names[rank] for rank in (copies % max(len(names), 1)).tolist()]
        return [
            Placed(self._ids[row], tuple(edges[start:end]), part, row in urgent)
            for row, start, end, part in zip(
                rows.tolist(), ends[:-1], ends[1:], priority.tolist(), strict=True
            )
            if self._ids[row]
        ]


def _place(region: Region, rows: Ints) -> None:
    """Make the copies that ``rows`` lack, and keep the bound."""
    fill(region, rows)
    exchange(region, rows)
    settle(region)
