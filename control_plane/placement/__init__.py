"""Which edges should hold which packages. Pure."""

from control_plane.placement.desired import Candidate, Wanted, desired_state, wanted_edges
from control_plane.placement.model import Placed, PlacementAsset, PlacementEdge, PlacementRules
from control_plane.placement.plan import Plan
from control_plane.placement.rendezvous import ranked

__all__ = [
    "Candidate",
    "Placed",
    "PlacementAsset",
    "PlacementEdge",
    "PlacementRules",
    "Plan",
    "Wanted",
    "desired_state",
    "ranked",
    "wanted_edges",
]
