"""What the planner leaves for all control planes: its lease, the plan and the demand it goes by."""

from control_plane.planning.opening import open_plan_store
from control_plane.planning.placements import Placements
from control_plane.planning.planner import Planner
from control_plane.planning.port import Decided, Demand, LeaseLost, PlanRow, PlanStore

__all__ = [
    "Decided",
    "Demand",
    "LeaseLost",
    "Placements",
    "PlanRow",
    "PlanStore",
    "Planner",
    "open_plan_store",
]
