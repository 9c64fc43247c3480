"""Which edges there are in each hour: they fail, come back, and one joins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from control_plane.simulation.options import Options

JOINS_AT = 1 / 3
"""The part of the time after which one more edge joins the first region."""


@dataclass(frozen=True)
class Fleet:
    """The edges of the simulation, those of a region side by side."""

    names: tuple[str, ...]
    region: NDArray[np.int64]
    """The number of each edge's region."""
    rows: tuple[slice, ...]
    """By region: its edges."""
    up: NDArray[np.bool_]
    """Hour × edge: whether it is there."""
    joined: int
    """The edge that joins."""
    joined_hour: int

    def failures(self) -> int:
        """How often an edge went away."""
        return int((self.up[:-1] & ~self.up[1:]).sum())


def fleet_of(options: Options) -> Fleet:
    """Edges, evenly over the regions, that fail independently of each other.

    Times until a failure and away are exponential; an hour in which an edge is away at its start
    counts as away.
    """
    chance = np.random.default_rng([options.seed, 2])
    regions = len(options.regions)
    counts = [options.edges // regions + (n < options.edges % regions) for n in range(regions)]
    counts[0] += 1
    ends = np.cumsum(counts)
    rows = tuple(slice(int(end) - count, int(end)) for count, end in zip(counts, ends, strict=True))
    names = tuple(
        f"{region.name}-{number}"
        for region, count in zip(options.regions, counts, strict=True)
        for number in range(1, count + 1)
    )
    up = np.ones((options.hours, len(names)), dtype=np.bool_)
    for edge in range(len(names)):
        now = chance.exponential(options.mtbf_days * 24.0)
        while now < options.hours:
            back = now + chance.exponential(options.mttr_hours)
            up[int(np.ceil(now)) : int(np.ceil(back)), edge] = False
            now = back + chance.exponential(options.mtbf_days * 24.0)
    joined, joined_hour = counts[0] - 1, int(options.hours * JOINS_AT)
    up[:joined_hour, joined] = False
    return Fleet(
        names=names,
        region=np.repeat(np.arange(regions), counts),
        rows=rows,
        up=up,
        joined=joined,
        joined_hour=joined_hour,
    )
