"""Where things are in ``nearcast up``: four regions, five edges, and a GeoIP database to match.

The address blocks are the ones set aside for documentation (RFC 5737) and benchmarks (RFC 2544), so
that a user sees every region from one machine by naming an address in X-Forwarded-For.
"""

import ipaddress
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import maxminddb
from mmdb_writer import MMDBWriter
from netaddr import IPSet


@dataclass(frozen=True)
class Place:
    """A region, the city it stands in and the address blocks whose clients are there."""

    region: str
    title: str
    city: str
    country: str
    continent: str
    latitude: float
    """Degrees north."""
    longitude: float
    """Degrees east."""
    networks: tuple[str, ...]
    edges: tuple[str, ...]


PLACES = (
    Place(
        region="eu",
        title="Europe",
        city="Frankfurt",
        country="DE",
        continent="EU",
        latitude=50.11,
        longitude=8.68,
        networks=("192.0.2.0/24", "127.0.0.0/8", "::1/128"),
        edges=("eu-1", "eu-2"),
    ),
    Place(
        region="us",
        title="North America",
        city="Ashburn",
        country="US",
        continent="NA",
        latitude=39.04,
        longitude=-77.49,
        networks=("198.51.100.0/24",),
        edges=("us-1",),
    ),
    Place(
        region="ap",
        title="Asia-Pacific",
        city="Singapore",
        country="SG",
        continent="AS",
        latitude=1.35,
        longitude=103.82,
        networks=("203.0.113.0/24",),
        edges=("ap-1",),
    ),
    Place(
        region="sa",
        title="South America",
        city="São Paulo",
        country="BR",
        continent="SA",
        latitude=-23.55,
        longitude=-46.63,
        networks=("198.18.0.0/15",),
        edges=("sa-1",),
    ),
)


def edge_regions() -> dict[str, str]:
    """Every edge of ``nearcast up`` and its region."""
    return {edge: place.region for place in PLACES for edge in place.edges}


def edge_hosts() -> dict[str, str]:
    """The address of every edge: all have one port, or players could not go from one to another
    (rfc8216bis §7.2: a clone of a pathway has another host and no other port)."""
    return {name: f"127.0.0.{number}" for number, name in enumerate(edge_regions(), 2)}


def ensure_database(path: Path) -> None:
    """Makes the GeoIP database at ``path`` unless a whole one is there already."""
    if path.exists() and _whole(path):
        return
    writer = MMDBWriter(
        ip_version=6,
        ipv4_compatible=True,
        database_type="GeoLite2-City",
        languages=["en"],
        description="Nearcast's local regions",
    )
    for place in PLACES:
        writer.insert_network(IPSet(place.networks), _record(place))
    # The writer opens its file by name: a name of its own, moved into place once whole.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        writer.to_db_file(str(made))
        made.replace(path)


def _record(place: Place) -> dict[str, Any]:
    """A record in the schema of MaxMind's City databases."""
    return {
        "city": {"names": {"en": place.city}},
        "continent": {"code": place.continent, "names": {"en": place.title}},
        "country": {"iso_code": place.country, "names": {"en": place.country}},
        "location": {
            "latitude": place.latitude,
            "longitude": place.longitude,
            "accuracy_radius": 10,
        },
    }


def _whole(path: Path) -> bool:
    try:
        with maxminddb.open_database(path) as reader:
            return all(
                _found(reader, network) == place.latitude
                for place in PLACES
                for network in place.networks
            )
    except (maxminddb.InvalidDatabaseError, OSError, ValueError):
        return False


def _found(reader: maxminddb.Reader, network: str) -> object:
    record = reader.get(ipaddress.ip_network(network)[0])
    location = record.get("location") if isinstance(record, dict) else None
    return location.get("latitude") if isinstance(location, dict) else None
