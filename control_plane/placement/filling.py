"""Choosing edges for the copies that are missing: rendezvous hashing with bounded loads.

Each asset takes the edges of its own order, passing over those whose load would be above a limit
(Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018). Both loads
count, bytes and traffic; the mean that the limit is a multiple of is the load of the region were it
spread in proportion to what its edges can take.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from control_plane.placement.model import LARGEST_BYTES
from control_plane.placement.region import CHUNK, Bools, Region
from control_plane.placement.scores import Floats, Ints, Keys, draws

NONE = np.zeros(0, np.int64)
BATCH = 1024
"""Rows that choose at once; their bytes must add up within 63 bits."""


class Level(NamedTuple):
    """How full an edge may be for a copy to go there."""

    limit: float
    """Times the mean, with the copy."""
    more: float = -1.0
    """Times the mean, without the copy, however large that is; never when below 0."""


def placing(bound: float) -> Level:
    """What copies keep to where they can: some way below the bound, so that what comes and goes
    later does not make them move at once."""
    return Level(1 + 0.6 * (bound - 1))


ONE_MORE = 1.0
ANY = float("inf")


def levels_of(bound: float) -> tuple[Level, ...]:
    """What a copy may ask for, in turn; one that is beyond the minimum not for the last.

    First it keeps within the limit. Where that is too little for it, as it is where one copy is
    larger than the slack of every edge, it goes where there is not yet the mean, as one item more.
    One of the minimum goes wherever there is room when all edges have more than that; a further one
    is not made.
    """
    place = placing(bound)
    return place, Level(place.limit, ONE_MORE), Level(0.0, ANY)


@dataclass
class Means:
    """The loads that a region would have were they even."""

    bytes: float
    """Bytes per capacity."""
    traffic: float
    """Traffic per bandwidth."""


def means(region: Region) -> Means:
    """The means as all is placed now."""
    return _means(region, float(region.used.sum(dtype=np.float64)), region.total)


def _means(region: Region, size: float, traffic: float) -> Means:
    capacity, bandwidth = float(region.capacity.sum()), float(region.bandwidth.sum())
    return Means(size / capacity if capacity else 0.0, traffic / bandwidth if bandwidth else 0.0)


def costs(region: Region, rows: Ints) -> Floats:
    """The cost of every slot for each of ``rows``; infinite where nothing can be held."""
    return _costs(region, region.assets.keys[rows], region.density(rows))


def _costs(region: Region, keys: Keys, density: Floats) -> Floats:
    """The same, of what has such keys and so much traffic per byte.

    What is watched more per byte than the region at large goes by bandwidth, other things by
    capacity, so that neither load needs the limit to be even where the two differ.
    """
    with np.errstate(divide="ignore"):
        by_bandwidth, by_capacity = 1 / region.bandwidth, 1 / region.capacity
    drawn = draws(keys[:, None], region.edge_keys[None, :])
    drawn *= np.where(hot(region, density)[:, None], by_bandwidth, by_capacity)
    return drawn


def hot(region: Region, density: Floats) -> Bools:
    """What is watched more per byte than the region at large."""
    return density * float(region.used.sum(dtype=np.float64)) > region.total


def fill(
    region: Region,
    rows: Ints,
    goals: Ints | None = None,
    allowed: Bools | None = None,
    levels: tuple[Level, ...] | None = None,
    lifted: Ints | None = None,
) -> None:
    """Bring ``rows``, each named once, up to their goals, as far as there is room.

    The copies that carry the traffic come first, then those of the minimum, then others; of each,
    what is watched most per byte.

    Args:
        region: whose edges.
        rows: which have landed.
        goals: copies of each; what they should have when None.
        allowed: the slots that may take any; all when None.
        levels: how full these may be; as usual when None.
        lifted: which are not landed, ``rows`` among them, and are afterwards; none when None.
    """
    goals = region.goals(rows) if goals is None else goals
    short = region.count[rows] < goals
    rows, goals = rows[short], goals[short]
    if not len(rows) or not region.usable:
        region.land(NONE if lifted is None else lifted)
        return
    order = np.argsort(-region.density(rows), kind="stable")
    rows, goals = rows[order], goals[order]
    if lifted is None:
        region.lift(rows)
    filling = _Filling(region, rows, goals, allowed)
    ladder = levels or levels_of(region.rules.bound)
    least = np.maximum(region.floors(filling.traffic), 1)
    # Those that carry the traffic, those of the minimum, and the others.
    for step in (region.carriers(filling.traffic), least, goals):
        most = np.minimum(step, goals)
        chosen = np.flatnonzero(filling.count < most)
        for start in range(0, len(chosen), BATCH):
            part = chosen[start : start + BATCH]
            filling.batch(part, np.minimum(most, least)[part], ladder)
            filling.batch(part, most[part], ladder[:-1] if levels is None else ladder)
    region.land(rows if lifted is None else lifted)


class _Filling:
    """One filling: the loads as they will be once it is done."""

    def __init__(self, region: Region, rows: Ints, goals: Ints, allowed: Bools | None) -> None:
        self.region, self.rows, self.goals, self.allowed = region, rows, goals, allowed
        self.size, self.keys = region.assets.size[rows], region.assets.keys[rows]
        self.traffic, self.count = region.traffic[rows], region.count[rows].astype(np.int64)
        missing = goals - self.count
        size = region.used.sum(dtype=np.float64) + float(missing @ self.size)
        size = min(size, float(region.room.sum(dtype=np.float64)))
        self.means = _means(region, size, region.total + float(self.traffic.sum()))
        self.typical = float(region.bandwidth.sum()) / max(region.usable, 1)
        self.slowest = float(region.bandwidth.min(where=region.room > 0, initial=np.inf))
        self.held = np.zeros(len(rows))
        """The bandwidth of the edges that hold a row."""
        self.load = region.load.copy()
        for start in range(0, len(rows), CHUNK):
            part = np.arange(start, min(start + CHUNK, len(rows)))
            places, slots = region.copies(rows[part])
            self.held[part] = np.bincount(places, region.bandwidth[slots], len(part))
            portions = divided(self.traffic[part], self._bandwidth(part, 0))
            self.load += np.bincount(slots, portions[places], len(region.names))

    def _bandwidth(self, part: Ints, but: int) -> Floats:
        """The bandwidth of the edges that will hold each of the rows once it has all copies but
        so many."""
        missing = self.goals[part] - self.count[part] - but
        bandwidth: Floats = self.held[part] + np.maximum(missing, 0) * self.typical
        return bandwidth

    def batch(self, part: Ints, step: Ints, levels: tuple[Level, ...]) -> None:
        """Bring some rows, by their place among all, up to ``step`` copies."""
        part, step = part[short := self.count[part] < step], step[short]
        if not len(part):
            return
        part, step = part[found := self._possible(part)], step[found]
        if not len(part):
            return
        density = self.traffic[part] / self.size[part]
        cost = _costs(self.region, self.keys[part], density)
        places, slots = self.region.copies(self.rows[part])
        cost[places, slots] = np.inf
        if self.allowed is not None:
            cost[:, ~self.allowed] = np.inf
        todo = np.arange(len(part))
        for level in levels:
            if not len(todo):
                return
            todo = self._level(level, part, step, todo, cost)

    def _possible(self, part: Ints) -> Bools:
        """Which of the rows any edge has room for; so that little is done for others."""
        region, size = self.region, self.size[part]
        free = region.room - region.used
        if size.max() <= free.min(where=region.room > 0, initial=LARGEST_BYTES):
            return np.ones(len(part), np.bool_)
        possible: Bools = np.any((size[:, None] <= free) & ~region.holders(self.rows[part]), axis=1)
        return possible

    def _level(
        self,
        level: Level,
        part: Ints,
        step: Ints,
        todo: Ints,
        cost: Floats,
    ) -> Ints:
        """Place what ``level`` lets; what is left of ``todo``."""
        region, stuck = self.region, [np.zeros(0, np.int64)]
        traffic, others = self.traffic[part], self._bandwidth(part, 1)
        while len(todo):
            size = self.size[part[todo]]
            chosen, possible = self._choose(level, size, cost[todo], traffic[todo], others[todo])
            stuck.append(todo[~possible])
            todo, chosen, size = todo[possible], chosen[possible], size[possible]
            portion = divided(traffic[todo], others[todo] + region.bandwidth[chosen])
            taken = self._fits(level, chosen, size, portion)
            done, slots = todo[taken], chosen[taken]
            region.add(self.rows[part[done]], slots)
            np.add.at(self.load, slots, portion[taken])
            self.held[part[done]] += region.bandwidth[slots]
            self.count[part[done]] += 1
            cost[done, slots] = np.inf
            still = self.count[part[todo]] < step[todo]
            todo = todo[still]
        return np.sort(np.concatenate(stuck))

    def _heads(self, level: Level) -> tuple[Floats, Floats, Floats, Floats]:
        """What may be added to each slot with the copy, and without it, of bytes and of traffic."""
        region, bytes_mean = self.region, self.means.bytes * self.region.capacity
        with_bytes = level.limit * bytes_mean - region.used
        with_traffic = level.limit * self.means.traffic * (1 + 1e-12) - self.load
        if level.more < 0:
            never = np.full(len(region.used), -1.0)
            return with_bytes, with_traffic, never, never
        if level.more == ANY:
            always = np.full(len(region.used), np.inf)
            return with_bytes, with_traffic, always, always
        return (
            with_bytes,
            with_traffic,
            level.more * bytes_mean - region.used,
            level.more * self.means.traffic - self.load,
        )

    def _choose(
        self, level: Level, size: Ints, liked: Floats, traffic: Floats, others: Floats
    ) -> tuple[Ints, Bools]:
        """The slot that each row likes best of those that may take it, and whether there is one.

        Only slots that may not take all are looked at closely: they are few unless room is scarce.

        Args:
            level: how full they may be.
            size: of each row.
            liked: the cost of each slot to each row; it is changed.
            traffic: of each row.
            others: the bandwidth of the other edges that will hold it.
        """
        with_bytes, with_traffic, bytes_before, traffic_before = self._heads(level)
        free = (self.region.room - self.region.used).astype(np.float64)
        largest = np.minimum(free, np.where(bytes_before >= 0, np.inf, with_bytes))
        heaviest = np.where(traffic_before >= 0, np.inf, with_traffic)
        slots = np.flatnonzero(largest < size.max())
        _bar(liked, slots, size[:, None] > largest[slots])
        slots = np.flatnonzero(heaviest < divided(traffic, others + self.slowest).max())
        whole = others[:, None] + self.region.bandwidth[slots]
        _bar(liked, slots, divided(traffic[:, None], whole) > heaviest[slots])
        chosen = liked.argmin(axis=1)
        return chosen, np.isfinite(liked[np.arange(len(chosen)), chosen])

    def _fits(self, level: Level, chosen: Ints, size: Ints, portion: Floats) -> Bools:
        """Which of the rows still fit when those before them go where they chose."""
        order = np.argsort(chosen, kind="stable")
        slots = chosen[order]
        first = np.searchsorted(slots, slots)
        sizes, loads = running(size[order], first), running(portion[order], first)
        with_bytes, with_traffic, bytes_before, traffic_before = self._heads(level)
        fits = sizes <= (self.region.room - self.region.used)[slots]
        fits &= (sizes <= with_bytes[slots]) | (sizes - size[order] <= bytes_before[slots])
        # Rounding of sums must not keep out the first of a slot, which was found to fit.
        alone = first == np.arange(len(slots))
        fits &= (
            (loads <= with_traffic[slots])
            | (loads - portion[order] <= traffic_before[slots])
            | alone
        )
        taken = np.zeros(len(chosen), np.bool_)
        taken[order] = fits
        return taken


def divided(traffic: Floats, bandwidth: Floats) -> Floats:
    """The portions of traffic; none of no bandwidth."""
    shape = np.broadcast_shapes(traffic.shape, bandwidth.shape)
    return np.divide(traffic, bandwidth, out=np.zeros(shape), where=bandwidth > 0)


def _bar(liked: Floats, slots: Ints, barred: Bools) -> None:
    """Make ``slots`` cost more than anything to the rows that are barred from them."""
    if len(slots):
        liked[:, slots] = np.where(barred, np.inf, liked[:, slots])


def running(values: Ints | Floats, first: Ints) -> Ints | Floats:
    """Sums from the first of each group up to each of its members."""
    sums = np.cumsum(values)
    return sums - (sums[first] - values[first])
