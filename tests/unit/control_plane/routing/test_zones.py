"""Zones that operators tell, and those that contradict themselves."""

from ipaddress import ip_address

import pytest

from common.messages.zones import CoverageZone, CoverageZones
from control_plane.routing import zones as module
from control_plane.routing.zones import Zone, ZonesInvalid, ZoneTable, check_regions

REGIONS = ("eu", "us", "ap")


def zone(name: str, *networks: str, regions: tuple[str, ...] = ("eu",)) -> CoverageZone:
    return CoverageZone(name, networks, regions)


def told(*zones: CoverageZone) -> CoverageZones:
    return CoverageZones(zones)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.2.3", "site"),
        ("10.2.2.3", "campus"),
        ("2001:db8::1", "campus"),
        ("::ffff:10.1.2.3", "site"),
        ("11.0.0.1", None),
        ("2001:db9::1", None),
    ],
)
def test_the_longest_prefix_decides(address: str, name: str | None) -> None:
    table = ZoneTable(
        told(zone("campus", "10.0.0.0/8", "2001:db8::/32"), zone("site", "10.1.0.0/16")), REGIONS
    )

    found = table.find(ip_address(address))
    assert (found.name if found else None) == name


def test_the_regions_of_a_zone_are_told_but_those_that_are_no_more() -> None:
    table = ZoneTable(told(zone("z", "10.0.0.0/8", regions=("us", "gone", "eu"))), REGIONS)

    assert table.find(ip_address("10.0.0.1")) == Zone("z", ("us", "eu"))


def test_a_network_twice_in_one_zone_is_there_once() -> None:
    assert len(ZoneTable(told(zone("z", "10.0.0.0/8", "10.0.0.0/8")), REGIONS)) == 1


@pytest.mark.parametrize(
    ("zones", "sentence"),
    [
        ([zone("a"), zone("a")], "Two zones are called 'a'."),
        (
            [zone("a", "10.0.0.0/8"), zone("b", "10.0.0.0/8")],
            "The network 10.0.0.0/8 is in zone 'a' and in zone 'b'.",
        ),
        (
            [zone("a", "10.0.0.0/8"), zone("b", "::ffff:10.0.0.0/104")],
            "The network 10.0.0.0/8 is in zone 'a' and in zone 'b'.",
        ),
        (
            [zone("a", "10.0.0.1/8")],
            "In zone 'a', '10.0.0.1/8' has bits after its prefix: the network is 10.0.0.0/8.",
        ),
        (
            [zone("a", "all")],
            "In zone 'a', 'all' is no network such as 192.0.2.0/24 or 2001:db8::/32.",
        ),
    ],
)
def test_what_contradicts_itself_is_told(zones: list[CoverageZone], sentence: str) -> None:
    with pytest.raises(ZonesInvalid) as caught:
        ZoneTable(told(*zones), REGIONS)

    assert (str(caught.value), caught.value.status) == (sentence, 422)


def test_networks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NETWORKS", 2)
    two = zone("a", "10.0.0.0/8", "11.0.0.0/8")
    ZoneTable(told(two), REGIONS)

    with pytest.raises(ZonesInvalid, match="more than 2 networks"):
        ZoneTable(told(two, zone("b", "12.0.0.0/8")), REGIONS)


@pytest.mark.parametrize(
    ("regions", "sentence"),
    [
        (("eu", "mars"), "Zone 'a' names the region 'mars'; there are eu, us, ap."),
        (("eu", "us", "eu"), "Zone 'a' names the region 'eu' twice."),
    ],
)
def test_regions_that_there_are_not_are_told(regions: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ZonesInvalid) as caught:
        check_regions(told(zone("b"), zone("a", regions=regions)), REGIONS)

    assert str(caught.value) == sentence


def test_regions_that_there_are_are_taken() -> None:
    check_regions(told(zone("a", regions=REGIONS)), REGIONS)
