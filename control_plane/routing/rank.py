"""Where regions are, what is known of an edge, and in which order a client's regions come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

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


class Turn(StrEnum):
    """Why an edge comes where it does among those of its region."""

    TAKES = "takes"
    """By rendezvous hash."""
    LEAVES = "leaves"
    """It takes a part of its viewers, and leaves this one to others."""
    FULL = "full"
    """Its whole region does so."""


class EdgeFacts(msgspec.Struct, frozen=True):
    """What routing tells of an edge that takes viewers."""

    edge_id: str
    region: str
    url: str
    holds: bool
    """Whether it holds the whole version that is asked for."""
    share: float = 1.0
    """Of the viewers that it would get at its best, above 0 to 1: how many its health lets it
    have."""
    load: float = 0.0
    """The part of what it can do that it does, with what it has been sent meanwhile; 0 for nothing,
    and above 1 for more than it can."""
    turn: Turn = Turn.TAKES
    capacity: float = 1.0
    """What it can do beside the others of its region; 1 for all is as good as 1e9."""


def region_order(
    regions: Sequence[Region], location: Location | None, preferred: Sequence[str] = ()
) -> tuple[str, ...]:
    """The names of ``regions``, the best for a client first: those that its coverage zone names, in
    that order; then by distance; then in the order given.

    Args:
        regions: every region, in the operator's order.
        location: where the client is; None when nobody knows.
        preferred: the regions of its zone; those that there are not are passed over.
    """
    told = {name: number for number, name in reversed(list(enumerate(preferred)))}
    ordered = sorted(
        regions,
        key=lambda region: (
            told.get(region.name, len(told)),
            distance(location, region) if location is not None else 0.0,
        ),
    )
    return tuple(region.name for region in ordered)


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
