"""Moving copies: what a rule demands, and no more.

The bound. An edge has at most ``rules.bound`` times the mean of its region in bytes per capacity
and in traffic per bandwidth, the means weighted by these, but for two cases. (1) One item more: a
copy that alone is more than the slack, (bound - 1) of the edge's part of the mean, may go where the
load without it is within the bound. (2) The minimum comes first: where a region has so few edges,
so unequal ones or ones so full that copies of the minimum find none within the bound, they take one
above it, and stay as long as no other edge could have them within the bound. Where no edge has room
for what is watched much, ``swapping`` trades it for what is watched little; the bound is not held
where there is nothing of about its size to trade, as with assets of which one is most of a disk.
"""

from dataclasses import dataclass

import numpy as np

from control_plane.placement.filling import (
    BATCH,
    ONE_MORE,
    Level,
    costs,
    fill,
    hot,
    means,
    placing,
)
from control_plane.placement.region import Bools, Region
from control_plane.placement.scores import Floats, Ints, draws, low

TOLERANCE = 1 + 1e-9
MOST_ROUNDS = 3
LIKELY = 3
"""How many times what an edge wins on average it may win of any asset; more is rare."""
PASSING = 1000
"""Rows that are passed over in the time in which one is thought about."""


@dataclass
class Work:
    """How much one event may do for what it need not do now, in rows that are thought about.

    That bounds its time where thousands of copies wait for room that there is not; what is left
    over is for the next event.
    """

    room: int = 2048
    """For copies that are missing."""
    bound: int = 2048
    """For copies that are above the bound."""
    trades: int = 8
    """Edges that are looked at, and others that they may trade copies with."""


def unbounded() -> Work:
    """For as much as there is to do."""
    return Work(2**62, 2**62, 2**62)


def put(region: Region, rows: Ints, slots: Ints) -> None:
    """Add copies of landed rows."""
    region.lift(rows)
    region.add(rows, slots)
    region.land(rows)


def take(region: Region, rows: Ints, slot: int) -> None:
    """Remove the copies of landed ``rows`` from ``slot``."""
    region.lift(rows)
    region.remove(rows, np.full(len(rows), slot))
    region.land(rows)


def shrink(region: Region, rows: Ints) -> None:
    """Remove the copies of ``rows`` that are too many, those last in their order first."""
    rows = rows[region.count[rows] > region.want[rows]]
    region.lift(rows)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        cost = np.where(region.holders(part), costs(region, part), -1.0)
        todo = np.arange(len(part))
        while len(todo):
            last = cost[todo].argmax(axis=1)
            region.remove(part[todo], last)
            cost[todo, last] = -1.0
            todo = todo[region.count[part[todo]] > region.want[part[todo]]]
    region.land(rows)


def shed(region: Region, work: Work, allowed: Bools | None = None) -> None:
    """Move copies off the edges that are above the bound, as far as others can have them.

    Args:
        region: whose edges.
        work: how much may be done now; the next time goes on where this one ended.
        allowed: the slots that may take any; all when None.
    """
    for _ in range(MOST_ROUNDS):
        moved = False
        busy = np.flatnonzero(above(region))
        for slot in np.roll(busy, -int(np.searchsorted(busy, region.turn))).tolist():
            if work.bound <= 0:
                region.turn = slot
                return
            moved |= _relieve(region, slot, work, allowed)
        if not moved:
            return


def above(region: Region) -> Bools:
    """The slots above the bound."""
    mean, bound = means(region), region.rules.bound * TOLERANCE
    large = region.used > bound * mean.bytes * region.capacity
    return (region.room > 0) & (large | (region.load > bound * mean.traffic))


def excess(values: Floats, load: float, mean: float, bound: float) -> float:
    """How much of ``values``, which add up to ``load``, has to go; 0 when there is one item more
    at most."""
    largest = float(values.max(initial=0.0))
    if load <= bound * mean * TOLERANCE:
        return 0.0
    if largest > (bound - 1) * mean and load - largest <= bound * mean:
        return 0.0
    return load - bound * mean


def _relieve(region: Region, slot: int, work: Work, allowed: Bools | None) -> bool:
    """Move copies off ``slot`` until it is within the bound; whether any moved."""
    work.bound -= 1 + len(region.count) // PASSING
    mean, bound = means(region), region.rules.bound
    share = mean.bytes * float(region.capacity[slot])
    rows = region.on(slot)
    size, portion = region.assets.size[rows].astype(np.float64), region.portion[rows]
    too_large = excess(size, float(region.used[slot]), share, bound)
    too_busy = excess(portion, float(region.load[slot]), mean.traffic, bound)
    if not too_large and not too_busy:
        return False
    others = np.ones(len(region.names), np.bool_) if allowed is None else allowed.copy()
    others[slot] = False
    levels = [placing(bound), Level(bound)]
    if too_large > size.max() or too_busy > portion.max():
        levels.append(Level(bound, ONE_MORE))
    order = np.argsort(region.density(rows), kind="stable")
    if too_busy:
        order = order[::-1]
        order = order[portion[order] > 0]
    rows = rows[order]
    at = int(region.passed[slot]) if region.passed[slot] < len(rows) else 0
    moved, left, each = False, rows[:0], len(rows) // 50
    while work.bound > 0 and (too_large > 0 or too_busy > 0):
        if not len(left):
            if at == len(rows):
                break
            left, at = rows[at : at + BATCH], min(at + BATCH, len(rows))
            work.bound -= len(left)
            left = left[_movable(region, left, slot, others, levels[-1])]
            continue
        size, portion = region.assets.size[left].astype(np.float64), region.portion[left]
        enough = np.ones(len(left), np.bool_)
        enough[1:] = (np.cumsum(size)[:-1] < too_large) | (np.cumsum(portion)[:-1] < too_busy)
        part, left = left[enough], left[~enough]
        work.bound -= each
        moved |= bool(len(_move(region, part, slot, others, tuple(levels))))
        mean = means(region)
        too_large = float(region.used[slot]) - bound * mean.bytes * float(region.capacity[slot])
        too_busy = float(region.load[slot]) - bound * mean.traffic
    region.passed[slot] = at - len(left) if work.bound <= 0 else 0
    return moved


def _movable(region: Region, rows: Ints, slot: int, others: Bools, level: Level) -> Bools:
    """Which copies of ``rows`` any of the ``others`` could have at ``level``."""
    mean = means(region)
    share = mean.bytes * region.capacity
    with_bytes = level.limit * share - region.used
    with_traffic = level.limit * mean.traffic * TOLERANCE - region.load
    if level.more >= 0:
        with_bytes[region.used <= level.more * share] = np.inf
        with_traffic[region.load <= level.more * mean.traffic] = np.inf
    largest = np.where(others, np.minimum(with_bytes, region.room - region.used), -1.0)
    movable: Bools = region.assets.size[rows] <= largest.max()
    chosen = np.flatnonzero(movable)
    for start in range(0, len(chosen), BATCH):
        part = chosen[start : start + BATCH]
        traffic, portion = region.traffic[rows[part]], region.portion[rows[part]]
        bandwidth = np.divide(traffic, portion, out=np.ones(len(part)), where=portion > 0)
        bandwidth = np.maximum(bandwidth - region.bandwidth[slot], 0.0)
        whole = bandwidth[:, None] + np.maximum(region.bandwidth, 1e-3)
        possible = region.assets.size[rows[part], None] <= largest
        possible &= traffic[:, None] / whole <= with_traffic
        possible &= ~region.holders(rows[part])
        movable[part] = possible.any(axis=1)
    return movable


def _move(region: Region, rows: Ints, slot: int, others: Bools, levels: tuple[Level, ...]) -> Ints:
    """Move the copies of ``rows`` from ``slot`` to where ``levels`` let them; those that moved."""
    before = region.count[rows].astype(np.int64)
    take(region, rows, slot)
    fill(region, rows, before, others, levels)
    back = rows[region.count[rows] < before]
    put(region, back, np.full(len(back), slot))
    return rows[np.isin(rows, back, invert=True)]


def fit(region: Region, slot: int) -> Ints:
    """Remove the copies that are worth least from ``slot`` until it is within its capacity; their
    rows."""
    rows = region.on(slot)
    over = int(region.used[slot] - region.room[slot])
    if over <= 0:
        return rows[:0]
    tiers = region.tiers(region.traffic[rows], region.count[rows].astype(np.int64))
    rows = rows[np.lexsort((region.density(rows), -tiers))]
    size = region.assets.size[rows]
    rows = rows[np.cumsum(size) - size < over]
    take(region, rows, slot)
    return rows


def join(region: Region, slot: int) -> None:
    """Move to an edge what it wins from others, up to its part of the mean.

    First comes what others have above the bound, now that the mean is less; then what has the edge
    before one of its holders in its order.
    """
    only = np.zeros(len(region.names), np.bool_)
    only[slot] = True
    shed(region, unbounded(), only)
    mean = means(region)
    room = min(
        mean.bytes * float(region.capacity[slot]) - float(region.used[slot]),
        float(region.room[slot] - region.used[slot]),
    )
    rows = _likely(region, slot, room)
    if not len(rows):
        return
    cost, last, worst = _contest(region, rows, slot)
    wins = cost < worst
    order = np.flatnonzero(wins)[np.argsort(cost[wins], kind="stable")]
    rows, last = rows[order], last[order]
    size, portion = region.assets.size[rows], region.portion[rows]
    spare = mean.traffic - float(region.load[slot])
    light = portion <= spare
    rows, last, size, portion = rows[light], last[light], size[light], portion[light]
    fits = (np.cumsum(size) <= room) & (np.cumsum(portion) <= spare)
    rows, last = rows[fits], last[fits]
    region.lift(rows)
    region.remove(rows, last)
    region.add(rows, np.full(len(rows), slot))
    region.land(rows)


def _contest(region: Region, rows: Ints, slot: int) -> tuple[Floats, Ints, Floats]:
    """Of each of ``rows``, which have a copy, the cost of ``slot``, the holder that comes last in
    their order, and the cost of that."""
    keys, by_bandwidth = region.assets.keys[rows], hot(region, region.density(rows))
    own = draws(keys, region.edge_keys[slot : slot + 1])
    own /= np.where(by_bandwidth, region.bandwidth[slot], region.capacity[slot])
    every, slots = region.copies(rows)
    cost = draws(keys[every], region.edge_keys[slots])
    cost /= np.where(by_bandwidth[every], region.bandwidth[slots], region.capacity[slots])
    worst = np.maximum.reduceat(cost, np.flatnonzero(np.diff(every, prepend=-1)))
    ends = np.flatnonzero(cost == worst[every])
    last = np.zeros(len(rows), np.int64)
    last[every[ends]] = slots[ends]
    return own, last, worst


def _likely(region: Region, slot: int, room: float) -> Ints:
    """Rows that ``slot`` may take over, of those that like it best: about all that it can win."""
    copies, rows = int(region.count.sum(dtype=np.int64)), int(np.count_nonzero(region.count))
    share = float(region.capacity[slot] / region.capacity.sum())
    part = (1024 + LIKELY * copies * share) / max(rows, 1)
    # Draws are exponential, so that this many are less where the mean of ``copies`` wins.
    likely = low(region.assets.keys, int(region.edge_keys[slot]), part)
    likely = likely[(region.count[likely] > 0) & ~region.hold(slot, likely)]
    return likely[region.assets.size[likely] <= room]
