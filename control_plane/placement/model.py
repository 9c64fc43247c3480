"""What the planner is told and what it answers: edges, assets, rules, and what was placed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

LARGEST_BYTES = 2**52
"""What is larger counts as this, so that sums of a batch stay within 63 bits."""
LARGEST_TRAFFIC = 1e15
"""Bits per second; what is more counts as this."""


@dataclass(frozen=True, slots=True)
class PlacementEdge:
    """An edge that assets may be placed on.

    An edge that fell silent stays one for a while, so that a restart does not move its assets; how
    long is for the caller to decide.
    """

    edge_id: str
    region: str
    capacity_bytes: int
    bandwidth: int = 0
    """Bits per second that it can send; 0 for unknown."""
    weight: float = 1.0
    """Its share beside others of the same capacity."""


@dataclass(frozen=True, slots=True)
class PlacementAsset:
    """An asset, with all its versions that are kept."""

    asset_id: str
    bytes: int
    traffic: Mapping[str, float]
    """Bits per second that viewers are expected to take, by region; a region left out takes 0."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """The edges that should hold an asset."""

    asset_id: str
    edges: tuple[str, ...]
    """In the order of their names; none when it is in the origin only, or nowhere any more."""
    priority: float
    """0 to 1, the higher the sooner it is filled: the part of a region's traffic that is expected
    of it, in the region where that is most."""
    urgent: bool
    """Whether viewers wait for it: it is new, or lost a copy with an edge."""


@dataclass(frozen=True, slots=True)
class PlacementRules:
    """How much is kept where. Traffic is in bits per second."""

    minimum: int = 2
    """Copies in each region of what is watched there, however little; at most as many as there are
    edges."""
    minimums: Mapping[str, int] = field(default_factory=dict)
    """The same for the regions named."""
    tail_traffic: float = 0.0
    """What is watched less than this in a region is the tail there."""
    tail_copies: int = 1
    """Copies of the tail: 1 for the shield, the first edge in its order; 0 for the origin only."""
    copy_traffic: float = 100e6
    """What one copy may carry: content that is watched more has more copies."""
    fullness: float = 0.9
    """The part of an edge's capacity that may be planned."""
    bound: float = 1.25
    """No edge has more than this times the mean of its region."""
    margin: float = 1.5
    """How many times less an asset must be watched before it has fewer copies, or be worth less
    per byte before another takes its place: drift by less moves nothing."""
    bandwidth: float = 1e9
    """What an edge can send that has not told it."""

    def minimum_of(self, region: str) -> int:
        """Copies in ``region`` of what is watched there."""
        return self.minimums.get(region, self.minimum)


def bounded(value: float, largest: float) -> float:
    """``value`` from 0 to ``largest``; 0 for what is no number."""
    within = float(min(max(value, 0), largest))
    return 0.0 if math.isnan(within) else within
