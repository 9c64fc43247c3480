"""How many sessions an edge can take, and how many it has too many, by its health and its load: as
routing bounds them (``control_plane.routing.load``)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from control_plane.routing import EdgeFacts, Turn
from control_plane.routing.load import BEGINS, accepted, limit

AT_ONCE: Final = 0.25
"""Of its sessions, what an edge gives up at most while each of them asks once."""
PACE: Final = 0.5
"""Of what it has too much, the part that it gives up meanwhile: what it tells of its load is some
seconds old, and no more than is needed is to go."""

LITTLE: Final = 1e-6
"""Of an edge's capacity, what counts for none beside it."""


class Rooms:
    """What edges have room for beside each other."""

    def __init__(self, edges: Iterable[EdgeFacts]) -> None:
        self._capacity: defaultdict[str, float] = defaultdict(float)
        self._carried: defaultdict[str, float] = defaultdict(float)
        """By region."""
        for edge in {edge.edge_id: edge for edge in edges}.values():
            self._capacity[edge.region] += edge.capacity
            self._carried[edge.region] += edge.load * edge.capacity

    def takes(self, edge: EdgeFacts) -> float:
        """The part of the sessions that come to an edge that it takes, 0 to 1."""
        if edge.turn is Turn.FULL:
            return 0.0
        if edge.load <= BEGINS:
            return edge.share
        return edge.share * accepted(edge.load, self._others(edge))

    def sheds(self, edge: EdgeFacts) -> float:
        """The part of its sessions that it gives up while each of them asks once, 0 to ``AT_ONCE``:
        none until it carries more than that at which it takes nobody."""
        if edge.load <= BEGINS:
            return 0.0
        over = 1 - limit(self._others(edge)) / edge.load
        return min(AT_ONCE, max(0.0, PACE * over))

    def _others(self, edge: EdgeFacts) -> float | None:
        """The average load of the others of its region; None for no others."""
        capacity = self._capacity[edge.region] - edge.capacity
        # Nothing is left of equal sums but what rounding leaves.
        if capacity <= LITTLE * edge.capacity:
            return None
        return max(0.0, self._carried[edge.region] - edge.load * edge.capacity) / capacity


def at_ease(edge: EdgeFacts) -> bool:
    """Whether an edge is far from having to give anything up: whoever could stay is only sent to
    such a one, or would soon be sent away again."""
    return edge.load <= BEGINS and edge.turn is not Turn.FULL
