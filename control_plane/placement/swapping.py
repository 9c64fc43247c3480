"""Trading copies where no edge has room: what is watched much leaves an edge above the bound, and
what is watched little, of about the same size, comes in its place.

Nothing has fewer copies for it, and the other edge stays within what is placed on it anyway.
"""

import numpy as np

from control_plane.placement.filling import divided, means, placing
from control_plane.placement.moving import Work, above, excess
from control_plane.placement.region import Region
from control_plane.placement.scores import Floats, Ints

MOST_HOT = 64
"""Of the copies on an edge, how many are tried with each of the others."""
GAIN = 2.0
"""How many times more than what comes must be watched what goes."""


def swap(region: Region, work: Work) -> None:
    """Bring the traffic of the edges that are above the bound within it.

    Args:
        region: whose edges; what has room elsewhere was moved already.
        work: how much may be done now; the next time goes on with what is left.
    """
    busy = np.flatnonzero(above(region))
    for slot in np.roll(busy, -int(np.searchsorted(busy, region.trader))).tolist():
        if work.trades <= 0:
            return
        work.trades -= 1
        region.trader = slot + 1
        rows = region.on(slot)
        portion = region.portion[rows]
        mean, bound = means(region).traffic, region.rules.bound
        if not excess(portion, float(region.load[slot]), mean, bound):
            continue
        hot = rows[np.argsort(-portion, kind="stable")][:MOST_HOT]
        for other in np.argsort(region.load, kind="stable").tolist():
            if work.trades <= 0:
                return
            if region.load[slot] <= bound * mean or region.load[other] >= mean:
                break
            if region.room[other]:
                work.trades -= 1
                _trade(region, hot, slot, other)


def _trade(region: Region, hot: Ints, slot: int, other: int) -> None:
    """Let the ``hot`` rows on ``slot`` go to the ``other``, as far as there is something on that
    to come in their place."""
    mean, bound = means(region), region.rules.bound
    limit, there = placing(bound).limit, region.bandwidth[other]
    hot = hot[region.hold(slot, hot) & ~region.hold(other, hot)]
    cold = region.on(other)
    cold = cold[~region.hold(slot, cold)]
    size, comes = region.assets.size[cold], _moved(region, cold, other, slot)
    goes = _moved(region, hot, slot, other)
    full = np.minimum(region.room, limit * mean.bytes * region.capacity)
    for row, portion in zip(hot.tolist(), goes.tolist(), strict=True):
        if region.load[slot] <= bound * mean.traffic:
            return
        if region.load[other] + portion > limit * mean.traffic:
            continue
        spare = np.maximum(full - region.used, 0)
        larger = size - region.assets.size[row]
        fits = (larger <= spare[slot]) & (-larger <= spare[other])
        fits &= comes * there * GAIN < portion * region.bandwidth[slot]
        if not fits.any():
            continue
        place = int(np.where(fits, comes, np.inf).argmin())
        pair = np.array([row, cold[place]])
        region.lift(pair)
        region.remove(pair, np.array([slot, other]))
        region.add(pair, np.array([other, slot]))
        region.land(pair)
        comes[place] = np.inf


def _moved(region: Region, rows: Ints, slot: int, other: int) -> Floats:
    """The portion that each of ``rows`` would have, were its copy on ``slot`` on the ``other``."""
    traffic = region.traffic[rows]
    rest = divided(traffic, region.portion[rows]) - region.bandwidth[slot]
    return divided(traffic, np.maximum(rest, 0.0) + region.bandwidth[other])
