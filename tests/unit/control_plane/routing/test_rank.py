"""In which order a client's regions come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.routing import Location, Region, region_order
from control_plane.routing.rank import distance

REGIONS = (
    Region("eu", "Europe", 50.11, 8.68),
    Region("us", "North America", 39.04, -77.49),
    Region("ap", "Asia-Pacific", 1.35, 103.82),
)
BERLIN = Location(52.52, 13.4, "Berlin, DE")
TOKYO = Location(35.68, 139.69, "Tokyo, JP")


@pytest.mark.parametrize(
    ("client", "preferred", "expected"),
    [
        pytest.param(BERLIN, (), ("eu", "us", "ap"), id="by distance"),
        pytest.param(TOKYO, (), ("ap", "eu", "us"), id="by distance from afar"),
        pytest.param(None, (), ("eu", "us", "ap"), id="as the operator has them"),
        pytest.param(TOKYO, ("us",), ("us", "ap", "eu"), id="the zone's region first"),
        pytest.param(None, ("ap", "us"), ("ap", "us", "eu"), id="the zone's order"),
        pytest.param(BERLIN, ("ap", "us", "ap"), ("ap", "us", "eu"), id="named twice"),
        pytest.param(BERLIN, ("gone", "ap"), ("ap", "eu", "us"), id="a region that is no more"),
    ],
)
def test_regions_come_by_zone_then_distance_then_the_operators_order(
    client: Location | None, preferred: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert region_order(REGIONS, client, preferred) == expected


places = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180), st.just("a place"))


@given(places, places)
def test_distances_are_symmetric_and_at_most_half_the_globe(one: Location, other: Location) -> None:
    assert distance(one, other) == pytest.approx(distance(other, one), abs=1e-6)
    assert 0 <= distance(one, other) <= 20_016


def test_a_distance_that_is_known() -> None:
    assert distance(REGIONS[0], REGIONS[1]) == pytest.approx(6540, rel=0.01)
