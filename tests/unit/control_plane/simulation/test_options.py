import math
from dataclasses import replace
from typing import Any

import pytest

from control_plane.simulation.options import (
    BOUNDS,
    REGIONS,
    OptionInvalid,
    Options,
    Prices,
    SimulatedRegion,
    check,
    parse_region,
)


def test_the_defaults_can_be_simulated() -> None:
    options = check(Options())

    assert options.all_assets == 115_000
    assert sum(region.share for region in options.regions) == pytest.approx(1)


@pytest.mark.parametrize("name", BOUNDS)
def test_every_option_has_bounds_that_its_error_tells(name: str) -> None:
    for wrong in (BOUNDS[name].least - 1, BOUNDS[name].most + 1, math.nan, math.inf, -math.inf):
        changed: dict[str, Any] = {name: wrong}
        with pytest.raises(OptionInvalid) as caught:
            check(replace(Options(), **changed))

        assert str(caught.value).startswith(f"--{name.replace('_', '-')}: ")
        assert str(BOUNDS[name]) in str(caught.value)


def test_prices_are_not_negative() -> None:
    with pytest.raises(OptionInvalid, match=r"^--price-edge-month: -1 is not a price from 0 "):
        check(Options(prices=Prices(edge_month=-1)))


def test_more_than_memory_holds_is_refused_before_it_starts() -> None:
    with pytest.raises(OptionInvalid, match="which is what 2 GB of memory hold"):
        check(Options(assets=1_000_000, edges=2000))


def test_each_region_has_an_edge() -> None:
    with pytest.raises(OptionInvalid, match=r"^--edges: 3 is not enough for one in each of 4"):
        check(Options(edges=3))


@pytest.mark.parametrize(
    "regions",
    [
        (),
        (REGIONS[0], REGIONS[0]),
        (SimulatedRegion("eu", 15, 1),),
        (SimulatedRegion("eu", 1, 0),),
        (SimulatedRegion("eu", 1, math.nan),),
    ],
)
def test_regions_have_names_of_their_own_a_time_and_a_share(
    regions: tuple[SimulatedRegion, ...],
) -> None:
    with pytest.raises(OptionInvalid, match=r"^--region: "):
        check(Options(regions=regions))


def test_a_region_is_told_in_one_word() -> None:
    assert parse_region("ap-south:+5.5:0.3") == SimulatedRegion("ap-south", 5.5, 0.3)
    assert parse_region("us:-5:30") == SimulatedRegion("us", -5, 30)


@pytest.mark.parametrize(
    "text", ["", "eu", "eu:1", "eu:1:x", "EU:1:1", "eu:1:1\n", "eu:1:-1", "é:1:1"]
)
def test_anything_else_is_no_region(text: str) -> None:
    with pytest.raises(OptionInvalid, match=r"such as eu:\+1:0\.3"):
        parse_region(text)
