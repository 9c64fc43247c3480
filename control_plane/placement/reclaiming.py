"""What is done where there is not room for all: what is worth least gives way.

Extra copies give way first, then those of the minimum down to one, then first copies; of each kind,
those that carry least traffic per byte. A copy takes the place of another of its kind only when it
is worth more by the margin.
"""

import numpy as np

from control_plane.placement.filling import costs, fill, means, placing
from control_plane.placement.region import Bools, Ints, Region
from control_plane.placement.scores import Floats

MOST_EXCHANGES = 1000
MOST_FAILURES = 16
VICTIMS = 4096
SPREAD = 3000.0
"""More than twice any logarithm of a density."""


def reclaim(region: Region) -> None:
    """Make copies that are missing, where room has become free, until there are no more."""
    copies = -1
    while copies != (copies := int(region.count.sum(dtype=np.int64))):
        rows = np.flatnonzero(region.count < np.minimum(region.want, region.usable))
        free = np.maximum(region.room - region.used, 0)
        rows = rows[region.assets.size[rows] <= free.max(initial=0)]
        if not len(rows):
            return
        rows = _by_worth(region, rows)
        size = region.assets.size[rows].astype(np.float64)
        rows = rows[np.cumsum(size) - size <= 2 * free.sum(dtype=np.float64)]
        fill(region, rows)


def exchange(region: Region, rows: Ints) -> None:
    """Let what is worth less give way to the copies that ``rows`` lack, the best first."""
    rows = rows[region.count[rows] < region.goals(rows)]
    # What has room somewhere lacks a copy for the sake of the bound, which this does not help.
    room = region.assets.size[rows, None] <= region.room - region.used
    rows = rows[~(room & ~region.holders(rows)).any(axis=1)]
    if not len(rows) or not region.usable:
        return
    victims = _Victims(region, _by_worth(region, rows))
    failures = 0
    for row in victims.takers[:MOST_EXCHANGES].tolist():
        while region.count[row] < min(int(region.want[row]), region.usable):
            if not victims.replace(row):
                failures += 1
                break
        if failures > MOST_FAILURES:
            return


def _by_worth(region: Region, rows: Ints) -> Ints:
    """``rows``, the one whose next copy is worth most first."""
    tiers = region.tiers(rows, region.count[rows].astype(np.int64) + 1)
    return rows[np.lexsort((-region.density(rows), tiers))]


def _worth(tiers: Ints, density: Floats) -> Floats:
    """The more, the longer it stays: by tier, then by traffic per byte."""
    worth: Floats = np.log(np.maximum(density, 1e-300)) - SPREAD * tiers
    return worth


class _Victims:
    """The copies that are worth least in a region, as far as they have been looked for."""

    def __init__(self, region: Region, takers: Ints) -> None:
        self.region, self.takers = region, takers
        rows = np.flatnonzero(region.count)
        worth = _worth(
            region.tiers(rows, region.count[rows].astype(np.int64)), region.density(rows)
        )
        less = worth < self._asked(takers[:1])
        self._rows, self._worth = rows[less], worth[less]
        self._look(VICTIMS)

    def _asked(self, row: Ints) -> float:
        """What a victim must be worth less than."""
        tier = self.region.tiers(row, self.region.count[row].astype(np.int64) + 1)
        density = self.region.density(row) / self.region.rules.margin
        return float(_worth(tier, density)[0])

    def _look(self, number: int) -> None:
        """Know the ``number`` rows that are worth least, and where they are."""
        chosen = np.arange(len(self._rows))
        if number < len(chosen):
            chosen = np.argpartition(self._worth, number)[:number]
        order = chosen[np.lexsort((self._rows[chosen], self._worth[chosen]))]
        self.rows, self.worth = self._rows[order], self._worth[order]
        self.held = self.region.holders(self.rows)
        self.size = self.region.assets.size[self.rows]

    def replace(self, row: int) -> bool:
        """Make one copy of ``row`` in the place of others; whether that could be."""
        slot = self._slot(row)
        while slot is None and len(self.rows) < len(self._rows):
            self._look(16 * len(self.rows))
            slot = self._slot(row)
        if slot is None:
            return False
        region = self.region
        candidates = np.flatnonzero(self.held[:, slot])
        short = int(region.assets.size[row] - region.room[slot] + region.used[slot])
        size = self.size[candidates]
        gone = candidates[np.cumsum(size) - size < short]
        rows = np.append(self.rows[gone], row)
        region.lift(rows)
        region.remove(rows[:-1], np.full(len(gone), slot))
        region.add(rows[-1:], np.array([slot]))
        region.land(rows)
        # The other copies of those that gave way may be worth more now.
        spent = np.isin(self._rows, rows)
        self._rows, self._worth = self._rows[~spent], self._worth[~spent]
        kept = np.isin(self.rows, rows, invert=True)
        self.rows, self.worth = self.rows[kept], self.worth[kept]
        self.held, self.size = self.held[kept], self.size[kept]
        return True

    def _slot(self, row: int) -> int | None:
        """The slot where what has to give way for ``row`` is worth least."""
        region, rows = self.region, np.array([row])
        size = int(region.assets.size[row])
        number = int(np.searchsorted(self.worth, self._asked(rows)))
        giving = np.zeros((number + 1, len(region.names)), np.int64)
        np.cumsum(self.size[:number, None] * self.held[:number], axis=0, out=giving[1:])
        enough = giving >= size - (region.room - region.used)
        possible: Bools = enough[-1] & (region.room >= size) & ~region.holders(rows)[0]
        if region.count[row] >= max(1, int(region.floors(rows)[0])):
            mean, limit = means(region).traffic, placing(region.rules.bound).limit
            within = region.load + region.portion[row] <= limit * mean
            possible &= within | (region.load <= mean)
        if not possible.any():
            return None
        given_up = np.where(possible, enough.argmax(axis=0), number + 1)
        cost = np.where(given_up == given_up.min(), costs(region, rows)[0], np.inf)
        return int(cost.argmin())
