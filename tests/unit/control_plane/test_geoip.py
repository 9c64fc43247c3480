"""Databases of both schemas, broken ones, and addresses that nobody knows."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from control_plane.geoip import GeoDatabase, GeoDatabaseUnusable
from control_plane.routing import Location
from deploy.up.geography import ensure_database

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
}


@pytest.fixture
def flat(tmp_path: Path) -> GeoDatabase:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="city")
    for network, record in FLAT.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(tmp_path / "flat.mmdb"))
    return GeoDatabase(tmp_path / "flat.mmdb")


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("192.0.2.7", Location(52.52, 13.4, "Berlin, DE")),
        ("203.0.113.7", Location(1.35, 103.82, "SG")),
        ("2001:db8::7", Location(59.9, 10.7, "Oslo")),
        ("198.51.100.7", None),
        ("192.88.99.1", None),
        ("8.8.8.8", None),
        ("2001:4860::1", None),
    ],
)
def test_flat_records(flat: GeoDatabase, address: str, location: Location | None) -> None:
    assert flat.locate(ip_address(address)) == location


def test_records_in_the_schema_of_maxmind(tmp_path: Path) -> None:
    ensure_database(tmp_path / "city.mmdb")

    found = GeoDatabase(tmp_path / "city.mmdb").locate(ip_address("203.0.113.7"))

    assert found == Location(1.35, 103.82, "Singapore, SG")


def test_an_ipv6_address_in_a_database_of_ipv4(tmp_path: Path) -> None:
    writer = MMDBWriter(ip_version=4, database_type="city")
    writer.insert_network(IPSet(["192.0.2.0/24"]), FLAT["192.0.2.0/24"])
    writer.to_db_file(str(tmp_path / "four.mmdb"))

    assert GeoDatabase(tmp_path / "four.mmdb").locate(ip_address("2001:db8::1")) is None


def test_a_missing_database_is_told(tmp_path: Path) -> None:
    with pytest.raises(GeoDatabaseUnusable) as caught:
        GeoDatabase(tmp_path / "none.mmdb")

    assert str(caught.value) == (
        f"The GeoIP database {tmp_path}/none.mmdb cannot be used: No such file or directory."
    )


@pytest.mark.parametrize("content", [b"", b"no database\n", b"\x00" * 5000])
def test_a_broken_database_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.mmdb").write_bytes(content)

    with pytest.raises(GeoDatabaseUnusable, match=r"broken\.mmdb cannot be used: "):
        GeoDatabase(tmp_path / "broken.mmdb")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_cut_database_is_told(tmp_path: Path, kept: float) -> None:
    ensure_database(tmp_path / "whole.mmdb")
    whole = (tmp_path / "whole.mmdb").read_bytes()
    (tmp_path / "cut.mmdb").write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(GeoDatabaseUnusable):
        GeoDatabase(tmp_path / "cut.mmdb")
