import numpy as np
import pytest

from control_plane.simulation.demand import CHANGED, FLOOR, HALF_LIFE_HOURS, Audiences, Demand
from control_plane.simulation.options import Options
from control_plane.simulation.workload import workload_of

ONCE = FLOOR * 100


def test_a_rate_that_stays_is_known_as_it_is_and_halves_when_it_ends() -> None:
    demand = Demand(np.full((1, 1), ONCE))
    demand.take_in(np.full((1, 1), ONCE))
    assert demand.rates == pytest.approx(ONCE)

    for _ in range(int(HALF_LIFE_HOURS)):
        demand.take_in(np.zeros((1, 1)))
    assert demand.rates == pytest.approx(ONCE / 2)


def test_only_what_has_changed_enough_is_told_and_only_once() -> None:
    demand = Demand(np.full((2, 3), ONCE))
    assert demand.changed().tolist() == []

    demand.rates[1, 0] *= CHANGED * 1.05
    demand.rates[0, 1] *= 1.1
    demand.rates[0, 2] /= CHANGED * 1.05
    assert demand.changed().tolist() == [0, 2]
    assert demand.changed().tolist() == []
    demand.rates[1, 0] *= 1.4
    assert demand.changed().tolist() == []


def test_what_is_hardly_watched_is_not_told_at_each_view() -> None:
    demand = Demand(np.zeros((1, 1)))
    demand.rates[:] = FLOOR * (CHANGED - 1) * 0.9

    assert demand.changed().tolist() == []


def test_a_new_asset_is_expected_to_do_as_its_creators_others() -> None:
    workload = workload_of(Options(days=1, assets=1000, edges=4))
    rates = np.outer([1.0, 2.0, 3.0, 4.0], workload.creator).astype(np.float64)
    new = np.array([1000, 1001, 1002])

    expected = Audiences(workload).of(new, rates)
    assert expected == pytest.approx(rates[:, new])
    demand = Demand(np.zeros_like(rates))
    demand.expect(new, expected)
    assert demand.rates[:, new] == pytest.approx(expected)
    assert demand.changed().tolist() == []


def test_nobody_new_is_nothing_to_expect() -> None:
    workload = workload_of(Options(days=1, assets=100, edges=4))
    nobody = np.zeros(0, dtype=np.int64)

    assert Audiences(workload).of(nobody, np.zeros((4, 101))).shape == (4, 0)
