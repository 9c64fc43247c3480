"""GeoIP databases that tests make."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

SYSTEMS = {
    "192.0.2.0/24": {"autonomous_system_number": 64496, "autonomous_system_organization": "One"},
    "2001:db8::/32": {"autonomous_system_number": 64497, "autonomous_system_organization": "Two"},
}


def city(country: str, latitude: float, longitude: float, name: str = "") -> dict[str, Any]:
    """A flat record."""
    named = {"city": name} if name else {}
    return {"country_code": country, "latitude": latitude, "longitude": longitude, **named}


def write_database(
    path: Path, records: Mapping[str, Mapping[str, Any]], *, version: int = 6
) -> Path:
    """Makes the database ``path`` of records by network, moved into place once whole."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="test")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), dict(record))
    made = path.with_suffix(".new")
    writer.to_db_file(str(made))
    return made.replace(path)
