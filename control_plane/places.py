"""Where addresses are: by the coverage zones, and by GeoIP databases, whose files are taken anew
when they change.

A file that is changed is read and checked beside the one in use, which stays until the new one is
found good. What was found out of an address is kept until anything changes.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from common import logs
from control_plane.countries import centres
from control_plane.geoip import (
    GeoDatabase,
    GeoDatabaseUnusable,
    Reading,
    network_of,
    place_of,
)
from control_plane.routing.clients import Address
from control_plane.routing.place import Place
from control_plane.routing.prefixes import carried
from control_plane.routing.rank import Location
from control_plane.routing.zones import Zone, ZoneTable

LOOK_EVERY: Final = 5.0
"""Seconds between looks at the files."""
REMEMBERED: Final = 16384
"""Addresses whose places are kept; about 8 MB."""

_Stamp = tuple[int, int, int]
"""What is another once a file is: its number and size, and when anything of it changed."""

_log = logs.get(__name__)


class _File:
    """A database and the file that it comes from. All but ``database`` and ``trouble`` is for the
    thread that looks."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self._path = path
        self._reading = reading
        self.trouble: str | None = None
        """Why the file is not what is in use; None when it is."""
        self._used, self.database = self._read()
        self._refused: _Stamp | None = None

    def look(self) -> bool:
        """Takes the file where it has changed; whether it did."""
        try:
            stamp = self._stamp()
            if stamp == self._used:
                self._refused = self.trouble = None
                return False
            if stamp == self._refused:
                return False
            self._refused = stamp
            self._used, self.database = self._read()
        except GeoDatabaseUnusable as error:
            if str(error) != self.trouble:
                _log.warning("going on with the GeoIP database as it was", reason=str(error))
            self.trouble = str(error)
            return False
        _log.info("a GeoIP database was taken anew", file=str(self._path))
        self._refused = self.trouble = None
        return True

    def _read(self) -> tuple[_Stamp, GeoDatabase]:
        stamp = self._stamp()
        database = GeoDatabase(self._path, self._reading)
        if self._stamp() != stamp:
            raise GeoDatabaseUnusable(file=self._path, reason="it changed while it was read")
        return stamp, database

    def _stamp(self) -> _Stamp:
        try:
            told = self._path.stat()
        except OSError as error:
            reason = error.strerror or str(error)
            raise GeoDatabaseUnusable(file=self._path, reason=reason) from error
        return told.st_ino, told.st_size, told.st_ctime_ns


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
        """
        self._places = [_File(path, place_of) for path in files]
        self._networks = [_File(path, network_of) for path in networks]
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
                [file.database for file in self._places],
                [file.database for file in self._networks],
                self._centres,
                self._zones(),
            )
        )

    def away(self) -> dict[str, str]:
        """Which files are not what is in use, for people."""
        troubles = [file.trouble for file in self._files if file.trouble is not None]
        return {"geoip": " ".join(troubles)} if troubles else {}

    async def run(self) -> None:
        """Looks at the files, for ever."""
        while self._files:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Takes what has changed."""
        try:
            changed = await asyncio.to_thread(lambda: [file.look() for file in self._files])
        except Exception:
            # Whatever it was, it must not be the end of looking.
            _log.exception("the GeoIP databases could not be looked at")
            return
        if any(changed):
            self.forget()


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
