"""Which edges live. Pure."""

from control_plane.health.heartbeats import accepts, state_of

__all__ = ["accepts", "state_of"]
