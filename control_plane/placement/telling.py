"""What is told of a change: the edges of every asset that has others now.

An edge that leaves changes thousands of assets, and to name the edges of all takes longer than to
choose them. So what holds is kept as it was when the change was over, and named in portions by
whoever goes through it.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from control_plane.placement.bits import unpacked
from control_plane.placement.model import Placed
from control_plane.placement.region import Names, Region
from control_plane.placement.scores import Floats, Ints, Keys

PORTION = 4096
"""Assets whose edges are named at once."""


class _Held(NamedTuple):
    """The edges of one region."""

    bits: Keys
    """Of every asset."""
    ranks: Ints
    """The place of every slot among all edges in the order of their names."""


class Told(Collection[Placed]):
    """Assets with the edges that should hold them, each asset once."""

    def __init__(
        self,
        rows: Ints,
        ids: Names,
        urgent: Ints,
        edges: Iterable[str],
        regions: Collection[Region],
        gone: list[Placed],
    ) -> None:
        """What is told.

        Args:
            rows: of the assets that are there.
            ids: their names.
            urgent: those of the rows that are.
            edges: all there are.
            regions: all there are.
            gone: what is told besides.
        """
        self._gone = gone
        self._ids = ids
        flags = np.zeros(int(max(rows.max(initial=0), urgent.max(initial=0))) + 1, np.bool_)
        flags[urgent] = True
        self._urgent = flags[rows]
        self._names = np.array(sorted({*edges, ""}), object)
        ranks = {name: rank for rank, name in enumerate(self._names.tolist())}
        self._held = [
            _Held(
                region.bits.take(rows, axis=0),
                np.array([ranks[name] for name in region.names], np.int64),
            )
            for region in regions
        ]
        self._priority: Floats = np.zeros(len(rows))
        for region in regions:
            watched = np.where(region.portion[rows] > 0, region.traffic[rows], 0.0)
            part = np.minimum(watched / max(region.total, 1e-300), 1.0)
            self._priority = np.maximum(self._priority, part)

    def __len__(self) -> int:
        return len(self._gone) + len(self._ids)

    def __contains__(self, one: object) -> bool:
        return any(one == other for other in self)

    def __iter__(self) -> Iterator[Placed]:
        yield from self._gone
        for start in range(0, len(self._ids), PORTION):
            yield from self._portion(slice(start, start + PORTION))

    def _portion(self, part: slice) -> Iterator[Placed]:
        ids, priority, urgent = self._ids[part], self._priority[part], self._urgent[part]
        width = len(self._names).bit_length()
        found = [np.zeros(0, np.int64)]
        for held in self._held:
            places, slots = unpacked(held.bits[part])
            found.append((places << width) + held.ranks[slots])
        # By asset, then by name. A stable sort makes use of each region's being in order.
        copies = np.sort(np.concatenate(found), kind="stable")
        numbers, ranks = np.bincount(copies >> width, minlength=len(ids)), copies & (1 << width) - 1
        # Those with as many copies as most are named all at once, then the others one by one.
        usual = int(np.bincount(numbers).argmax())
        alike = numbers == usual
        for some in (alike, ~alike):
            names = self._names[ranks[np.repeat(some, numbers)]].tolist()
            ends = np.cumsum(numbers[some]).tolist()
            each: Iterator[tuple[str, ...]]
            if some is alike and usual:
                each = zip(*[iter(names)] * usual, strict=True)
            else:
                each = map(tuple(names).__getitem__, map(slice, [0, *ends], ends))
            yield from map(
                Placed, ids[some].tolist(), each, priority[some].tolist(), urgent[some].tolist()
            )
