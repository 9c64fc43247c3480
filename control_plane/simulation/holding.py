"""What edges should hold, what they hold, and how they fill in between.

An edge drops at once what it should not hold any more. What it should hold and lacks waits for the
edge's fill: what is urgent (new, crowded, or lost with an edge) at any time and as fast as the port
of the edge, all else by night and no faster than the fill rate, what is expected to be watched most
first. What does not fit on the disk goes on waiting. A copy comes from another edge of the region
that holds it, or else from the region's shield as far as that has pulled it, and only then from the
origin. An edge that is away keeps its disk.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from control_plane.simulation.options import Options
from control_plane.simulation.outages import Fleet
from control_plane.simulation.pulling import Shields
from control_plane.simulation.workload import Floats

WINDOW = (2, 8)
"""Local hours between which edges fill what is not urgent."""


class Cause(IntEnum):
    """Why a copy is filled."""

    NEW = 0
    LOST = 1
    POPULARITY = 2
    JOINED = 3
    """An edge joined or came back."""


@dataclass(frozen=True)
class Change:
    """Where an asset shall be from now on."""

    asset: int
    edges: tuple[int, ...]
    urgent: bool
    priority: float


@dataclass
class Filled:
    """What was filled in an hour, in bytes."""

    by_cause: Floats
    """Region × cause."""
    from_peers: Floats
    """By region: from edges and shields of the same region."""
    from_origin: float = 0.0


class Holding:
    """The copies of all assets on all edges."""

    def __init__(self, options: Options, fleet: Fleet, sizes: Floats, shields: Shields) -> None:
        self._options = options
        self._fleet = fleet
        self._sizes = sizes
        self._shields = shields
        self._region = fleet.region.tolist()
        self._bytes = sizes.tolist()
        self.up = np.zeros(len(fleet.names), dtype=np.bool_)
        self.held = np.zeros((len(fleet.names), len(sizes)), dtype=np.float32)
        """Edge × asset: 1 where the edge holds it, else 0."""
        self.counts = np.zeros((len(fleet.rows), len(sizes)), dtype=np.int32)
        """Region × asset: how many edges that are up hold it."""
        self.used = np.zeros(len(fleet.names))
        """Bytes held, by edge."""
        self.planned: list[tuple[int, ...]] = [()] * len(sizes)
        """By asset: the edges that should hold it."""
        self._waiting: list[dict[int, tuple[bool, float, Cause]]] = [{} for _ in fleet.names]
        self._owed = {urgent: [0.0] * len(fleet.names) for urgent in (True, False)}
        """Bytes that edges have taken ahead of their time."""

    def start(self, changes: Iterable[Change]) -> None:
        """Begins with all that is planned in its place."""
        for change in changes:
            self.planned[change.asset] = change.edges
            for edge in change.edges:
                if self._fits(edge, change.asset):
                    self._take(edge, change.asset)
                else:
                    self._waiting[edge][change.asset] = (False, change.priority, Cause.POPULARITY)

    def follow(self, up: NDArray[np.bool_]) -> None:
        """Takes in which edges are up."""
        for edge in np.flatnonzero(self.up != up):
            step = 1 if up[edge] else -1
            self.counts[self._region[edge]] += step * (self.held[edge] > 0)
        self.up = up.copy()

    def change(self, changes: Iterable[Change], cause: Cause) -> None:
        """Takes in what is planned anew."""
        for change in changes:
            before = self.planned[change.asset]
            self.planned[change.asset] = change.edges
            for edge in before:
                if edge not in change.edges:
                    self._waiting[edge].pop(change.asset, None)
                    if self.up[edge]:
                        self._drop(edge, change.asset)
            for edge in change.edges:
                if not self.held[edge, change.asset]:
                    entry = self._waiting[edge].get(change.asset)
                    why = cause if entry is None else entry[2]
                    self._waiting[edge][change.asset] = (change.urgent, change.priority, why)

    def clean(self, edge: int) -> None:
        """Has an edge that came back drop what it should not hold any more."""
        for asset in np.flatnonzero(self.held[edge]).tolist():
            if edge not in self.planned[asset]:
                self._drop(edge, asset)

    def _fits(self, edge: int, asset: int) -> bool:
        return bool(self.used[edge] + self._bytes[asset] <= self._options.disk)

    def _take(self, edge: int, asset: int) -> None:
        self.held[edge, asset] = 1.0
        self.used[edge] += self._bytes[asset]
        self.counts[self._region[edge], asset] += bool(self.up[edge])

    def _drop(self, edge: int, asset: int) -> None:
        if self.held[edge, asset]:
            self.held[edge, asset] = 0.0
            self.used[edge] -= self._bytes[asset]
            self.counts[self._region[edge], asset] -= bool(self.up[edge])

    def free(self, region: int) -> float:
        """Bytes of the region's edges that are up which no copy takes."""
        rows = self._fleet.rows[region]
        return float((self._options.disk - self.used[rows])[self.up[rows]].clip(0).sum())

    def waiting(self) -> int:
        """Copies that edges which are up should hold and do not."""
        return sum(len(self._waiting[edge]) for edge in np.flatnonzero(self.up))

    def fill(self, hour: int) -> Filled:
        """Has edges fill for an hour."""
        regions = len(self._fleet.rows)
        filled = Filled(np.zeros((regions, len(Cause))), np.zeros(regions))
        hours = [int(hour + region.utc_offset) % 24 for region in self._options.regions]
        for edge in np.flatnonzero(self.up).tolist():
            calm = WINDOW[0] <= hours[self._region[edge]] < WINDOW[1]
            self._fill_edge(edge, calm=calm, filled=filled)
        return filled

    def _fill_edge(self, edge: int, *, calm: bool, filled: Filled) -> None:
        waiting = self._waiting[edge]
        region = self._region[edge]
        # The last asset of an hour may be longer than what is left of it, which the next pays.
        left = {
            True: self._options.bandwidth * 3600.0 / 8.0 - self._owed[True][edge],
            False: calm * (self._options.fill_rate * 3600.0 / 8.0) - self._owed[False][edge],
        }
        # On a full disk tens of thousands wait for months: only what fits is put in order.
        free = self._options.disk - self.used[edge]
        can = [
            (not urgent, -priority, asset, cause)
            for asset, (urgent, priority, cause) in waiting.items()
            if (calm or urgent) and self._bytes[asset] <= free
        ]
        taken: list[int] = []
        for behind, _, asset, cause in sorted(can):
            urgent = not behind
            if left[urgent] <= 0:
                if not urgent:
                    break
                continue
            if not self._fits(edge, asset):
                continue
            size = self._bytes[asset]
            left[urgent] -= size
            del waiting[asset]
            here = 1.0 if self.counts[region, asset] else float(self._shields.part[region, asset])
            self._take(edge, asset)
            taken.append(asset)
            filled.by_cause[region, cause] += size
            filled.from_peers[region] += size * here
            filled.from_origin += size * (1.0 - here)
        self._owed[True][edge] = max(0.0, -left[True])
        if calm:
            self._owed[False][edge] = max(0.0, -left[False])
        self._shields.forget(region, np.array(taken, dtype=np.int64))
