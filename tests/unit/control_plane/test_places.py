"""Where addresses are, by real files that change while they are in use."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from common.messages.zones import CoverageZone, CoverageZones
from control_plane import watched_file as module
from control_plane.geoip import GeoDatabaseUnusable
from control_plane.places import Places
from control_plane.routing import NOWHERE, Location, Place
from control_plane.routing.zones import ZoneTable
from tests.unit.control_plane.databases import SYSTEMS, city, write_database

ADDRESS = ip_address("192.0.2.7")
BERLIN = {"192.0.2.0/24": city("DE", 52.5, 13.4, "Berlin")}
OSLO = {"192.0.2.0/24": city("NO", 59.9, 10.7, "Oslo")}


def name(places: Places) -> str:
    location = places.find(ADDRESS).location
    assert location is not None
    return location.name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_database(tmp_path / "city.mmdb", BERLIN)


async def test_each_fact_is_of_the_first_database_that_tells_it(tmp_path: Path) -> None:
    four = write_database(tmp_path / "4.mmdb", BERLIN, version=4)
    six = write_database(tmp_path / "6.mmdb", {"2001:db8::/33": city("NO", 59.9, 10.7)})
    rest = {
        "192.0.0.0/16": {"country_code": "FR"},
        "2001:db8::/32": {"country_code": "FR"},
        "198.51.100.0/24": {"country_code": "AP"},
    }
    countries = write_database(tmp_path / "country.mmdb", rest)
    systems = write_database(tmp_path / "asn.mmdb", SYSTEMS)
    places = await asyncio.to_thread(Places, (four, six, countries), (systems,))

    def find(text: str) -> Place:
        return places.find(ip_address(text))

    assert find("192.0.2.7") == Place(Location(52.5, 13.4, "Berlin, DE"), "DE", 64496)
    assert find("2001:db8::1") == Place(Location(59.9, 10.7, "NO"), "NO", 64497)
    assert find("192.0.3.7").country == find("2001:db8:8000::1").country == "FR"
    middle = find("192.0.3.7").location
    assert middle is not None
    assert (middle.name, round(middle.latitude), round(middle.longitude)) == ("France", 47, 3)
    assert find("198.51.100.1") == Place(country="AP")
    assert find("8.8.8.8") == NOWHERE


@pytest.mark.parametrize(
    "text",
    ["::ffff:192.0.2.7", "64:ff9b::192.0.2.7", "2002:c000:207::1", "2001:0:1:2:3:4:3fff:fdf8"],
)
async def test_an_ipv4_address_in_an_ipv6_address_is_looked_up(path: Path, text: str) -> None:
    places = await asyncio.to_thread(Places, (path,))

    assert places.find(ip_address(text)) == places.find(ADDRESS)


async def test_without_databases_and_zones_everybody_is_nowhere() -> None:
    assert Places().find(ADDRESS) == NOWHERE


async def test_zones_are_told_of_addresses_and_taken_anew(path: Path) -> None:
    table = ZoneTable(
        CoverageZones((CoverageZone("campus", ("192.0.2.0/24",), ("eu", "us")),)), ("eu", "us")
    )
    now = [ZoneTable()]
    places = await asyncio.to_thread(Places, (path,), (), lambda: now[0])
    before = places.find(ADDRESS)
    now[0] = table
    assert places.find(ADDRESS) is before
    places.forget()

    found = places.find(ADDRESS)
    assert (found.zone, found.regions) == ("campus", ("eu", "us"))
    assert (found.location, found.country) == (before.location, before.country)


async def test_a_file_that_changes_is_taken_anew(path: Path) -> None:
    places = await asyncio.to_thread(Places, (path,))
    assert name(places) == "Berlin, DE"
    write_database(path, OSLO)
    assert name(places) == "Berlin, DE", "it was not looked at"
    await places.look()

    assert name(places) == "Oslo, NO"
    assert places.away() == {}


def broken(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def swapped(path: Path) -> None:
    write_database(path, SYSTEMS)


def vanished(path: Path) -> None:
    path.unlink()


def no_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [broken, empty, cut, swapped, vanished, no_file])
async def test_what_cannot_be_used_leaves_what_is_in_use_and_is_told_once(
    path: Path, harm: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    places = await asyncio.to_thread(Places, (path,))
    harm(path)
    for _ in range(3):
        await places.look()

    assert name(places) == "Berlin, DE"
    assert places.away()["geoip"].startswith(f"The GeoIP database {path} cannot be used: ")
    assert capsys.readouterr().out.count("going on with a file as it was") == 1


async def test_what_comes_right_again_is_named_no_more(path: Path) -> None:
    places = await asyncio.to_thread(Places, (path,))
    aside = path.rename(path.with_suffix(".aside"))
    await places.look()
    assert "No such file" in places.away()["geoip"]
    aside.rename(path)
    await places.look()
    assert (places.away(), name(places)) == ({}, "Berlin, DE")
    broken(path)
    await places.look()
    assert places.away()
    write_database(path, OSLO)
    await places.look()

    assert (places.away(), name(places)) == ({}, "Oslo, NO")


async def test_of_several_files_those_that_are_good_are_taken(tmp_path: Path, path: Path) -> None:
    systems = write_database(tmp_path / "asn.mmdb", SYSTEMS)
    places = await asyncio.to_thread(Places, (path,), (systems,))
    broken(path)
    write_database(systems, {"192.0.2.0/24": {"autonomous_system_number": 64500}})
    await places.look()

    assert (name(places), places.find(ADDRESS).asn) == ("Berlin, DE", 64500)


async def test_a_file_that_is_written_in_place_is_taken_once_it_is_whole(
    path: Path, tmp_path: Path
) -> None:
    whole = write_database(tmp_path / "oslo.mmdb", OSLO).read_bytes()
    places = await asyncio.to_thread(Places, (path,))
    with path.open("wb") as file:
        for part in (whole[:200], whole[200:600]):
            file.write(part)
            file.flush()
            await places.look()
            assert name(places) == "Berlin, DE"
            assert places.away()
        file.write(whole[600:])
    await places.look()

    assert (places.away(), name(places)) == ({}, "Oslo, NO")


async def test_at_a_start_what_cannot_be_used_is_an_error(path: Path) -> None:
    swapped(path)
    with pytest.raises(GeoDatabaseUnusable, match="records tell a place"):
        await asyncio.to_thread(Places, (path,))


@asynccontextmanager
async def looking(places: Places) -> AsyncIterator[None]:
    running = asyncio.create_task(places.run())
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_files_are_looked_at_again_and_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    places = await asyncio.to_thread(Places, (path,))
    async with looking(places), asyncio.timeout(20):
        for records, told in ((OSLO, "Oslo, NO"), (BERLIN, "Berlin, DE")):
            write_database(path, records)
            while name(places) != told:  # noqa: ASYNC110 - it looks by itself
                await asyncio.sleep(0.01)
