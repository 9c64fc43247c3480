"""What a region holds: its edges in slots, assets in rows, and a bit where they meet.

An edge of weight w, capacity c and bandwidth b has two loads: bytes / (w c) and traffic / (w b).
The viewers of an asset spread over its copies by w b, so that it adds the same second load, its
portion, to every edge that holds it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from control_plane.placement.model import (
    LARGEST_BYTES,
    LARGEST_TRAFFIC,
    PlacementEdge,
    PlacementRules,
    bounded,
)
from control_plane.placement.scores import Floats, Keys, key_of

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK = 8192
"""Rows whose bits are unpacked at once."""
MOST_COPIES = 60_000
LARGEST_WEIGHT = 1000.0
NEGLIGIBLE = 1e-6
"""Of a sum: when less is left of it, it is added up anew, lest rounding be all that is left."""


@dataclass
class Assets:
    """What all regions share of the assets: rows that are given out again once they are free."""

    size: Ints = field(default_factory=lambda: np.ones(0, np.int64))
    """Bytes."""
    keys: Keys = field(default_factory=lambda: np.zeros(0, np.uint64))

    def grow(self, rows: int) -> None:
        """Room for ``rows`` rows in all."""
        more = rows - len(self.size)
        self.size = np.concatenate([self.size, np.ones(more, np.int64)])
        self.keys = np.concatenate([self.keys, np.zeros(more, np.uint64)])


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
        self.bits = np.zeros((1, rows), np.uint64)
        self.count = np.zeros(rows, np.uint16)
        self.want = np.zeros(rows, np.uint16)
        """Copies that there should be, were there edges and room enough."""
        self.traffic = np.zeros(rows)
        self.portion = np.zeros(rows)
        self.total = 0.0
        """The traffic of all rows with a copy."""
        self.freed = False
        """Whether room has become free, or an edge, since this was last made False."""
        self._before: list[tuple[Ints, Keys]] = []

    def grow(self, rows: int) -> None:
        """Room for ``rows`` rows in all."""
        more = rows - len(self.count)
        self.bits = np.concatenate([self.bits, np.zeros((len(self.bits), more), np.uint64)], axis=1)
        self.count = np.concatenate([self.count, np.zeros(more, np.uint16)])
        self.want = np.concatenate([self.want, np.zeros(more, np.uint16)])
        self.traffic = np.concatenate([self.traffic, np.zeros(more)])
        self.portion = np.concatenate([self.portion, np.zeros(more)])

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
        if "" in self.names:
            return self.names.index("")
        self.names.append("")
        self.edge_keys = np.append(self.edge_keys, np.uint64(0))
        self.room = np.append(self.room, 0)
        self.used = np.append(self.used, 0)
        self.capacity = np.append(self.capacity, 0.0)
        self.bandwidth = np.append(self.bandwidth, 0.0)
        self.load = np.append(self.load, 0.0)
        if len(self.names) > 64 * len(self.bits):
            self.bits = np.concatenate([self.bits, np.zeros_like(self.bits[:1])])
        return len(self.names) - 1

    def drop_edge(self, edge_id: str) -> None:
        """Free the slot of ``edge_id``, which holds nothing any more."""
        slot = self.slots.pop(edge_id)
        self.names[slot] = ""
        for values in (self.room, self.used, self.capacity, self.bandwidth, self.load):
            values[slot] = 0

    def shares(self, slot: int) -> Floats:
        """The capacity and the bandwidth of a slot, by its weight."""
        return np.array([self.capacity[slot], self.bandwidth[slot]])

    @property
    def usable(self) -> int:
        """Edges that can hold anything at all."""
        return int(np.count_nonzero(self.room))

    # Rows.

    def on(self, slot: int) -> Ints:
        """The rows that a slot holds."""
        return np.flatnonzero(self.bits[slot >> 6] & np.uint64(1 << (slot & 63)))

    def holders(self, rows: Ints) -> Bools:
        """Which slots hold which of ``rows``."""
        words = np.ascontiguousarray(self.bits[:, rows].T).astype("<u8", copy=False)
        unpacked = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
        return unpacked[:, : len(self.names)].view(np.bool_)

    def copies(self, rows: Ints) -> tuple[Ints, Ints]:
        """Of each copy of ``rows``, the place of its row among these, and its slot."""
        flat = np.flatnonzero(self.holders(rows))
        return np.divmod(flat, max(len(self.names), 1))

    def _on_slots(self, slots: Ints, values: Floats) -> Floats:
        """The sum of the values beside each slot."""
        return np.bincount(slots, values, len(self.names)).astype(np.float64, copy=False)

    def add(self, rows: Ints, slots: Ints) -> None:
        """A copy of each of the ``rows``, which are lifted, on the slot beside it."""
        self._remember(rows)
        bits = np.left_shift(np.uint64(1), (slots & 63).astype(np.uint64))
        np.bitwise_or.at(self.bits, (slots >> 6, rows), bits)
        np.add.at(self.count, rows, np.uint16(1))
        np.add.at(self.used, slots, self.assets.size[rows])

    def remove(self, rows: Ints, slots: Ints) -> None:
        """No copy of each of the ``rows``, which are lifted, on the slot beside it."""
        self._remember(rows)
        self.freed |= len(rows) > 0
        bits = np.left_shift(np.uint64(1), (slots & 63).astype(np.uint64))
        np.bitwise_and.at(self.bits, (slots >> 6, rows), ~bits)
        np.subtract.at(self.count, rows, np.uint16(1))
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
        for slot in np.flatnonzero((self.load < before * NEGLIGIBLE) & (before > 0)):
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

    # What rows should have.

    def needed(self, traffic: Floats) -> NDArray[np.uint16]:
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

    def floors(self, rows: Ints) -> Ints:
        """The minimum of each of ``rows``; the copies beyond are extra ones."""
        tail = self.traffic[rows] < self.rules.tail_traffic
        floors = np.where(tail, min(self.rules.tail_copies, self.minimum), self.minimum)
        return np.minimum(floors, self.usable)

    def goals(self, rows: Ints) -> Ints:
        """The copies that each of ``rows`` should have on the edges there are."""
        return np.minimum(self.want[rows], self.usable).astype(np.int64)

    def tiers(self, rows: Ints, copies: Ints) -> Ints:
        """Of each of ``rows``, what its copy number ``copies`` is: 0 the first one, 1 of the
        minimum, 2 an extra one."""
        return np.where(copies <= 1, 0, np.where(copies <= self.floors(rows), 1, 2))

    def density(self, rows: Ints) -> Floats:
        """Traffic per byte."""
        return self.traffic[rows] / self.assets.size[rows]

    # What changed.

    def _remember(self, rows: Ints) -> None:
        self._before.append((rows, self.bits[:, rows]))

    def changed(self) -> Ints:
        """The rows with other edges than when this was last asked."""
        if not self._before:
            return np.zeros(0, np.int64)
        width = len(self.bits)
        olds = [np.pad(bits, ((0, width - len(bits)), (0, 0))) for _, bits in self._before]
        every: Ints = np.concatenate([rows for rows, _ in self._before])
        rows, first = np.unique(every, return_index=True)
        old = np.concatenate(olds, axis=1)[:, first]
        self._before.clear()
        other: Bools = (old != self.bits[:, rows]).any(axis=0)
        changed: Ints = rows[other]
        return changed


def weight_of(edge: PlacementEdge) -> float:
    """Its weight, not too small to divide by unless it is 0."""
    weight = bounded(edge.weight, LARGEST_WEIGHT)
    return max(weight, 1 / LARGEST_WEIGHT) if weight else 0.0
