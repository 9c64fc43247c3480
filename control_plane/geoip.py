"""What one GeoIP database tells of an address: a file in MaxMind's format, kept in memory.

Two schemas are read: MaxMind's own (through geoip2), and flat records with ``latitude``,
``longitude``, ``country_code`` and ``city``, or ``autonomous_system_number``, as the free databases
have them.
"""

import functools
import io
import os
import re
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import Path
from typing import Any, Final

import geoip2.models
import maxminddb

from common.errors import NearcastError
from control_plane.data_section import DataSection
from control_plane.routing.clients import Address
from control_plane.routing.rank import Location
from control_plane.search_tree import SEPARATOR, SearchTree

FILE_AT_MOST: Final = 2 * 1024 * 1024 * 1024
"""Bytes; the largest that is sold has less than half."""

REMEMBERED: Final = 65536
"""Records of which it is kept what they tell, about 25 MB; many networks share one."""

_SAMPLE: Final = 500
"""Records that are looked at before a database is believed; and as many addresses of each kind."""
_STEP: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Of 128 bits as much as the golden ratio is of 1: steps that spread evenly."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_WANTED: Final = (
    *("location", "latitude", "longitude", "city", "names", "en"),
    *("country", "iso_code", "country_code", "autonomous_system_number", "asn"),
)
"""What is read of records, in either schema."""
_CODES: Final = 1024
"""Countries whose codes are remembered; there are 250."""
_NO_COUNTRY: Final = {"XX", "ZZ"}
"""What some databases say for none (ISO 3166-1 keeps both for users)."""
_SYSTEM: Final = re.compile(r"(?:AS)?([0-9]{1,10})")

_BROKEN: Final = (
    *(maxminddb.InvalidDatabaseError, ValueError, TypeError, LookupError, ArithmeticError),
    *(struct.error, RecursionError, MemoryError),
)
"""What the library raises at a database that is none, damaged, cut, or of IPv4 alone."""


class GeoDatabaseUnusable(NearcastError):
    """The GeoIP database {file} cannot be used: {reason}."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a record tells."""

    location: Location | None = None
    country: str = ""
    """ISO 3166-1 alpha-2, in capitals."""
    asn: int = 0


Reading = Callable[[dict[str, Any]], Facts | None]
"""What a record tells; None when that is nothing."""


class GeoDatabase:
    """A database, wholly in memory: a look-up touches no disk, and whatever becomes of the file
    changes nothing."""

    def __init__(self, path: Path, reading: Reading) -> None:
        """Reads the database in the file ``path``; to be called in a thread.

        Args:
            path: the file.
            reading: ``place_of`` or ``network_of``, by what it is a database of.

        Raises:
            GeoDatabaseUnusable: it is missing, cannot be read, is broken, or of another kind.
        """
        try:
            content = _content(path)
            # The library's faster reader, in C, ends the process at some files that were damaged.
            reader = maxminddb.open_database(io.BytesIO(content), maxminddb.MODE_FD)
            _check(reader, reading)
            metadata = reader.metadata()
            self._tree = SearchTree(content, metadata)
        except OSError as error:
            raise GeoDatabaseUnusable(file=path, reason=error.strerror or str(error)) from error
        except _BROKEN as error:
            raise GeoDatabaseUnusable(file=path, reason=_sentence(error)) from error
        section = DataSection(content[metadata.search_tree_size + SEPARATOR :], _WANTED)
        # Of a function that does not know this object, or both would wait for a garbage collection.
        self._told = functools.lru_cache(REMEMBERED)(functools.partial(_told, section, reading))

    def find(self, address: Address) -> Facts | None:
        """What is known of ``address``; None when nothing is."""
        try:
            begin = self._tree.find(address)
        except ValueError:
            return None
        return self._told(begin) if begin is not None else None


def _told(section: DataSection, reading: Reading, begin: int) -> Facts | None:
    """What the record tells that begins at a byte."""
    try:
        record = section.read(begin)
    except _BROKEN:
        return None
    return reading(record) if isinstance(record, dict) else None


def _check(reader: maxminddb.Reader, reading: Reading) -> None:
    """Looks at both ends of the tree, at records, and at addresses everywhere: a cut file opens
    well and fails at an address.

    Raises:
        ValueError, InvalidDatabaseError: it is not to be believed.
    """
    for address in _everywhere(reader.metadata().ip_version):
        reader.get(address)
    records = [record for _, record in islice(iter(reader), _SAMPLE)]
    if not records:
        raise ValueError("it knows no address")
    telling = sum(isinstance(each, dict) and reading(each) is not None for each in records)
    if telling * 2 < len(records):
        what = "a place" if reading is place_of else "an autonomous system"
        raise ValueError(f"only {telling} of {len(records)} records tell {what}")


def _content(path: Path) -> bytes:
    """The file, in memory: a mapped one could be cut meanwhile."""
    with open(path, "rb", opener=_without_waiting) as file:
        told = os.fstat(file.fileno())
        if not stat.S_ISREG(told.st_mode):
            raise ValueError("it is no file")
        if told.st_size > FILE_AT_MOST:
            raise ValueError(f"it has more than {FILE_AT_MOST} bytes")
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe, too, though nobody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _everywhere(version: int) -> Iterator[Address]:
    """Addresses from end to end of what a database of an IP version may know."""
    for number in (0, 0x7F000001, 0xFFFFFFFF):
        yield IPv4Address(number)
    for turn in range(_SAMPLE):
        yield IPv4Address(_STEP * turn % 2**128 >> 96)
    if version == 6:
        yield IPv6Address(2**128 - 1)
        for turn in range(_SAMPLE):
            # All that is given out is in 2000::/3 (RFC 4291 §2.4).
            yield IPv6Address((1 << 125) + (_STEP * turn % 2**128 >> 3))


def _sentence(error: Exception) -> str:
    """What the library says, where it says more than a number."""
    told = str(error).rstrip(".")
    return told if " " in told else "it is damaged"


def place_of(record: dict[str, Any]) -> Facts | None:
    """The place in a record of a city or country database."""
    for name in ("location", "country", "city"):
        if isinstance(record.get(name), dict):
            return _nested(record)
    return _flat(record)


def network_of(record: dict[str, Any]) -> Facts | None:
    """The autonomous system in a record, of MaxMind's ASN databases or a flat one."""
    told = record.get("autonomous_system_number", record.get("asn"))
    found = _SYSTEM.fullmatch(str(told).strip())
    number = int(found[1]) if found is not None else 0
    # Four bytes (RFC 6793); 0 is nobody's (RFC 7607).
    return Facts(asn=number) if 0 < number < 2**32 else None


def _nested(record: dict[str, Any]) -> Facts | None:
    try:
        city = geoip2.models.City(["en"], **record)
    except (TypeError, ValueError, AttributeError):
        return None
    where = city.location
    return _facts(where.latitude, where.longitude, city.city.name, city.country.iso_code)


def _flat(record: dict[str, Any]) -> Facts | None:
    return _facts(
        record.get("latitude"),
        record.get("longitude"),
        record.get("city"),
        record.get("country_code", record.get("country")),
    )


def _facts(latitude: Any, longitude: Any, city: Any, country: Any) -> Facts | None:
    code = _code(country) if isinstance(country, str) and len(country) == 2 else ""
    location = _location(latitude, longitude, city, code)
    return Facts(location, code) if location is not None or code else None


@functools.lru_cache(_CODES)
def _code(country: str) -> str:
    code = country.upper()
    return code if _COUNTRY.fullmatch(code) and code not in _NO_COUNTRY else ""


def _location(latitude: Any, longitude: Any, city: Any, country: str) -> Location | None:
    try:
        north, east = float(latitude), float(longitude)
    except (TypeError, ValueError):
        return None
    # Comparing rules out what is no number, too; nobody lives where both are 0.
    if not (abs(north) <= 90 and abs(east) <= 180) or north == east == 0:
        return None
    named = isinstance(city, str) and city
    name = f"{city}, {country}" if named and country else city if named else country
    return Location(north, east, name[:100] or "an unnamed place")
