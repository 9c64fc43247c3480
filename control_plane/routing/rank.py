"""The ranked list of edges for one client, and the reason for each rank."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.placement.rendezvous import score

EARTH_RADIUS = 6371.0
"""Kilometres, on average."""


@dataclass(frozen=True)
class Location:
    """Where a client is."""

    latitude: float
    longitude: float
    name: str
    """For people: city and country."""


@dataclass(frozen=True)
class Region:
    """Where a region's edges are."""

    name: str
    title: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class EdgeFacts:
    """What routing needs to know of an edge that takes viewers."""

    edge_id: str
    region: str
    url: str
    holds: bool
    """Whether it holds the whole version that is asked for."""
    share: float = 1.0
    """Of the viewers that it would get at its best, above 0 to 1: how many it gets."""


def rank_edges(
    asset_id: str,
    edges: Sequence[EdgeFacts],
    regions: Sequence[Region],
    client: Location | None,
    address: str = "",
) -> list[EdgeFacts]:
    """The edges, best first: those that hold the version before those that would have to fetch it,
    then by distance, then by rendezvous hash, so that an asset's viewers in a region meet on one
    edge. Of those clients for whom an edge would be the best, one that gets only a share leaves the
    others to its region's next.

    Args:
        asset_id: what is asked for.
        edges: the edges that take viewers.
        regions: every region, in the operator's order, which counts where distance cannot.
        client: where the client is; None when nobody knows.
        address: the client's, by which clients are shared out.
    """
    distances = _distances(regions, client)
    order = {region.name: number for number, region in enumerate(regions)}
    return sorted(
        (edge for edge in edges if edge.region in order),
        key=lambda edge: (
            not edge.holds,
            distances[edge.region],
            order[edge.region],
            not _takes(edge, address),
            -score(asset_id, edge.edge_id),
        ),
    )


def _takes(edge: EdgeFacts, address: str) -> bool:
    """Whether a client is in the share of an edge: the same ones always, more as it grows."""
    return edge.share >= 1 or score(address, edge.edge_id) < edge.share * 2**64


def reasons(
    ranked: Sequence[EdgeFacts], regions: Sequence[Region], client: Location | None
) -> list[str]:
    """For each of the ``ranked`` edges, why it has its rank."""
    distances = _distances(regions, client)
    numbered = {region.name: (number, region) for number, region in enumerate(regions, start=1)}
    turns: Counter[tuple[str, bool]] = Counter()
    told: list[str] = []
    for edge in ranked:
        turns[edge.region, edge.holds] += 1
        number, region = numbered[edge.region]
        holding = "holds the version" if edge.holds else "healthy, but has to fetch the version"
        where = (
            f"{region.title} is {distances[edge.region]:.0f} km from {client.name}"
            if client
            else f"the client's place is unknown, {region.title} is number {number} in the "
            "operator's order"
        )
        turn = f"number {turns[edge.region, edge.holds]} in its region by rendezvous hash"
        told.append(f"{holding}; {where}; {turn}")
    return told


def _distances(regions: Sequence[Region], client: Location | None) -> dict[str, float]:
    return {region.name: distance(client, region) if client else 0.0 for region in regions}


def distance(one: Location | Region, other: Location | Region) -> float:
    """Kilometres along the great circle (haversine formula)."""
    latitude_1, latitude_2 = math.radians(one.latitude), math.radians(other.latitude)
    d_latitude = latitude_2 - latitude_1
    d_longitude = math.radians(other.longitude - one.longitude)
    half_chord = (
        math.sin(d_latitude / 2) ** 2
        + math.cos(latitude_1) * math.cos(latitude_2) * math.sin(d_longitude / 2) ** 2
    )
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(half_chord)))
