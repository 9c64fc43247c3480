"""Weighted rendezvous hashing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.placement.scores import draws, key_of, low


def keys(*names: str) -> "np.typing.NDArray[np.uint64]":
    return np.array([key_of(name) for name in names], np.uint64)


@given(st.text(), st.text())
def test_a_draw_is_above_0_and_finite(asset: str, edge: str) -> None:
    (drawn,) = draws(keys(asset), keys(edge))

    assert 0 < drawn < 37


def test_draws_are_the_same_in_every_release() -> None:
    drawn = draws(keys("asset-1", "asset-2")[:, None], keys("eu-1", "eu-2")[None, :])

    assert drawn.ravel().tolist() == pytest.approx(
        [0.099305542588857, 1.2970055310777, 0.91316790824787, 0.14732159319422], rel=1e-12
    )


def test_edges_win_in_proportion_to_their_weights() -> None:
    weights = np.array([1.0, 1.0, 2.0, 4.0])
    assets = keys(*(f"asset-{number}" for number in range(40_000)))
    cost = draws(assets[:, None], keys("a", "b", "c", "d")[None, :]) / weights
    wins = np.bincount(cost.argmin(axis=1)) / len(assets)

    assert wins == pytest.approx(weights / weights.sum(), rel=0.04)


def test_an_edge_that_joins_changes_only_what_it_wins() -> None:
    assets = keys(*(f"asset-{number}" for number in range(5000)))
    cost = draws(assets[:, None], keys(*(f"eu-{number}" for number in range(9)))[None, :])
    before, after = cost[:, :8].argmin(axis=1), cost.argmin(axis=1)

    assert set(after[before != after]) == {8}


@pytest.mark.parametrize("part", [0.01, 0.1, 0.9, 1.0, 7.0])
def test_the_lowest_draws_are_found_without_drawing(part: float) -> None:
    assets, edge = keys(*(f"asset-{number}" for number in range(20_000))), keys("eu-1")
    drawn = draws(assets, edge)

    found = low(assets, int(edge[0]), part)

    assert len(found) == pytest.approx(min(part, 1) * len(assets), rel=0.2)
    others = np.delete(drawn, found)
    assert drawn[found].max() < others.min(initial=np.inf)


def test_orders_of_edges_are_even() -> None:
    # Of five edges, each order comes as often as any other, also where names differ by little.
    assets = keys(*(f"asset-{number}" for number in range(60_000)))
    orders = draws(assets[:, None], keys(*"abcde")[None, :]).argsort(axis=1)
    _, often = np.unique(orders @ (5 ** np.arange(5)), return_counts=True)

    assert len(often) == 120
    # Chi squared of 119 degrees of freedom: above 180 with a chance of 1 to 4,000.
    assert ((often - 500.0) ** 2 / 500).sum() < 180
