"""Coverage zones: which regions an operator has serve a network."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from common.errors import NearcastError
from common.messages.zones import CoverageZones
from control_plane.routing.clients import Address
from control_plane.routing.prefixes import Prefixes, parse_network

MOST_NETWORKS: Final = 200_000
"""In all zones; these take about 20 MB, and a second to look at."""


class ZonesInvalid(NearcastError):
    """The zones are not taken."""

    status = 422


class TooManyNetworks(ZonesInvalid):
    """The zones have more than {limit} networks."""


class ZoneTwice(ZonesInvalid):
    """Two zones are called {zone!r}."""


class ZoneNetworkInvalid(ZonesInvalid):
    """In zone {zone!r}, {reason}."""


class ZoneNetworkTwice(ZonesInvalid):
    """The network {network} is in zone {zone!r} and in zone {other!r}."""


class ZoneRegionUnknown(ZonesInvalid):
    """Zone {zone!r} names the region {region!r}; there are {known}."""


class ZoneRegionTwice(ZonesInvalid):
    """Zone {zone!r} names the region {region!r} twice."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Where an address is, by the operator's word."""

    name: str
    regions: tuple[str, ...]
    """The best first."""


NO_ZONES: Final = CoverageZones()


class ZoneTable:
    """The zones that there are."""

    def __init__(self, told: CoverageZones = NO_ZONES, regions: Collection[str] = ()) -> None:
        """Takes what an operator told; to be called in a thread when that is much.

        Args:
            told: the zones.
            regions: those that there are; of others that are named, the operator has taken them out
                of the settings since.

        Raises:
            ZonesInvalid: it contradicts itself.
        """
        self._zones: Prefixes[Zone] = Prefixes()
        if sum(len(each.networks) for each in told.zones) > MOST_NETWORKS:
            raise TooManyNetworks(limit=MOST_NETWORKS)
        names: set[str] = set()
        for each in told.zones:
            if each.name in names:
                raise ZoneTwice(zone=each.name)
            names.add(each.name)
            zone = Zone(each.name, tuple(name for name in each.regions if name in regions))
            for text in each.networks:
                self._add(text, zone)

    def _add(self, text: str, zone: Zone) -> None:
        try:
            network = parse_network(text)
        except ValueError as error:
            raise ZoneNetworkInvalid(zone=zone.name, reason=str(error)) from error
        other = self._zones.add(network, zone)
        if other is not zone:
            raise ZoneNetworkTwice(network=network, zone=other.name, other=zone.name)

    def __len__(self) -> int:
        return len(self._zones)

    def find(self, address: Address) -> Zone | None:
        """The zone that has the longest prefix around ``address``; None when none has any."""
        return self._zones.find(address)


def check_regions(told: CoverageZones, regions: Collection[str]) -> None:
    """Does nothing when every zone names regions that there are, each once.

    Raises:
        ZoneRegionUnknown, ZoneRegionTwice: one does not.
    """
    for zone in told.zones:
        for number, region in enumerate(zone.regions):
            if region not in regions:
                known = ", ".join(regions)
                raise ZoneRegionUnknown(zone=zone.name, region=region, known=known[:2000])
            if region in zone.regions[:number]:
                raise ZoneRegionTwice(zone=zone.name, region=region)
