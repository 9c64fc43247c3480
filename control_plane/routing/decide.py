"""Which edges a viewer is sent to, the best first. Pure.

Within a region, edges that hold the version come before those that would have to fetch it, and both
by weighted rendezvous hash, so that an asset's viewers meet on one edge. An edge takes the part of
them that its health and its load allow, always the same ones, and the others go to the next. A far
region comes after all of a near one, also when only the far one holds the version; it comes before
that when the near one is full. Where everything is full, the least loaded edge takes whoever comes.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import attrgetter

from control_plane.routing.rank import EdgeFacts, Turn
from control_plane.routing.serving import Candidate, ServingRegion


def decide(
    asset: str,
    holders: tuple[str, ...],
    viewer: bytes,
    regions: Sequence[ServingRegion],
    most: int | None = None,
) -> list[EdgeFacts]:
    """The best edges for a viewer, the best first.

    Args:
        asset: what is asked for.
        holders: the edges that hold it.
        viewer: what tells one from the others: its address.
        regions: those that have edges, the best for this viewer first.
        most: how many edges; all of them for None. Few are found faster.
    """
    if most == 1:
        best = _first(asset, holders, viewer, regions)
        if best is not None:
            return [best]
    return list(islice(_all(asset, holders, viewer, regions), most))


def _first(
    asset: str, holders: tuple[str, ...], viewer: bytes, regions: Sequence[ServingRegion]
) -> EdgeFacts | None:
    """What comes first of ``_all``, where it is easily found, as for nearly all viewers: they want
    no more, and this takes a third of the time."""
    for region in regions:
        if region.keeps(viewer):
            for edge in region.holding(asset, holders):
                if region.takes(edge, viewer):
                    return edge.facts(holds=True)
            return None
    return None


def _all(
    asset: str, holders: tuple[str, ...], viewer: bytes, regions: Sequence[ServingRegion]
) -> Iterator[EdgeFacts]:
    full: list[ServingRegion] = []
    for region in regions:
        if region.keeps(viewer):
            yield from _of_region(asset, holders, viewer, region)
        else:
            full.append(region)
    yield from _least_loaded(full, holders)


def _of_region(
    asset: str, holders: tuple[str, ...], viewer: bytes, region: ServingRegion
) -> Iterator[EdgeFacts]:
    hold = ((edge, True) for edge in region.holding(asset, holders))
    fetch = ((edge, False) for edge in region.fetching(asset, holders))
    refused: list[tuple[Candidate, bool]] = []
    for edge, holds in chain(hold, fetch):
        if region.takes(edge, viewer):
            yield edge.facts(holds=holds)
        else:
            refused.append((edge, holds))
    # Sorting keeps the order of those whose loads are the same.
    for edge, holds in sorted(refused, key=lambda one: one[0].load):
        yield edge.facts(holds=holds, turn=Turn.LEAVES)


def _least_loaded(
    regions: Iterable[ServingRegion], holders: tuple[str, ...]
) -> Iterator[EdgeFacts]:
    edges = chain.from_iterable(region.edges for region in regions)
    for edge in sorted(edges, key=attrgetter("load")):
        yield edge.facts(holds=edge.edge_id in holders, turn=Turn.FULL)
