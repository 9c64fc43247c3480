"""How the page shows the edges of a region, however many: what is wrong comes first. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from common.messages import EdgeState, EdgeView
from control_plane.dashboard.texts import NameOrder, name_order
from control_plane.routing import Region

WITH_FACTS: Final = 8
"""Edges of a region that are shown with all that is known of them; of the others, the state."""

WORST_FIRST: Final = {
    state: place
    for place, state in enumerate(
        (
            EdgeState.DOWN,
            EdgeState.DEGRADED,
            EdgeState.STARTING,
            EdgeState.DRAINING,
            EdgeState.MAINTENANCE,
            EdgeState.UP,
        )
    )
}


@dataclass(frozen=True, slots=True)
class ShownRegion:
    """A region on the page."""

    region: Region
    count: str
    """How many edges it has, and in which states, where there are more than have their facts."""
    edges: Sequence[EdgeView]
    """Those with their facts."""
    others: Sequence[tuple[EdgeState, Sequence[EdgeView]]]
    """The others, by state."""


def shown_regions(regions: Iterable[Region], edges: Iterable[EdgeView]) -> list[ShownRegion]:
    """The regions in their order, each with its edges."""
    by_region: dict[str, list[EdgeView]] = {}
    for edge in edges:
        by_region.setdefault(edge.region, []).append(edge)
    return [_shown(region, by_region.get(region.name, [])) for region in regions]


def _shown(region: Region, edges: list[EdgeView]) -> ShownRegion:
    if len(edges) <= WITH_FACTS:
        return ShownRegion(region, "", sorted(edges, key=_name), ())
    ordered = sorted(edges, key=lambda edge: (WORST_FIRST[edge.state], _name(edge)))
    states = Counter(edge.state for edge in ordered)
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    count = f"{len(ordered)} edges: {told}"
    others = groupby(ordered[WITH_FACTS:], key=lambda edge: edge.state)
    return ShownRegion(
        region, count, ordered[:WITH_FACTS], [(state, [*alike]) for state, alike in others]
    )


def _name(edge: EdgeView) -> NameOrder:
    return name_order(edge.edge_id)
