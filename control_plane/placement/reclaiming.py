"""What is done where there is not room for all: what is worth least gives way.

Copies that traffic does not ask for any more give way first, then those that are there for the sake
of the minimum, down to one, then those that carry the traffic; of each kind, those of what is
watched least per byte. A copy takes the place of another of its kind only when it is worth more by
the margin.
"""

import numpy as np

from control_plane.placement.filling import costs, divided, fill, means, placing, running
from control_plane.placement.moving import PASSING, Work, shed
from control_plane.placement.region import LEAST, Bools, Region, worth
from control_plane.placement.scores import Ints
from control_plane.placement.swapping import swap

MOST_EXCHANGES = 1000
MOST_CASCADE = 2
MOST_FAILURES = 16
MOST_SETTLING = 4
MOST_VICTIMS = 4096
"""Of the copies that are worth least, how many are looked at for one to make."""
VICTIMS = 1024
LITTLE = 10
"""Room that is less than an edge's by so many powers of two waits until there is more of it, lest
every event in a full fleet move what is small about."""
MANY_LACKING, MANY_VICTIMS = 32768, 8192
"""Rows to choose from that are enough: those that are worth less, or more, are left out."""


def reclaim(region: Region, work: Work) -> None:
    """Make copies that are missing, where room has become free.

    The room is offered to the rows that lack copies in the order of what these are worth, once to
    each. What becomes free meanwhile is offered afterwards, to all of them again.

    Args:
        region: whose edges.
        work: how much may be done now; the next time goes on where this one ended.
    """
    region.rated()
    while work.room > 0:
        if not region.offered.any():
            enough = _enough(region)
            if not enough.any():
                return
            region.offered, region.freed = enough, region.freed & ~enough
            region.tried[:] = False
        room = np.where(region.offered, region.room - region.used, 0)
        rows = _lacking(region, int(room.max(initial=0)))
        work.room -= len(rows) + len(region.count) // PASSING
        if not len(rows):
            region.offered[:] = False
            continue
        welcome = np.zeros(len(rows), np.bool_)
        for slot in np.flatnonzero(room > 0).tolist():
            welcome |= (region.assets.size[rows] <= room[slot]) & ~region.hold(slot, rows)
        region.tried[rows[~welcome]] = True
        rows = rows[welcome]
        rows = rows[np.argsort(-region.next[rows], kind="stable")]
        size = region.assets.size[rows].astype(np.float64)
        rows = rows[np.cumsum(size) - size <= 2 * room.sum(dtype=np.float64)]
        region.tried[rows] = True
        fill(region, rows)


def _enough(region: Region) -> Bools:
    """The slots on which so much room has become free that it is worth offering."""
    enough: Bools = region.freed & (region.room - region.used >= region.room >> LITTLE)
    return enough


def _lacking(region: Region, largest: int) -> Ints:
    """Rows of at most ``largest`` bytes that lack a copy and were not tried; of very many, those
    whose copy is worth most."""
    rows = np.flatnonzero(region.next >= max(region.cut, LEAST + 1))
    rows = rows[(region.assets.size[rows] <= largest) & ~region.tried[rows]]
    if not len(rows) and region.cut > LEAST:
        rows = np.flatnonzero((region.next > LEAST) & (region.assets.size <= largest))
        rows = rows[~region.tried[rows]]
    if len(rows) > MANY_LACKING:
        number = len(rows) - MANY_LACKING // 2
        region.cut = int(np.partition(region.next[rows], number)[number])
        rows = rows[region.next[rows] >= region.cut]
    return rows


def settle(region: Region, work: Work) -> None:
    """Use what room has become free, and keep the bound."""
    for _ in range(MOST_SETTLING):
        reclaim(region, work)
        shed(region, work)
        swap(region, work)
        if work.room <= 0 or not _enough(region).any():
            return


def exchange(region: Region, rows: Ints) -> None:
    """Let what is worth less give way to the copies that ``rows`` lack, the best first; then what
    gave way may take the place of what is worth still less."""
    rows = rows[region.count[rows] < region.goals(rows)]
    # What has room somewhere lacks a copy for the sake of the bound, which this does not help.
    room = region.assets.size[rows, None] <= region.room - region.used
    rows = rows[~(room & ~region.holders(rows)).any(axis=1)]
    if not len(rows) or not region.usable:
        return
    region.rated()
    for _ in range(MOST_CASCADE):
        victims = _Victims(region, rows)
        failures = 0
        for row in victims.takers[:MOST_EXCHANGES].tolist():
            while region.count[row] < min(int(region.want[row]), region.usable):
                if not victims.replace(row):
                    failures += 1
                    break
            if failures > MOST_FAILURES:
                break
        rows = np.unique(np.concatenate(victims.gone))
        # What gave way may have room elsewhere.
        fill(region, rows)
        rows = rows[region.count[rows] < region.goals(rows)]
        if not victims.any_for(rows):
            return


def _cheapest(region: Region, asked: int) -> Ints:
    """The rows whose last copy is worth less than ``asked``; of very many, those where it is worth
    least."""
    rows = np.flatnonzero(region.last < min(asked, region.low))
    if len(rows) < MOST_VICTIMS and region.low < asked:
        rows = np.flatnonzero(region.last < asked)
    if len(rows) > MANY_VICTIMS:
        region.low = int(np.partition(region.last[rows], MANY_VICTIMS)[MANY_VICTIMS])
        rows = rows[region.last[rows] <= region.low]
    return rows


class _Victims:
    """The copies that are worth least in a region, as far as they have been looked for."""

    def __init__(self, region: Region, takers: Ints) -> None:
        self.region = region
        self.takers = takers[np.argsort(-region.next[takers], kind="stable")]
        self._rows = _cheapest(region, self._asked(self.takers[:1]))
        self._worth = region.last[self._rows]
        self.gone = [takers[:0]]
        """Those that gave way."""
        self._look(VICTIMS)

    def _asked(self, row: Ints) -> int:
        """What a victim must be worth less than."""
        copies = self.region.count[row].astype(np.int64)
        tier = self.region.tiers(self.region.traffic[row], copies + 1)
        return int(worth(tier, self.region.density(row) / self.region.rules.margin)[0])

    def _look(self, number: int) -> None:
        """Know the ``number`` rows that are worth least, and where they are."""
        chosen = np.arange(len(self._rows))
        if number < len(chosen):
            chosen = np.argpartition(self._worth, number)[:number]
        order = chosen[np.lexsort((self._rows[chosen], self._worth[chosen]))]
        self.rows, self.worth = self._rows[order], self._worth[order]
        places, slots = self.region.copies(self.rows)
        order = np.argsort(slots, kind="stable")
        self.places, self.slots = places[order], slots[order]
        self.size = self.region.assets.size[self.rows]

    def any_for(self, takers: Ints) -> bool:
        """Whether there is something left that is worth less than what any of these lacks."""
        if not len(takers) or not len(self._worth):
            return False
        best = takers[self.region.next[takers].argmax() :][:1]
        return bool(self._worth.min() < self._asked(best))

    def replace(self, row: int) -> bool:
        """Make one copy of ``row`` in the place of others; whether that could be."""
        slot = self._slot(row)
        if slot is None and len(self.rows) < min(len(self._rows), MOST_VICTIMS):
            self._look(MOST_VICTIMS)
            slot = self._slot(row)
        if slot is None:
            return False
        region = self.region
        candidates = self.places[self.slots == slot]
        short = int(region.assets.size[row] - region.room[slot] + region.used[slot])
        size = self.size[candidates]
        gone = candidates[np.cumsum(size) - size < short]
        # With the last, some before it may not be needed: what is worth most stays.
        spare, needed = int(self.size[gone].sum()) - short, np.ones(len(gone), np.bool_)
        for place in range(len(gone) - 1, -1, -1):
            needed[place] = self.size[gone[place]] > spare
            spare -= 0 if needed[place] else int(self.size[gone[place]])
        gone = gone[needed]
        rows = np.append(self.rows[gone], row)
        self.gone.append(rows[:-1])
        region.lift(rows)
        region.remove(rows[:-1], np.full(len(gone), slot))
        region.add(rows[-1:], np.array([slot]))
        region.land(rows)
        # The other copies of those that gave way may be worth more now.
        spent = np.isin(self._rows, rows)
        self._rows, self._worth = self._rows[~spent], self._worth[~spent]
        kept = np.isin(self.rows, rows, invert=True)
        self.rows, self.worth, self.size = self.rows[kept], self.worth[kept], self.size[kept]
        still = kept[self.places]
        self.places, self.slots = (np.cumsum(kept) - 1)[self.places[still]], self.slots[still]
        return True

    def _within(self, row: int) -> Bools:
        """Which slots have little enough traffic for a copy of ``row``."""
        region, traffic = self.region, float(self.region.traffic[row])
        held = float(region.bandwidth[region.holders(np.array([row]))[0]].sum())
        limit = placing(region.rules.bound).limit * means(region).traffic
        heavy = region.load + divided(np.array(traffic), held + region.bandwidth) > limit
        return ~heavy | (region.load <= means(region).traffic)

    def _slot(self, row: int) -> int | None:
        """The slot where what has to give way for ``row`` is worth least."""
        region, rows = self.region, np.array([row])
        size = int(region.assets.size[row])
        number = int(np.searchsorted(self.worth, self._asked(rows)))
        within = self.places < number
        places, slots = self.places[within], self.slots[within]
        short = size - (region.room - region.used)
        enough = running(self.size[places], np.searchsorted(slots, slots)) >= short[slots]
        given_up = np.where(short <= 0, 0, number + 1)
        np.minimum.at(given_up, slots[enough], places[enough] + 1)
        possible: Bools = (given_up <= number) & (region.room >= size) & ~region.holders(rows)[0]
        within = possible & self._within(row)
        # The minimum comes before the bound, other copies after it.
        if within.any() or region.count[row] >= max(1, int(region.floors(region.traffic[rows])[0])):
            possible = within
        if not possible.any():
            return None
        given_up[~possible] = number + 1
        cost = np.where(given_up == given_up.min(), costs(region, rows)[0], np.inf)
        return int(cost.argmin())
