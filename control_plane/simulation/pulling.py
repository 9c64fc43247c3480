"""What the shields of the regions keep of what they pull, in steps of an hour.

Who asks for an asset that is placed nowhere in a region is sent to the edge that rendezvous hashing
puts first there, as routing does: that edge is the asset's shield. It pulls from the origin each
segment that it lacks, once, and keeps it on what its placements leave of its disk; what was asked
for longest ago goes first. The disks of a region's shields are taken as one, since hashing spreads
assets over them evenly, and an asset's segments as equal: after n views that take a part p of it
each, 1 - exp(-n p) of it is there. An edge that goes away takes what it has pulled with it.
"""

import numpy as np
from numpy.typing import NDArray

from control_plane.simulation.outages import Fleet
from control_plane.simulation.workload import TOUCHED, Floats


class Shields:
    """The pulled part of every asset in every region, and which edge has it."""

    def __init__(self, fleet: Fleet, sizes: Floats) -> None:
        regions, assets = len(fleet.rows), len(sizes)
        self._fleet = fleet
        self._sizes = sizes
        self._up = np.zeros(len(fleet.names), dtype=np.bool_)
        self.shield = np.full((regions, assets), -1, dtype=np.int64)
        """Region × asset: the edge that pulls it; -1 where no edge of the region is up."""
        self._score = np.zeros((regions, assets), dtype=np.uint64)
        self.part = np.zeros((regions, assets))
        """Region × asset: how much of it is there, 0 to 1."""
        self._asked = np.full((regions, assets), -1, dtype=np.int64)

    def start(self, region: int, capacity: float, worth: Floats) -> None:
        """Fills a region's shields with what is worth most: views a byte."""
        order = np.argsort(-worth, kind="stable")
        fits = np.cumsum(self._sizes[order]) <= capacity
        self.part[region, order[fits]] = worth[order[fits]] > 0

    def follow(self, up: NDArray[np.bool_]) -> None:
        """Takes in which edges are up."""
        for edge in np.flatnonzero(self._up & ~up):
            self._up[edge] = False
            region = int(self._fleet.region[edge])
            lost = np.flatnonzero(self.shield[region] == edge)
            self.part[region, lost] = 0.0
            self._score[region, lost] = 0
            self.shield[region, lost] = -1
            rows = self._fleet.rows[region]
            for other in np.flatnonzero(self._up[rows]) + rows.start:
                self._offer(region, int(other), lost)
        everything = np.arange(len(self._sizes))
        for edge in np.flatnonzero(up & ~self._up):
            self._up[edge] = True
            self._offer(int(self._fleet.region[edge]), int(edge), everything)

    def _offer(self, region: int, edge: int, assets: NDArray[np.int64]) -> None:
        """Makes ``edge`` the shield of those ``assets`` that hash highest on it."""
        scores = scores_of(edge, assets)
        mine = assets[scores > self._score[region, assets]]
        self._score[region, mine] = scores_of(edge, mine)
        self.shield[region, mine] = edge
        self.part[region, mine] = 0.0

    def serve(self, region: int, hour: int, views: Floats) -> Floats:
        """Takes in the views of an hour of what is placed nowhere in the region.

        Returns:
            The part of each asset that was pulled from the origin for them.
        """
        asked = np.flatnonzero(views)
        pulled = np.zeros(len(views))
        pulled[asked] = (1.0 - self.part[region, asked]) * -np.expm1(-views[asked] * TOUCHED)
        there = self.shield[region] >= 0
        self.part[region] += np.where(there, pulled, 0.0)
        self._asked[region, asked] = hour
        # Without any edge, each view is one of the origin.
        return np.where(there, pulled, views * TOUCHED)

    def forget(self, region: int, assets: NDArray[np.int64]) -> None:
        """Lets go of assets that edges hold now, so that nothing is there twice."""
        self.part[region, assets] = 0.0

    def evict(self, region: int, hour: int, capacity: float) -> None:
        """Lets go of what was asked for longest ago until the rest fits."""
        kept = self.part[region] * self._sizes
        over = kept.sum() - capacity
        if over <= 0:
            return
        asked = self._asked[region] + 1
        by_hour = np.cumsum(np.bincount(asked, weights=kept, minlength=hour + 2))
        oldest = int(np.searchsorted(by_hour, over))
        self.part[region, asked < oldest] = 0.0
        last = np.flatnonzero((asked == oldest) & (kept > 0))
        still = over - (by_hour[oldest - 1] if oldest else 0.0)
        goes = np.cumsum(kept[last]) - kept[last] < still
        self.part[region, last[goes]] = 0.0


def scores_of(edge: int, assets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Of ``edge`` for each asset: 64 bits (the finalizer of SplitMix64, Steele, Lea and Flood,
    OOPSLA 2014), never 0."""
    x = assets.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64((edge + 1) * 0xD1B54A32D192ED03 & (1 << 64) - 1)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))) | np.uint64(1)
