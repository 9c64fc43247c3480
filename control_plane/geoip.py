"""Where an address is: GeoIP databases in MaxMind's file format, kept in memory.

Two schemas are read: MaxMind's own (through geoip2), and flat records with ``latitude``,
``longitude``, ``country_code`` and ``city``, as the free databases have them.
"""

import functools
import math
from pathlib import Path
from typing import Any

import geoip2.models
import maxminddb

from common.errors import NearcastError
from control_plane.routing.clients import Address
from control_plane.routing.rank import Location

REMEMBERED = 16384
"""Addresses whose places are kept; about 5 MB."""


class GeoDatabaseUnusable(NearcastError):
    """The GeoIP database {file} cannot be used: {reason}."""


class GeoDatabase:
    """A database, wholly in memory: a look-up touches no disk."""

    def __init__(self, path: Path) -> None:
        """Reads the database in the file ``path``.

        Raises:
            GeoDatabaseUnusable: it is missing, cannot be read, or is broken.
        """
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
            # A cut file opens well and fails at an address: ask for the ends of the tree.
            for probe in ("0.0.0.0", "127.0.0.1", "255.255.255.255"):  # noqa: S104 - a question, not a bind
                self._reader.get(probe)
            # Players ask again and again: what they were told is kept for a while.
            self.locate = functools.lru_cache(REMEMBERED)(self._locate)
        except OSError as error:
            raise GeoDatabaseUnusable(file=path, reason=error.strerror or str(error)) from error
        except (maxminddb.InvalidDatabaseError, ValueError, IndexError) as error:
            raise GeoDatabaseUnusable(file=path, reason=str(error)) from error

    def _locate(self, address: Address) -> Location | None:
        """Where ``address`` is; None when the database does not tell."""
        try:
            record: Any = self._reader.get(address)
        except (maxminddb.InvalidDatabaseError, ValueError, IndexError):
            return None
        if not isinstance(record, dict):
            return None
        return _nested(record) if "location" in record else _flat(record)


def _nested(record: dict[str, Any]) -> Location | None:
    try:
        city = geoip2.models.City(["en"], **record)
    except (TypeError, ValueError, AttributeError):
        return None
    return _location(
        city.location.latitude, city.location.longitude, city.city.name, city.country.iso_code
    )


def _flat(record: dict[str, Any]) -> Location | None:
    return _location(
        record.get("latitude"),
        record.get("longitude"),
        record.get("city"),
        record.get("country_code"),
    )


def _location(latitude: Any, longitude: Any, city: Any, country: Any) -> Location | None:
    try:
        north, east = float(latitude), float(longitude)
    except (TypeError, ValueError):
        return None
    if not (math.isfinite(north) and math.isfinite(east)):
        return None
    words = [word for word in (city, country) if isinstance(word, str) and word]
    return Location(north, east, ", ".join(words)[:100] or "an unnamed place")
