"""Which edges an edge may fill from: those of its region that are up."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from common.messages import EdgeState, Neighbour, Neighbours
from control_plane.fleet import Fleet
from control_plane.watch import Watch

SERVING: Final = {EdgeState.UP, EdgeState.DEGRADED}

_NONE = Neighbours(0, ())


class Neighbourhoods:
    """The neighbours of every edge, as they were at the last look."""

    def __init__(self, fleet: Fleet, watch: Watch, changed: Callable[[], None]) -> None:
        """``changed`` is called when others are up."""
        self._fleet = fleet
        self._watch = watch
        self._changed = changed
        self._up: dict[str, tuple[Neighbour, ...]] = {}
        """By region, in the order of their names."""
        self._of: dict[str, Neighbours] = {}

    def refresh(self) -> None:
        """Looks which edges are up."""
        up: dict[str, list[Neighbour]] = {}
        for record in self._fleet.edges():
            if self._watch.health(record.edge_id).state in SERVING:
                neighbour = Neighbour(record.edge_id, record.heartbeat.url)
                up.setdefault(record.region, []).append(neighbour)
        found = {region: tuple(edges) for region, edges in up.items()}
        if found != self._up:
            self._up = found
            self._of.clear()
            self._changed()

    def of(self, edge_id: str) -> Neighbours:
        """The neighbours of an edge."""
        known = self._of.get(edge_id)
        if known is None:
            record = self._fleet.edge(edge_id)
            near = self._up.get(record.region, ()) if record else ()
            edges = tuple(each for each in near if each.edge_id != edge_id)
            known = self._of[edge_id] = Neighbours(_revision(edges), edges) if edges else _NONE
        return known


def _revision(edges: tuple[Neighbour, ...]) -> int:
    """A number of 52 bits, which every JSON reader keeps exact; never 0, which says "none"."""
    text = "\n".join(f"{edge.edge_id} {edge.url}" for edge in edges)
    return int.from_bytes(sha256(text.encode()).digest()[:7]) >> 4 | 1
