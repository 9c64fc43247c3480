"""Demand that fades."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.placement.popularity import DAY, Decay, blended, expected

NOW = 1_800_000_000.0
times = st.floats(0, 30 * DAY)


def test_what_is_watched_at_an_even_rate_for_long_has_that_rate() -> None:
    decay = Decay(NOW, NOW, half_life=3600.0)
    total = 0.0
    for second in range(0, 20 * 3600, 10):
        decay = decay.moved(NOW + second)
        total += 12_500_000 * 10 * decay.weight_at(NOW + second)

    assert decay.rate(total, NOW + 20 * 3600) == pytest.approx(100e6, rel=0.01)


def test_what_is_watched_no_more_counts_half_after_a_half_life() -> None:
    decay = Decay(NOW, NOW)
    total = 1e9 * decay.weight_at(NOW)
    rates = [decay.rate(total, NOW), Decay(NOW, NOW + DAY).rate(total, NOW + DAY)]

    assert rates[1] == pytest.approx(rates[0] / 2)


@given(st.lists(st.tuples(times, st.integers(0, 10**12)), min_size=1, max_size=20), st.randoms())
def test_many_add_to_the_same_total_in_any_order(
    watched: list[tuple[float, int]], order: Random
) -> None:
    def total(counts: list[tuple[float, int]]) -> float:
        return math.fsum(size * Decay(NOW, NOW + at).weight_at(NOW + at) for at, size in counts)

    mixed = list(watched)
    order.shuffle(mixed)
    assert total(mixed) == pytest.approx(total(watched))


@given(times, st.floats(0, 1e15), times)
def test_to_renew_totals_changes_no_rate(age: float, count: float, later: float) -> None:
    decay = Decay(NOW, NOW + age)
    total = count * decay.weight_at(NOW + age)
    renewed, factor = decay.renewed()
    then = NOW + age + min(later, DAY)

    assert renewed.landmark == decay.reference
    assert renewed.rate(total * factor, then) == pytest.approx(decay.rate(total, then))


def test_totals_are_due_long_before_they_overflow() -> None:
    decay = Decay(NOW, NOW + 300 * DAY)

    assert decay.due
    assert not Decay(NOW, NOW + 200 * DAY).due
    assert math.isfinite(decay.weight_at(NOW + 1000 * DAY) * 1e18 * 1e6)
    assert not decay.renewed()[0].due


@given(st.one_of(st.floats(), st.floats(0, 4 * NOW)), times)
def test_a_clock_that_jumped_counts_twice_at_most(clock: float, age: float) -> None:
    decay = Decay(NOW, NOW + age)
    right = decay.weight_at(NOW + age)

    assert 0.499 * right < decay.weight_at(clock) < 2.001 * right
    moved = decay.moved(clock)
    assert abs(moved.reference - decay.reference) <= DAY
    assert moved.reference >= moved.landmark


@pytest.mark.parametrize("total", [math.nan, math.inf, -1.0, 0.0])
def test_a_total_that_makes_no_sense_is_no_rate(total: float) -> None:
    assert Decay(NOW, NOW).rate(total, NOW) == 0


def test_a_new_asset_is_expected_to_be_watched_as_its_creators_others_are() -> None:
    others = [{"eu": 30.0, "us": 10.0}, {"eu": 10.0}, {"ap": math.nan, "us": -5.0}, {}]

    assert expected(others) == {"eu": 10.0, "us": 2.5}
    assert expected([]) == {}


def test_what_is_measured_takes_over_from_what_was_expected() -> None:
    prior = {"eu": 100.0, "us": 8.0}

    assert blended(prior, {}, 0, DAY) == prior
    assert blended(prior, {"eu": 20.0, "ap": 1.0}, DAY, DAY) == {"eu": 70.0, "us": 4.0, "ap": 1.0}
    assert blended(prior, {"eu": 20.0}, 1e300, DAY)["eu"] == pytest.approx(20.0)
