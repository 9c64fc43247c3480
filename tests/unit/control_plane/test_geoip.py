"""Databases of both schemas, broken ones, those of something else, and addresses that nobody
knows."""

import contextlib
import os
import random
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from control_plane.geoip import Facts, GeoDatabase, GeoDatabaseUnusable, network_of, place_of
from control_plane.routing import Location
from deploy.up.geography import ensure_database
from tests.servers.parts import GEOIP_CITIES, GEOIP_COUNTRIES, installed
from tests.unit.control_plane.databases import SYSTEMS, city, write_database

FLAT: dict[str, dict[Any, Any]] = {
    "192.0.2.0/24": {
        "country_code": "DE",
        "city": "Berlin",
        "latitude": "52.52",
        "longitude": "13.40",
    },
    "198.51.100.0/24": {"country_code": "US"},
    "203.0.113.0/24": {"country_code": "SG", "latitude": 1.35, "longitude": 103.82},
    "2001:db8::/32": {"city": "Oslo", "latitude": 59.9, "longitude": 10.7},
    "192.88.99.0/24": {"latitude": "north", "longitude": 0},
    "192.0.0.0/24": {"country_code": "ZZ", "latitude": 0.0, "longitude": 0.0},
    "198.18.0.0/24": {"country_code": "../etc", "latitude": 91, "longitude": float("nan")},
    "198.18.1.0/24": {"country": "no", "latitude": 59.9, "longitude": 10.7},
}


@pytest.fixture
def flat(tmp_path: Path) -> GeoDatabase:
    return GeoDatabase(write_database(tmp_path / "flat.mmdb", FLAT), place_of)


@pytest.mark.parametrize(
    ("address", "facts"),
    [
        ("192.0.2.7", Facts(Location(52.52, 13.4, "Berlin, DE"), "DE")),
        ("203.0.113.7", Facts(Location(1.35, 103.82, "SG"), "SG")),
        ("2001:db8::7", Facts(Location(59.9, 10.7, "Oslo"))),
        ("198.51.100.7", Facts(country="US")),
        ("198.18.1.7", Facts(Location(59.9, 10.7, "NO"), "NO")),
        ("192.88.99.1", None),
        ("192.0.0.1", None),
        ("198.18.0.1", None),
        ("8.8.8.8", None),
        ("2001:4860::1", None),
    ],
)
def test_flat_records(flat: GeoDatabase, address: str, facts: Facts | None) -> None:
    assert flat.find(ip_address(address)) == facts


def test_records_in_the_schema_of_maxmind(tmp_path: Path) -> None:
    ensure_database(tmp_path / "city.mmdb")

    found = GeoDatabase(tmp_path / "city.mmdb", place_of).find(ip_address("203.0.113.7"))

    assert found == Facts(Location(1.35, 103.82, "Singapore, SG"), "SG")


def test_records_of_countries_in_the_schema_of_maxmind(tmp_path: Path) -> None:
    record = {"country": {"iso_code": "FR", "names": {"en": "France"}}, "continent": {"code": "EU"}}
    path = write_database(tmp_path / "country.mmdb", {"192.0.2.0/24": record})

    assert GeoDatabase(path, place_of).find(ip_address("192.0.2.1")) == Facts(country="FR")


@pytest.mark.parametrize(
    ("record", "asn"),
    [
        ({"autonomous_system_number": 64496}, 64496),
        ({"autonomous_system_number": "64496"}, 64496),
        ({"asn": "AS4200000000", "name": "x"}, 4_200_000_000),
    ],
)
def test_records_of_autonomous_systems(tmp_path: Path, record: dict[str, Any], asn: int) -> None:
    path = write_database(tmp_path / "asn.mmdb", {"192.0.2.0/24": record})

    assert GeoDatabase(path, network_of).find(ip_address("192.0.2.1")) == Facts(asn=asn)


def test_an_ipv6_address_in_a_database_of_ipv4(tmp_path: Path) -> None:
    path = write_database(tmp_path / "four.mmdb", {"192.0.2.0/24": FLAT["192.0.2.0/24"]}, version=4)

    assert GeoDatabase(path, place_of).find(ip_address("2001:db8::1")) is None


def test_the_real_databases_tell_what_is_known(tmp_path: Path) -> None:
    four = GeoDatabase(installed(GEOIP_CITIES[0]), place_of)
    country = GeoDatabase(installed(GEOIP_COUNTRIES), place_of)
    google = ip_address("8.8.8.8")

    found = four.find(google)
    assert found is not None
    assert found.location is not None
    assert found.country == "US"
    assert found.location.name.endswith(", US")
    assert country.find(google) == Facts(country="US")
    assert country.find(ip_address("10.1.2.3")) is four.find(ip_address("10.1.2.3")) is None


def unusable(path: Path) -> str:
    with pytest.raises(GeoDatabaseUnusable, match="cannot be used: ") as caught:
        GeoDatabase(path, place_of)
    told = str(caught.value)
    assert told.startswith(f"The GeoIP database {path} cannot be used: ")
    assert "/proc/" not in told
    return told


def test_a_missing_database_is_told(tmp_path: Path) -> None:
    assert unusable(tmp_path / "none.mmdb").endswith(": No such file or directory.")


@pytest.mark.parametrize("content", [b"", b"no database\n", b"\x00" * 5000])
def test_a_broken_database_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.mmdb").write_bytes(content)

    unusable(tmp_path / "broken.mmdb")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_cut_database_is_told(tmp_path: Path, kept: float) -> None:
    ensure_database(tmp_path / "whole.mmdb")
    whole = (tmp_path / "whole.mmdb").read_bytes()
    (tmp_path / "cut.mmdb").write_bytes(whole[: int(len(whole) * kept)])

    unusable(tmp_path / "cut.mmdb")


def test_a_database_that_was_damaged_anywhere_is_told_or_used(tmp_path: Path) -> None:
    records = {f"10.{number}.0.0/16": city("DE", 50.0, 8.0, f"{number}") for number in range(99)}
    whole = write_database(tmp_path / "whole.mmdb", records).read_bytes()
    chance, used = random.Random(1), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 3, 30))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / "damaged.mmdb").write_bytes(damaged)
        with contextlib.suppress(GeoDatabaseUnusable):
            database = GeoDatabase(tmp_path / "damaged.mmdb", place_of)
            used += 1
            for number in range(99):
                database.find(ip_address(f"10.{number}.0.1"))

    assert 0 < used < 300


def test_a_database_of_something_else_is_told(tmp_path: Path) -> None:
    systems = write_database(tmp_path / "asn.mmdb", SYSTEMS)
    cities = write_database(tmp_path / "city.mmdb", {"192.0.2.0/24": city("DE", 52.5, 13.4)})

    assert "only 0 of 2 records tell a place" in unusable(systems)
    with pytest.raises(GeoDatabaseUnusable, match="only 0 of 1 records tell an autonomous system"):
        GeoDatabase(cities, network_of)


def test_a_database_that_knows_no_address_is_told(tmp_path: Path) -> None:
    assert "it knows no address" in unusable(write_database(tmp_path / "empty.mmdb", {}))


def test_what_is_no_file_is_told_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "it is no file" in unusable(tmp_path / "pipe")
    assert "Is a directory" in unusable(tmp_path)


def test_a_file_that_is_cut_while_it_is_used_changes_nothing(tmp_path: Path) -> None:
    path = write_database(tmp_path / "flat.mmdb", FLAT)
    database = GeoDatabase(path, place_of)
    os.truncate(path, 0)

    found = database.find(ip_address("192.0.2.7"))
    assert found is not None
    assert found.country == "DE"
