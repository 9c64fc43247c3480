"""Which edges should hold which packages. Pure."""

from control_plane.placement.model import Placed, PlacementAsset, PlacementEdge, PlacementRules
from control_plane.placement.plan import Plan
from control_plane.placement.rendezvous import ranked

__all__ = ["Placed", "PlacementAsset", "PlacementEdge", "PlacementRules", "Plan", "ranked"]
