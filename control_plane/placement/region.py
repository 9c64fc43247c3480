"""What a region holds: its edges in slots, assets in rows, and a bit where they meet.

An edge of weight w, capacity c and bandwidth b has two loads: bytes / (w c) and traffic / (w b).
The viewers of an asset spread over its copies by w b, so that it adds the same second load, its
portion, to every edge that holds it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from control_plane.placement.bits import flags, unpacked
from control_plane.placement.model import (
    LARGEST_BYTES,
    LARGEST_TRAFFIC,
    PlacementEdge,
    PlacementRules,
    bounded,
)
from control_plane.placement.scores import Floats, Ints, Keys, key_of

Bools = NDArray[np.bool_]
Names = NDArray[np.object_]
Shorts = NDArray[np.uint16]

CHUNK = 8192
"""Rows whose bits are unpacked at once."""
MOST_COPIES = 60_000
LARGEST_WEIGHT = 1000.0
LEAST, MOST = -(2**63), 2**63 - 1
"""Below and above what any copy is worth."""
NEGLIGIBLE = 1e-6
"""Of a sum: when less is left of it, it is added up anew, lest rounding be all that is left."""


@dataclass
class Assets:
    """What all regions share of the assets: rows that are given out again once they are free."""

    size: Ints = field(default_factory=lambda: np.ones(0, np.int64))
    """Bytes."""
    keys: Keys = field(default_factory=lambda: np.zeros(0, np.uint64))
    names: Names = field(default_factory=lambda: np.zeros(0, object))
    """An array, as thousands are looked up at once, each in memory that was not read lately."""

    def grow(self, rows: int) -> None:
        """Room for ``rows`` rows in all."""
        more = rows - len(self.size)
        self.size = np.concatenate([self.size, np.ones(more, np.int64)])
        self.keys = np.concatenate([self.keys, np.zeros(more, np.uint64)])
        self.names = np.concatenate([self.names, np.full(more, "", object)])


class Region:
    """Edges, rows and loads of one region.

    Rows are lifted before their copies, traffic or edges change, and landed afterwards: in between
    the loads are those of all other rows.
    """

    def __init__(self, name: str, rules: PlacementRules, assets: Assets) -> None:
        self.rules, self.assets = rules, assets
        self.minimum = min(max(rules.minimum_of(name), 0), MOST_COPIES)
        self.slots: dict[str, int] = {}
        self.names: list[str] = []
        self._vacant: list[int] = []
        """Slots that had an edge."""
        self.edge_keys = np.zeros(0, np.uint64)
        self.room = np.zeros(0, np.int64)
        """Bytes that may be planned on a slot; 0 where there is no edge."""
        self.capacity = np.zeros(0)
        """Weight x bytes."""
        self.bandwidth = np.zeros(0)
        """Weight x bits per second."""
        self.used = np.zeros(0, np.int64)
        self.load = np.zeros(0)
        """The sum of the portions of the rows on a slot."""
        rows = len(assets.size)
        self.bits = np.zeros((rows, 1), np.uint64)
        """Of every row, a bit for each slot."""
        # What is read together lies together: most of an edge's rows are far from one another.
        self._numbers = np.zeros((rows, 2), np.uint16)
        self._rates = np.zeros((rows, 2))
        self.total = 0.0
        """The traffic of all rows with a copy."""
        self.last = np.full(rows, MOST, np.int64)
        """What the last copy of a row is worth; the most where it has none."""
        self.next = np.full(rows, LEAST, np.int64)
        """What the copy is worth that a row lacks; the least where it lacks none."""
        self.freed = np.zeros(0, np.bool_)
        """Slots on which room has become free, and was not offered yet."""
        self.offered = np.zeros(0, np.bool_)
        """Slots whose room is being offered to the rows that lack copies."""
        self.tried = np.zeros(rows, np.bool_)
        """Rows that it was offered to."""
        self.cut = LEAST
        """What lacks a copy that is worth less is looked at when little else is left."""
        self.low = MOST
        """What has a copy that is worth more, likewise."""
        self.turn = 0
        """The slot that is to be relieved next."""
        self.trader = 0
        """The slot that is to trade copies next."""
        self.passed = np.zeros(0, np.int64)
        """How many rows of a slot were looked at when it was last relieved and not all could be."""
        self._rated = 0
        """The edges that there were when it was told what copies are worth."""
        self._before: list[tuple[Ints, Keys]] = []
        """Rows that were changed, and the bits that these had."""
        self._known = np.zeros(rows, np.bool_)
        """Which rows these are."""

    def grow(self, rows: int) -> None:
        """Room for ``rows`` rows in all."""
        more = rows - len(self.count)
        self.bits = np.concatenate([self.bits, np.zeros((more, self._words), np.uint64)])
        self._numbers = np.concatenate([self._numbers, np.zeros((more, 2), np.uint16)])
        self._rates = np.concatenate([self._rates, np.zeros((more, 2))])
        self.last = np.concatenate([self.last, np.full(more, MOST, np.int64)])
        self.next = np.concatenate([self.next, np.full(more, LEAST, np.int64)])
        self.tried = np.concatenate([self.tried, np.zeros(more, np.bool_)])
        self._known = np.concatenate([self._known, np.zeros(more, np.bool_)])

    # Edges.

    def put_edge(self, edge: PlacementEdge) -> int:
        """The slot of ``edge``, with what it now is; what it holds must be lifted."""
        slot = self.slots.get(edge.edge_id)
        if slot is None:
            slot = self._free_slot()
            self.slots[edge.edge_id] = slot
            self.names[slot] = edge.edge_id
            self.edge_keys[slot] = key_of(edge.edge_id)
        weight = weight_of(edge)
        bandwidth = bounded(edge.bandwidth, LARGEST_TRAFFIC) or self.rules.bandwidth
        capacity = bounded(edge.capacity_bytes, LARGEST_BYTES)
        room = self.room_of(edge)
        self.room[slot] = room
        self.capacity[slot] = weight * capacity if room else 0.0
        self.bandwidth[slot] = weight * bandwidth if room else 0.0
        return slot

    def room_of(self, edge: PlacementEdge) -> int:
        """The bytes that may be planned on ``edge``."""
        capacity = bounded(edge.capacity_bytes, LARGEST_BYTES)
        return int(capacity * self.rules.fullness) if weight_of(edge) else 0

    def _free_slot(self) -> int:
        if self._vacant:
            return self._vacant.pop()
        self.names.append("")
        self.edge_keys = np.append(self.edge_keys, np.uint64(0))
        self.room = np.append(self.room, 0)
        self.used = np.append(self.used, 0)
        self.capacity = np.append(self.capacity, 0.0)
        self.bandwidth = np.append(self.bandwidth, 0.0)
        self.load = np.append(self.load, 0.0)
        self.freed = np.append(self.freed, np.False_)
        self.passed = np.append(self.passed, 0)
        self.offered = np.append(self.offered, np.False_)
        if len(self.names) > 64 * self._words:
            self.bits = np.concatenate([self.bits, np.zeros_like(self.bits[:, :1])], axis=1)
        return len(self.names) - 1

    def close(self, slot: int) -> None:
        """Put nothing on a slot any more; what it holds is to be removed."""
        self.room[slot] = 0
        self.capacity[slot] = self.bandwidth[slot] = 0.0

    def drop_edge(self, edge_id: str) -> None:
        """Free the slot of ``edge_id``, which holds nothing any more."""
        slot = self.slots.pop(edge_id)
        self.names[slot] = ""
        self._vacant.append(slot)
        for values in (self.room, self.used, self.capacity, self.bandwidth, self.load):
            values[slot] = 0
        self.freed[slot] = self.offered[slot] = False

    def shares(self, slot: int) -> Floats:
        """The capacity and the bandwidth of a slot, by its weight."""
        return np.array([self.capacity[slot], self.bandwidth[slot]])

    @property
    def usable(self) -> int:
        """Edges that can hold anything at all."""
        return int(np.count_nonzero(self.room))

    # Rows.

    @property
    def count(self) -> Shorts:
        """The copies of every row."""
        return self._numbers[:, 0]

    @property
    def want(self) -> Shorts:
        """Copies that there should be of every row, were there edges and room enough."""
        return self._numbers[:, 1]

    @property
    def traffic(self) -> Floats:
        """Of every row."""
        return self._rates[:, 0]

    @property
    def portion(self) -> Floats:
        """Of every row that is landed; 0 of others."""
        return self._rates[:, 1]

    @property
    def _words(self) -> int:
        return self.bits.shape[1]

    def on(self, slot: int) -> Ints:
        """The rows that a slot holds."""
        return np.flatnonzero(self.bits[:, slot >> 6] & np.uint64(1 << (slot & 63)) != 0)

    def hold(self, slot: int, rows: Ints) -> Bools:
        """Which of ``rows`` a slot holds."""
        held: Bools = self.bits[rows, slot >> 6] & np.uint64(1 << (slot & 63)) != 0
        return held

    def holders(self, rows: Ints) -> Bools:
        """Which slots hold which of ``rows``."""
        return flags(self.bits.take(rows, axis=0))[:, : len(self.names)]

    def copies(self, rows: Ints) -> tuple[Ints, Ints]:
        """Of each copy of ``rows``, the place of its row among these, and its slot."""
        return unpacked(self.bits.take(rows, axis=0))

    def _on_slots(self, slots: Ints, values: Floats) -> Floats:
        """The sum of the values beside each slot."""
        return np.bincount(slots, values, len(self.names)).astype(np.float64, copy=False)

    def add(self, rows: Ints, slots: Ints) -> None:
        """A copy of each of the ``rows``, which are lifted, on the slot beside it."""
        self._remember(rows)
        bits = np.left_shift(np.uint64(1), (slots & 63).astype(np.uint64))
        # No copy is there yet, so this sets the bits; it is many times as fast as an or is.
        np.add.at(self.bits.reshape(-1), rows * self._words + (slots >> 6), bits)
        np.add.at(self.count, rows, np.ones(len(rows), np.uint16))
        np.add.at(self.used, slots, self.assets.size[rows])

    def remove(self, rows: Ints, slots: Ints) -> None:
        """No copy of each of the ``rows``, which are lifted, on the slot beside it."""
        self._remember(rows)
        self.freed[slots] = True
        bits = np.left_shift(np.uint64(1), (slots & 63).astype(np.uint64))
        np.subtract.at(self.bits.reshape(-1), rows * self._words + (slots >> 6), bits)
        np.subtract.at(self.count, rows, np.ones(len(rows), np.uint16))
        np.subtract.at(self.used, slots, self.assets.size[rows])

    def lift(self, rows: Ints) -> None:
        """Take what ``rows`` add to the loads off them."""
        before, total = self.load.copy(), self.total
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            part = part[self.count[part] > 0]
            places, slots = self.copies(part)
            self.load -= self._on_slots(slots, self.portion[part[places]])
            self.total -= float(self.traffic[part].sum())
            self.portion[part] = 0.0
        little = (self.room > 0) & (self.load < before * NEGLIGIBLE) & (before > 0)
        for slot in np.flatnonzero(little):
            self.load[slot] = self.portion[self.on(int(slot))].sum()
        if self.total < total * NEGLIGIBLE:
            self.total = float(self.traffic[self.portion > 0].sum())

    def land(self, rows: Ints) -> None:
        """Put what ``rows`` add to the loads onto them."""
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            part = part[self.count[part] > 0]
            places, slots = self.copies(part)
            bandwidth = np.bincount(places, self.bandwidth[slots], len(part))
            self.portion[part] = self.traffic[part] / bandwidth
            self.load += self._on_slots(slots, self.portion[part[places]])
            self.total += float(self.traffic[part].sum())
        self._rate(rows)

    # What rows should have.

    def needed(self, traffic: Floats) -> Shorts:
        """Copies for ``traffic``, were there edges and room enough."""
        rules = self.rules
        copies = np.ceil(np.minimum(traffic / rules.copy_traffic, MOST_COPIES))
        watched = np.maximum(copies, self.minimum)
        tail = min(rules.tail_copies, self.minimum)
        return np.where(traffic < rules.tail_traffic, tail, watched).astype(np.uint16)

    def set_traffic(self, rows: Ints, traffic: Floats) -> None:
        """What the ``rows``, which are lifted, are expected to be watched.

        The copies they should have rise at once, and fall only when less traffic by the margin
        would ask for fewer.
        """
        self.traffic[rows] = traffic
        high = self.needed(traffic * self.rules.margin)
        self.want[rows] = np.clip(self.want[rows], self.needed(traffic), high)

    def floors(self, traffic: Floats) -> Ints:
        """The minimum of what is watched so; the copies beyond are extra ones."""
        tail = min(self.rules.tail_copies, self.minimum)
        floors = np.where(traffic < self.rules.tail_traffic, tail, self.minimum)
        return np.minimum(floors, self.usable)

    def carriers(self, traffic: Floats) -> Ints:
        """The copies that carry so much traffic, one at least."""
        copies = np.ceil(np.minimum(traffic / self.rules.copy_traffic, MOST_COPIES))
        return np.maximum(copies, 1).astype(np.int64)

    def goals(self, rows: Ints) -> Ints:
        """The copies that each of ``rows`` should have on the edges there are."""
        return np.minimum(self.want[rows], self.usable).astype(np.int64)

    def tiers(self, traffic: Floats, copies: Ints) -> Ints:
        """Of what is watched so, what its copy number ``copies`` is: 0 for one that its traffic
        asks for, 1 of the minimum, 2 one that it has still, though its traffic fell."""
        floors = np.where(copies <= self.floors(traffic), 1, 2)
        return np.where(copies <= self.carriers(traffic), 0, floors)

    def density(self, rows: Ints) -> Floats:
        """Traffic per byte."""
        return self.traffic[rows] / self.assets.size[rows]

    # What copies are worth.

    def rated(self) -> None:
        """See to it that what copies are worth is told for the edges that there are now."""
        usable = self.usable
        if usable != self._rated:
            least = min(usable, self._rated)
            self._rated = usable
            self._rate(np.flatnonzero(self.want >= least))

    def _rate(self, rows: Ints) -> None:
        traffic, copies = self.traffic[rows], self.count[rows].astype(np.int64)
        density = traffic / self.assets.size[rows]
        last = worth(self.tiers(traffic, copies), density)
        self.last[rows] = np.where(copies > 0, last, MOST)
        lacks = copies < self.goals(rows)
        self.next[rows] = LEAST
        rows, traffic, copies = rows[lacks], traffic[lacks], copies[lacks]
        self.next[rows] = worth(self.tiers(traffic, copies + 1), density[lacks])

    # What changed.

    def _remember(self, rows: Ints) -> None:
        rows = rows[~self._known[rows]]
        self._known[rows] = True
        self._before.append((rows, self.bits.take(rows, axis=0)))

    def changed(self) -> Ints:
        """The rows with other edges than when this was last asked."""
        if not self._before:
            return np.zeros(0, np.int64)
        old: Keys = np.zeros((sum(len(rows) for rows, _ in self._before), self._words), np.uint64)
        end = 0
        for rows, bits in self._before:
            start, end = end, end + len(rows)
            old[start:end, : bits.shape[1]] = bits
        every: Ints = np.concatenate([rows for rows, _ in self._before])
        self._before.clear()
        if (np.diff(every) > 0).all():
            rows = every
        else:
            rows, first = np.unique(every, return_index=True)
            old = old[first]
        self._known[rows] = False
        other: Bools = (old != self.bits.take(rows, axis=0)).any(axis=1)
        changed: Ints = rows[other]
        return changed


def worth(tiers: Ints, density: Floats) -> Ints:
    """What copies are worth: the more, the longer they stay; by tier, then by traffic per byte.

    Doubles that are not below 0 are in the order of the integers that have the same bits.
    """
    rank: Ints = np.asarray(density, np.float64).view(np.int64) >> 2
    return rank - (tiers << 61)


def weight_of(edge: PlacementEdge) -> float:
    """Its weight, not too small to divide by unless it is 0."""
    weight = bounded(edge.weight, LARGEST_WEIGHT)
    return max(weight, 1 / LARGEST_WEIGHT) if weight else 0.0
