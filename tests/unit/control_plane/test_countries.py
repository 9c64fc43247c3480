"""Where people of a country live."""

import pytest

from control_plane.countries import centres
from control_plane.routing import Location
from control_plane.routing.rank import distance

PARIS = Location(48.86, 2.35, "Paris")


def test_the_centre_of_a_country_is_among_its_people() -> None:
    france = centres()["FR"]

    assert france.name == "France"
    assert distance(france, PARIS) < 300


def test_a_country_on_both_sides_of_the_date_line_has_its_centre_between_them() -> None:
    suva = Location(-18.14, 178.44, "Suva")

    assert distance(centres()["FJ"], suva) < 200


@pytest.mark.parametrize("code", ["US", "BR", "IN", "CN", "NG", "AU", "SG", "VA", "XK"])
def test_countries_have_one(code: str) -> None:
    centre = centres()[code]

    assert -90 <= centre.latitude <= 90
    assert -180 <= centre.longitude <= 180


def test_of_a_capital_whose_people_nobody_has_counted_the_place_is_known() -> None:
    assert distance(centres()["PW"], Location(7.5, 134.62, "Ngerulmud")) < 10


@pytest.mark.parametrize(("code", "near"), [("TK", "AU"), ("UM", "AU"), ("IO", "IN")])
def test_where_no_city_is_the_continent_counts(code: str, near: str) -> None:
    assert distance(centres()[code], centres()[near]) < 3500


def test_what_is_no_country_has_no_centre() -> None:
    assert not centres().keys() & {"AP", "EU", "ZZ", ""}
