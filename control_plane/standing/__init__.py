"""What operators have ordered of edges, known to every control plane and obeyed by health."""

from control_plane.standing.opening import open_standings
from control_plane.standing.port import Standing, StandingStore
from control_plane.standing.standings import Standings

__all__ = ["Standing", "StandingStore", "Standings", "open_standings"]
