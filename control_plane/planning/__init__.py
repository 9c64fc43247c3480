"""What the planner leaves for all control planes: its lease, the plan and the demand it goes by."""

from control_plane.planning.opening import open_plan_store

from control_plane.planning.port import Decided, Demand, LeaseLost, PlanRow, PlanStore

__all__ = ["Decided", "Demand", "LeaseLost", "PlanRow", "PlanStore", "open_plan_store"]
