"""The GeoIP database that ``nearcast up`` makes for itself."""

from pathlib import Path

import geoip2.database
import pytest

from deploy.up.geography import edge_regions, ensure_database


@pytest.mark.parametrize(
    ("address", "city", "country"),
    [
        ("192.0.2.0", "Frankfurt", "DE"),
        ("192.0.2.255", "Frankfurt", "DE"),
        ("127.0.0.1", "Frankfurt", "DE"),
        ("::1", "Frankfurt", "DE"),
        ("198.51.100.77", "Ashburn", "US"),
        ("203.0.113.1", "Singapore", "SG"),
        ("198.18.0.1", "São Paulo", "BR"),
        ("198.19.255.255", "São Paulo", "BR"),
    ],
)
def test_an_address_is_found_in_its_city(
    tmp_path: Path, address: str, city: str, country: str
) -> None:
    ensure_database(tmp_path / "geoip.mmdb")

    with geoip2.database.Reader(tmp_path / "geoip.mmdb") as reader:
        found = reader.city(address)
    assert (found.city.name, found.country.iso_code) == (city, country)


def test_other_addresses_are_in_no_city(tmp_path: Path) -> None:
    ensure_database(tmp_path / "geoip.mmdb")

    with (
        geoip2.database.Reader(tmp_path / "geoip.mmdb") as reader,
        pytest.raises(geoip2.errors.AddressNotFoundError),
    ):
        reader.city("8.8.8.8")


@pytest.mark.parametrize("damage", [b"", b"no database", b"\x00" * 4096])
def test_a_broken_database_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "geoip.mmdb"
    path.write_bytes(damage)

    ensure_database(path)

    with geoip2.database.Reader(path) as reader:
        assert reader.city("203.0.113.1").city.name == "Singapore"


def test_a_whole_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "geoip.mmdb"
    ensure_database(path)
    made = path.stat().st_mtime_ns

    ensure_database(path)

    assert path.stat().st_mtime_ns == made


def test_five_edges_stand_in_four_regions() -> None:
    assert edge_regions() == {
        "eu-1": "eu",
        "eu-2": "eu",
        "us-1": "us",
        "ap-1": "ap",
        "sa-1": "sa",
    }
