"""Where a client is, in the network and on the earth."""

from dataclasses import dataclass

from control_plane.routing.rank import Location


@dataclass(frozen=True, slots=True)
class Place:
    """What zones and databases tell of an address."""

    location: Location | None = None
    """None when nobody knows."""
    country: str = ""
    """ISO 3166-1 alpha-2, in capitals; empty when nobody knows."""
    asn: int = 0
    """The autonomous system that its network belongs to (RFC 1930); 0 when nobody knows."""
    zone: str = ""
    """The coverage zone that it is in; empty for none."""
    regions: tuple[str, ...] = ()
    """The regions that serve the zone, the best first."""


NOWHERE = Place()
"""What is known of an address in no zone and no database."""
