"""Where addresses are: by the coverage zones, and by GeoIP databases, whose files are taken anew
when they change.

A file that is changed is read and checked beside the one in use, which stays until the new one is
found good. What was found out of an address is kept until anything changes.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from control_plane.countries import centres
from control_plane.geoip import GeoDatabase, network_of, place_of
from control_plane.routing.clients import Address
from control_plane.routing.place import Place
from control_plane.routing.prefixes import carried
from control_plane.routing.rank import Location
from control_plane.routing.zones import Zone, ZoneTable
from control_plane.watched_file import WatchedFile, keep_looking, look_at, troubles

REMEMBERED: Final = 16384
"""Addresses whose places are kept; about 8 MB."""


class Places:
    """Tells where addresses are; touches no disk and waits for nobody."""

    def __init__(
        self,
        files: Sequence[Path] = (),
        networks: Sequence[Path] = (),
        zones: Callable[[], ZoneTable] = ZoneTable,
    ) -> None:
        """Reads the databases; to be called in a thread.

        Args:
            files: databases of cities or countries; each fact is of the first that tells it.
            networks: databases of autonomous systems, likewise.
            zones: the coverage zones.

        Raises:
            GeoDatabaseUnusable: a database is missing, broken, or of another kind.
            FileChanging: somebody writes to one.
        """
        self._places = [
            WatchedFile(path, lambda path: GeoDatabase(path, place_of)) for path in files
        ]
        self._networks = [
            WatchedFile(path, lambda path: GeoDatabase(path, network_of)) for path in networks
        ]
        self._files = (*self._places, *self._networks)
        self._zones = zones
        self._centres: Mapping[str, Location] = centres() if files else {}
        self.forget()

    def forget(self) -> None:
        """What was found out of addresses is to be found out anew: the zones are others."""
        # Players ask again and again.
        self.find = functools.lru_cache(REMEMBERED)(
            functools.partial(
                _find,
                [file.value for file in self._places],
                [file.value for file in self._networks],
                self._centres,
                self._zones(),
            )
        )

    def away(self) -> dict[str, str]:
        """Which files are not what is in use, for people."""
        told = troubles(self._files)
        return {"geoip": told} if told else {}

    async def run(self) -> None:
        """Looks at the files, for ever."""
        await keep_looking(self._files, self.forget)

    async def look(self) -> None:
        """Takes what has changed."""
        await look_at(self._files, self.forget)


def _find(
    places: Sequence[GeoDatabase],
    networks: Sequence[GeoDatabase],
    centres_of: Mapping[str, Location],
    zones: ZoneTable,
    address: Address,
) -> Place:
    plain = carried(address) or address
    location, country = _place(places, plain)
    known = (facts.asn for each in networks if (facts := each.find(plain)) is not None)
    zone: Zone | None = zones.find(address)
    return Place(
        location=location or centres_of.get(country),
        country=country,
        asn=next(known, 0),
        zone=zone.name if zone is not None else "",
        regions=zone.regions if zone is not None else (),
    )


def _place(databases: Sequence[GeoDatabase], address: Address) -> tuple[Location | None, str]:
    location, country = None, ""
    for database in databases:
        facts = database.find(address)
        if facts is not None:
            location, country = location or facts.location, country or facts.country
        if location is not None and country:
            # The others would be looked up for nothing.
            break
    return location, country
