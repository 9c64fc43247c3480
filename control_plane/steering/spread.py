"""In which order the edges come for one session, so that the sessions of an edge that is gone are
spread over the others by what each can take, and not all sent to one."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from control_plane.placement.rendezvous import score
from control_plane.routing import EdgeFacts

WHOLE: Final = 2.0**64
"""Scores are below this."""


def chance(session: str, of: str) -> float:
    """A number above 0, up to 1: always the same for a session, another for every session."""
    return (score(session, of) + 0.5) / WHOLE


def spread(session: str, edges: Sequence[EdgeFacts]) -> list[EdgeFacts]:
    """The edges, those that are alike in an order of the session's own.

    Edges of one rank, of a region and both with or without the version, are alike. The first of
    them gets sessions by its share (weighted rendezvous hashing: Schindelhauer and Schomaker,
    "Weighted distributed hash tables", SPAA 2005). A region whose edges together get less than the
    viewers of one leaves the rest to the next.

    Args:
        session: its name.
        edges: best first.
    """
    ordered: list[EdgeFacts] = []
    later: list[EdgeFacts] = []
    for alike in _alike(edges):
        own = sorted(alike, key=lambda edge: math.log(chance(session, edge.edge_id)) / edge.share)
        own.reverse()
        taken = chance(session, f"/{alike[0].region}") < sum(edge.share for edge in alike)
        (ordered if taken else later).extend(own)
    return ordered + later


def _alike(edges: Sequence[EdgeFacts]) -> Iterator[list[EdgeFacts]]:
    for (_, holds), group in groupby(edges, key=lambda edge: (edge.region, edge.holds)):
        if holds:
            yield list(group)
        else:
            # One that has the version already is as good as another. Of those that would have to
            # fetch it, one is to do so: they stay in the order of the asset.
            yield from ([edge] for edge in group)


def bounded(edges: Sequence[EdgeFacts], most: int) -> list[EdgeFacts]:
    """The first ``most`` of ``edges``, the last one of another region where there is one."""
    chosen = list(edges[:most])
    regions = {edge.region for edge in chosen}
    if len(regions) == 1:
        elsewhere = (edge for edge in edges[most:] if edge.region not in regions)
        chosen[-1] = next(elsewhere, chosen[-1])
    return chosen
