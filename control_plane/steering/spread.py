"""In which order the edges come for one session, so that the sessions of an edge that is gone are
spread over the others by what each can take, and not all sent to one."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from control_plane.placement.rendezvous import score
from control_plane.routing import EdgeFacts
from control_plane.steering.rooms import Rooms

WHOLE: Final = 2.0**64
"""Scores are below this."""


def chance(session: str, of: str) -> float:
    """A number above 0, up to 1: always the same for a session, another for every session."""
    return (score(session, of) + 0.5) / WHOLE


def spread(session: str, edges: Sequence[EdgeFacts], rooms: Rooms) -> list[EdgeFacts]:
    """The edges, those that are alike in an order of the session's own.

    Edges of a region that hold the version are alike. The first of them gets sessions by what it
    can do and by the part of them that it takes (weighted rendezvous hashing: Schindelhauer and
    Schomaker, "Weighted distributed hash tables", SPAA 2005). Those that together take less than
    the sessions of one leave the rest to the next. What takes nobody comes last.

    Args:
        session: its name.
        edges: best first.
        rooms: what they have room for.
    """
    ordered: list[EdgeFacts] = []
    later: list[EdgeFacts] = []
    takes = {edge.edge_id: rooms.takes(edge) for edge in edges}
    room, full = _parted(edges, lambda edge: takes[edge.edge_id] > 0)
    for alike in _alike(room):
        own = _drawn(session, alike, lambda edge: edge.capacity * takes[edge.edge_id])
        taken = chance(session, f"/{alike[0].region}") < sum(takes[one.edge_id] for one in alike)
        (ordered if taken else later).extend(own)
    # Somebody has to take the sessions of an edge that is gone, and not only the least loaded.
    return ordered + later + _drawn(session, full, lambda edge: edge.capacity / (1 + edge.load))


def _drawn(
    session: str, edges: Iterable[EdgeFacts], weight: Callable[[EdgeFacts], float]
) -> list[EdgeFacts]:
    """Edges in an order that a session draws, each the first as often as its weight says."""
    return sorted(edges, key=lambda edge: -math.log(chance(session, edge.edge_id)) / weight(edge))


def _alike(edges: Sequence[EdgeFacts]) -> Iterator[list[EdgeFacts]]:
    for region in dict.fromkeys(edge.region for edge in edges):
        holding, fetching = _parted(
            [edge for edge in edges if edge.region == region], lambda edge: edge.holds
        )
        if holding:
            yield holding
        # One that has the version already is as good as another. Of those that would have to
        # fetch it, one is to do so: they stay in the order of the asset.
        yield from ([edge] for edge in fetching)


def _parted(
    edges: Iterable[EdgeFacts], by: Callable[[EdgeFacts], bool]
) -> tuple[list[EdgeFacts], list[EdgeFacts]]:
    """Those for which ``by`` is true, and the others."""
    true: list[EdgeFacts] = []
    false: list[EdgeFacts] = []
    for edge in edges:
        (true if by(edge) else false).append(edge)
    return true, false


def bounded(edges: Sequence[EdgeFacts], most: int) -> list[EdgeFacts]:
    """The first ``most`` of ``edges``, the last one of another region where there is one."""
    chosen = list(edges[:most])
    regions = {edge.region for edge in chosen}
    if len(regions) == 1:
        elsewhere = (edge for edge in edges[most:] if edge.region not in regions)
        chosen[-1] = next(elsewhere, chosen[-1])
    return chosen
