"""A plan from what is stored: what was placed stays, and only what is new or was lost is placed."""

from array import array
from collections.abc import Iterable, Mapping

import numpy as np

from control_plane.placement.filling import fill
from control_plane.placement.model import (
    LARGEST_BYTES,
    LARGEST_TRAFFIC,
    Placed,
    PlacementAsset,
    bounded,
)
from control_plane.placement.moving import fit, join, shrink, unbounded
from control_plane.placement.reclaiming import exchange, settle
from control_plane.placement.region import Region
from control_plane.placement.scores import Floats, Ints, Keys, key_of

SURELY = 20
"""Copies that an edge would have by its share: one that has none of so many must be new."""


def size_of(asset: PlacementAsset) -> int:
    """Its bytes, at least 1."""
    return max(int(bounded(asset.bytes, LARGEST_BYTES)), 1)


def traffic_of(traffic: Mapping[str, float], region: str) -> float:
    """Its bits per second in ``region``."""
    return bounded(traffic.get(region, 0.0), LARGEST_TRAFFIC)


class Listing:
    """Assets read into columns, each in the row of its place; told twice, the last counts."""

    def __init__(self, assets: Iterable[PlacementAsset]) -> None:
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}
        self._sizes, self._keys = array("q"), array("Q")
        self._traffic: dict[str, tuple[array[int], array[float]]] = {}
        for asset in assets:
            row = self.rows.setdefault(asset.asset_id, len(self.ids))
            if row == len(self.ids):
                self.ids.append(asset.asset_id)
                self._sizes.append(0)
                self._keys.append(key_of(asset.asset_id))
            self._sizes[row] = size_of(asset)
            for region in asset.traffic:
                if region not in self._traffic:
                    self._traffic[region] = array("q"), array("d")
                rows, values = self._traffic[region]
                rows.append(row)
                values.append(traffic_of(asset.traffic, region))

    @property
    def sizes(self) -> Ints:
        """Bytes of every row."""
        return np.array(self._sizes, np.int64)

    @property
    def keys(self) -> Keys:
        """The key of every row."""
        return np.array(self._keys, np.uint64)

    @property
    def regions(self) -> list[str]:
        """The regions in which any has traffic."""
        return list(self._traffic)

    def traffic(self, region: str) -> Floats:
        """The traffic of every row in ``region``."""
        traffic = np.zeros(len(self.ids))
        if region in self._traffic:
            rows, values = self._traffic[region]
            traffic[np.array(rows, np.int64)] = np.array(values)
        return traffic


class Stored:
    """What was placed, as far as its assets and edges are still there."""

    def __init__(
        self, placed: Iterable[Placed], rows: Mapping[str, int], places: Mapping[str, str]
    ) -> None:
        self.known: set[int] = set()
        self.lost: set[int] = set()
        """Rows that were placed on an edge that is no more."""
        self.gone: list[str] = []
        """Assets that are no more, and had edges."""
        self.copies: dict[str, tuple[array[int], list[str]]] = {}
        """Rows, and the edge beside each, by region."""
        for one in placed:
            row = rows.get(one.asset_id)
            if row is None and one.edges:
                self.gone.append(one.asset_id)
            if row is None or row in self.known:
                continue
            self.known.add(row)
            for edge in dict.fromkeys(one.edges):
                if edge not in places:
                    self.lost.add(row)
                    continue
                if places[edge] not in self.copies:
                    self.copies[places[edge]] = array("q"), []
                numbers, names = self.copies[places[edge]]
                numbers.append(row)
                names.append(edge)


def restore(region: Region, name: str, listing: Listing, stored: Stored) -> None:
    """Give ``region`` its rows, with the copies that are stored."""
    every = np.arange(len(listing.ids))
    if name in stored.copies:
        numbers, names = stored.copies[name]
        slots = np.fromiter((region.slots[edge] for edge in names), np.int64, len(names))
        region.add(np.array(numbers, np.int64), slots)
        region.want[every] = region.count[every]
    region.set_traffic(every, listing.traffic(name))
    region.land(every)
    region.changed()


def complete(region: Region, fresh: Ints) -> None:
    """Place ``fresh`` rows, and what the edges as they are now ask for."""
    moved = [fresh, *(fit(region, slot) for slot in region.slots.values())]
    joined = [slot for slot in region.slots.values() if _new(region, slot)]
    rows = np.unique(np.concatenate(moved))
    every = np.arange(len(region.count))
    shrink(region, every)
    fill(region, rows)
    exchange(region, rows)
    for slot in joined:
        join(region, slot)
    # An edge that holds nothing may be new.
    empty = (region.used == 0) & (region.room > 0)
    lacking = np.flatnonzero(region.count < np.minimum(region.want, region.usable))
    if len(lacking) and empty.any():
        fill(region, lacking, allowed=empty)
    region.offered[:] = False
    if len(rows) or joined:
        settle(region, unbounded())
        region.freed[:] = region.offered[:] = False
    else:
        # Whoever planned before may not have offered all.
        region.freed = region.room > region.used


def _new(region: Region, slot: int) -> bool:
    if region.used[slot] or not region.capacity[slot]:
        return False
    share = region.capacity[slot] / region.capacity.sum()
    return bool(share * region.count.sum(dtype=np.int64) >= SURELY)
