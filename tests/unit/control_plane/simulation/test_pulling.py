import numpy as np
import pytest

from control_plane.simulation.options import Options
from control_plane.simulation.outages import Fleet, fleet_of
from control_plane.simulation.pulling import Shields
from control_plane.simulation.workload import TOUCHED

ASSETS = 3000
SIZES = np.full(ASSETS, 100.0)
PLENTY = 1e12


def fleet(edges: int = 40) -> Fleet:
    return fleet_of(Options(days=1, edges=edges, assets=ASSETS))


def shields(edges: int = 40) -> Shields:
    made = Shields(fleet(edges), SIZES)
    made.follow(np.ones(edges + 1, dtype=np.bool_))
    return made


def views_of(asset: int, number: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    views = np.zeros(ASSETS)
    views[asset] = number
    return views


def test_assets_spread_evenly_over_the_edges_of_their_region() -> None:
    made = shields()
    for region, rows in enumerate(fleet().rows):
        counts = np.bincount(made.shield[region], minlength=41)[rows]

        assert counts.sum() == ASSETS
        assert counts.max() < 1.25 * counts.mean()


def test_an_edge_that_goes_takes_only_its_own_and_what_it_pulled() -> None:
    made = shields()
    for region in range(4):
        made.serve(region, 0, np.full(ASSETS, 1000.0))
    before, gone = made.shield.copy(), 3
    up = np.ones(41, dtype=np.bool_)
    up[gone] = False
    made.follow(up)

    lost = before[0] == gone
    assert (made.shield[0, lost] != gone).all()
    assert (made.shield[:, ~lost][0] == before[0, ~lost]).all()
    assert (made.part[0, lost] == 0).all()
    assert made.part[0, ~lost] == pytest.approx(1)
    made.follow(np.ones(41, dtype=np.bool_))
    assert np.array_equal(made.shield, before)


def test_a_segment_is_pulled_once_however_many_ask() -> None:
    made = shields()

    first = made.serve(0, 0, views_of(5, 1000))
    again = made.serve(0, 1, views_of(5, 1000))

    assert first[5] == pytest.approx(1)
    assert again[5] == pytest.approx(0, abs=1e-9)
    assert first.sum() == first[5]


def test_few_views_pull_no_more_than_they_take() -> None:
    pulled = shields().serve(0, 0, views_of(5, 1))

    assert 0.9 * TOUCHED < pulled[5] <= TOUCHED


def test_a_region_without_edges_asks_the_origin_for_every_view() -> None:
    made = shields()
    up = np.ones(41, dtype=np.bool_)
    up[fleet().rows[0]] = False
    made.follow(up)

    for hour in range(2):
        assert made.serve(0, hour, views_of(5, 100))[5] == pytest.approx(100 * TOUCHED)
    assert (made.shield[0] == -1).all()
    assert (made.part[0] == 0).all()


def test_what_was_asked_for_longest_ago_goes_first_and_no_more_than_must() -> None:
    made = shields()
    for hour, asset in enumerate((7, 8, 9)):
        made.serve(0, hour, views_of(asset, 1000))
    made.evict(0, 2, PLENTY)
    assert made.part[0, [7, 8, 9]] == pytest.approx(1)

    made.evict(0, 2, 250)
    assert made.part[0, [7, 8, 9]] == pytest.approx([0, 1, 1])
    made.serve(0, 3, views_of(8, 1))
    made.evict(0, 3, 150)
    assert made.part[0, [7, 8, 9]] == pytest.approx([0, 1, 0])
    made.evict(0, 3, 0)
    assert made.part[0].sum() == 0


def test_it_starts_with_what_is_worth_most_and_fits() -> None:
    made = shields()
    worth = np.zeros(ASSETS)
    worth[[10, 20, 30]] = [1.0, 3.0, 2.0]
    made.start(0, 250, worth)

    assert np.flatnonzero(made.part[0]).tolist() == [20, 30]
