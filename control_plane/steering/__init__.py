"""Which edge a session of a player plays from, from one steering manifest to the next. Pure."""

from control_plane.steering.decide import NEAR, Ranks, Steering, steer
from control_plane.steering.pathways import host
from control_plane.steering.rules import SteeringSettings
from control_plane.steering.session import Session
from control_plane.steering.words import Words

__all__ = ["NEAR", "Ranks", "Session", "Steering", "SteeringSettings", "Words", "host", "steer"]
