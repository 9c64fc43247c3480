"""Which edges live, and how far each is trusted. Pure."""

from control_plane.health.heartbeats import EdgeNameTaken, accepts, heard_elsewhere
from control_plane.health.machine import step
from control_plane.health.model import Credential, EdgeHealth, HealthRules, Memory, Probed, Signs
from control_plane.health.outlook import Outlook, admitted, look

__all__ = [
    "Credential",
    "EdgeHealth",
    "EdgeNameTaken",
    "HealthRules",
    "Memory",
    "Outlook",
    "Probed",
    "Signs",
    "accepts",
    "admitted",
    "heard_elsewhere",
    "look",
    "step",
]
