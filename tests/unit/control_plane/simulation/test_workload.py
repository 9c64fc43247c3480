from dataclasses import replace

import numpy as np
import pytest

from control_plane.simulation.options import Options, SimulatedRegion
from control_plane.simulation.workload import (
    FLASH_HOURS,
    FLASH_SHARE,
    HOME,
    LONGEST_SECONDS,
    NEWS,
    NEWS_HALF_LIFE,
    TOUCHED,
    day_cycle,
    workload_of,
)

SMALL = Options(days=4, assets=2000, edges=8, views=400_000)


def test_the_appeal_of_the_catalogue_is_zipfs_law() -> None:
    for exponent in (0.6, 0.9, 1.2):
        made = workload_of(replace(SMALL, zipf=exponent))
        appeal = np.sort(made.appeal[: SMALL.assets])[::-1]
        slope, _ = np.polyfit(np.log(np.arange(1, SMALL.assets + 1)), np.log(appeal), 1)

        assert slope == pytest.approx(-exponent)


def test_the_same_seed_is_the_same_month_and_another_is_not() -> None:
    one, same, other = (workload_of(replace(SMALL, seed=seed)) for seed in (1, 1, 2))

    assert np.array_equal(one.sizes, same.sizes)
    assert np.array_equal(one.views(30), same.views(30))
    assert not np.array_equal(one.sizes, other.sizes)
    assert not np.array_equal(one.views(30), other.views(30))


def test_a_day_has_the_views_that_were_asked_for() -> None:
    made = workload_of(SMALL)
    # The second day is before the flash crowd.
    expected = sum(made.rates(hour).sum() for hour in range(24, 48))
    drawn = sum(made.views(hour).sum() for hour in range(24, 48))

    assert expected == pytest.approx(SMALL.views, rel=0.01)
    assert drawn == pytest.approx(SMALL.views, rel=0.01)


def test_every_region_has_its_share_and_its_own_evening() -> None:
    made = workload_of(replace(SMALL, assets=20_000))
    by_hour = np.array([made.rates(hour).sum(axis=1) for hour in range(24)])

    assert by_hour.sum(axis=0) / by_hour.sum() == pytest.approx(made.share, abs=0.08)
    for number, region in enumerate(SMALL.regions):
        assert (by_hour[:, number].argmax() + region.utc_offset) % 24 == 21
        assert (by_hour[:, number].argmin() + region.utc_offset) % 24 in {4, 5}


def test_the_cycle_of_a_day_is_one_on_average_and_has_no_leaps() -> None:
    assert np.mean([day_cycle(hour) for hour in range(24)]) == pytest.approx(1)
    assert day_cycle(-5) == day_cycle(19) == day_cycle(43)
    assert day_cycle(5.5) == pytest.approx((day_cycle(5) + day_cycle(6)) / 2)


def test_audiences_are_whole_and_half_of_each_is_at_home() -> None:
    made = workload_of(SMALL)

    assert made.audience.sum(axis=0) == pytest.approx(1)
    assert (made.audience.max(axis=0) >= HOME).all()
    for creator in range(5):
        audience = made.audience[:, made.creator == creator]
        assert (audience == audience[:, :1]).all()


def test_what_is_new_is_asked_for_more_until_it_is_old() -> None:
    made = workload_of(SMALL)
    asset = SMALL.assets
    published = int(made.published_hour[asset])
    assert published >= 0

    def surplus(age: float) -> float:
        hour = int(published + age)
        old = int(np.argmin(made.published_hour))
        shares = made.rates(hour).sum(axis=0) / made.audience.sum(axis=0)
        relative = shares[asset] / shares[old] * made.appeal[old] / made.appeal[asset]
        return float(relative) - 1

    # Regions have other hours: only an audience that is the same everywhere compares exactly.
    assert surplus(0) == pytest.approx(NEWS, rel=0.5)
    assert surplus(NEWS_HALF_LIFE) / surplus(0) == pytest.approx(0.5, rel=0.05)
    assert made.rates(published - 1)[:, asset].sum() == 0


def test_assets_are_published_through_the_month_and_none_before_it_is_its_turn() -> None:
    made = workload_of(SMALL)
    new = [asset for hour in range(SMALL.hours) for asset in made.newcomers(hour)]

    assert new == list(range(SMALL.assets, SMALL.all_assets))
    assert (np.diff(made.published_hour) >= 0).all()


def test_sizes_and_lengths_are_those_of_what_ingest_takes() -> None:
    made = workload_of(replace(SMALL, assets=20_000))

    assert made.seconds.min() >= 5
    assert made.seconds.max() <= LONGEST_SECONDS
    assert np.median(made.seconds) == pytest.approx(120, rel=0.05)
    assert (made.view_bytes == made.sizes * TOUCHED).all()
    assert (made.view_requests >= 5).all()


def test_a_flash_crowd_comes_for_the_newest_asset_and_goes() -> None:
    made = workload_of(SMALL)
    during, after = made.flash_hour, made.flash_hour + FLASH_HOURS

    def part(hour: int) -> float:
        traffic = (made.rates(hour) * made.view_bytes).sum(axis=0)
        return float(traffic[made.flash_asset] / traffic.sum())

    assert part(during) == pytest.approx(FLASH_SHARE / (1 + FLASH_SHARE), rel=0.2)
    assert part(after) < part(during) / 3
    assert made.published_hour[made.flash_asset] <= made.flash_hour
    assert made.published_hour[made.flash_asset + 1] > made.flash_hour


def test_a_catalogue_of_one_without_publishing_is_a_workload() -> None:
    options = Options(
        days=1, assets=1, publishes=0, edges=1, regions=(SimulatedRegion("eu", 0, 1),), views=24
    )
    made = workload_of(options)

    assert made.rates(0).shape == (1, 1)
    assert made.newcomers(0) == range(1, 1)
    assert made.flash_asset == 0
