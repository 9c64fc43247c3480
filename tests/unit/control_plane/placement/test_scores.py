"""Weighted rendezvous hashing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.placement.scores import draws, key_of


def keys(*names: str) -> "np.typing.NDArray[np.uint64]":
    return np.array([key_of(name) for name in names], np.uint64)


@given(st.text(), st.text())
def test_a_draw_is_above_0_and_finite(asset: str, edge: str) -> None:
    (drawn,) = draws(keys(asset), keys(edge))

    assert 0 < drawn < 37


def test_draws_are_the_same_in_every_release() -> None:
    drawn = draws(keys("asset-1", "asset-2")[:, None], keys("eu-1", "eu-2")[None, :])

    assert drawn.ravel().tolist() == pytest.approx(
        [0.78354821251436, 1.0362370503702, 1.2241164727424, 0.92447846134065], rel=1e-12
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
